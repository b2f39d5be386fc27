"""Is a certificate one to change over to: looked at before a renewal, so that a good one is not given up for it.

What is in force already is not judged: a process that starts with a certificate that has ended serves with it, and clients tell.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NoReturn

from cryptography import x509

from domicile.service.settings import BadSetting, blamed
from domicile.service.zones import zone_of


def refuse_unfit(certificate: Path, *, setting: str, now: float, region: str | None = None) -> None:
    """The first certificate of a file, which is the one that is shown. `region`: that it must be bound to.

    Raises BadSetting for one that has ended, has not begun, or is for another region.
    """
    with blamed(setting, certificate, "a PEM file"):
        text = certificate.read_bytes()
    try:
        shown = x509.load_pem_x509_certificates(text)[0]
    except ValueError:
        _refuse(setting, certificate, "no certificate is in it")
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    if moment > shown.not_valid_after_utc:
        _refuse(setting, certificate, f"it ended {shown.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if moment < shown.not_valid_before_utc:
        _refuse(setting, certificate, f"it begins {shown.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    if region is not None and _zone(shown) != region:
        _refuse(setting, certificate, f"it is not bound to the region {region}")


def _zone(certificate: x509.Certificate) -> str | None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return zone_of(
        {"subjectAltName": tuple(("URI", uri) for uri in names.get_values_for_type(x509.UniformResourceIdentifier))}
    )


def _refuse(setting: str, certificate: Path, why: str) -> NoReturn:
    raise BadSetting(f"{setting}: {str(certificate)!r} cannot be used ({why}); allowed: one that is valid now")
