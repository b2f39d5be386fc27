"""Certificates that the origin's listeners show, and how they are renewed while it runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from domicile.service import logging
from domicile.service.certificates import refuse_unfit
from domicile.service.settings import BadSetting
from domicile.service.tls import load
from origin.settings import OriginSettings

log = logging.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a listener shows. `setting`: that names the file."""

    setting: str
    file: Path
    key: Path | None
    tls: SSLContext


def certificates_of(settings: OriginSettings, *, api: SSLContext | None, wire: SSLContext | None) -> list[Certificate]:
    """Of the listeners that have one."""
    own = settings.tls
    shown = [
        ("origin.tls.certificate_file", own.certificate_file, own.key_file, api),
        ("origin.wire_certificate", settings.wire_certificate, settings.wire_key, wire),
    ]
    return [
        Certificate(setting=setting, file=file, key=key, tls=tls)
        for setting, file, key, tls in shown
        if file is not None and tls is not None
    ]


def reread_certificate(certificate: Certificate) -> None:
    """For handshakes from now on. Files that cannot be used change nothing, and are logged."""
    setting = certificate.setting
    try:
        refuse_unfit(certificate.file, setting=setting, now=time.time())
        load(certificate.tls, certificate.file, certificate.key, setting=setting)
    except BadSetting as bad:
        log.warning("certificate_not_reread", setting=setting, reason=str(bad))
    else:
        log.info("certificate_reread", setting=setting)
