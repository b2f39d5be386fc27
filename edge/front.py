"""Who asks at a listener: the CDN in front, which keeps copies and can be purged, or somebody else.

    no CDN is set        ANYBODY   answers say how long any cache may keep them
    the CDN, proved      CDN       its lifetimes, and tags to purge by
    anybody else         OTHER     for himself alone: no shared cache may keep it; or nothing at all

The CDN proves itself by a secret in a field of the request, compared in constant time, by a client certificate, which
whoever opens the connection has checked, or by both.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from domicile.media.cdn import CDNS, NO_CDN, Cdn
from edge.cdn_settings import OTHERS_REFUSED, CdnSettings


class Asker(IntEnum):
    ANYBODY = 0
    CDN = 1
    OTHER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """One listener's rule."""

    cdn: Cdn | None = None
    secrets: tuple[bytes, ...] = ()
    secret_field: str = "Domicile-CDN-Secret"  # noqa: S105 - the name of a field
    by_certificate: bool = False
    """Does nobody but the CDN get a connection here?"""
    client_names: tuple[str, ...] = ()
    """DNS names of which its certificate must bear one; none of them: no name is asked for."""
    is_closed: bool = False
    """Is this listener for nobody else?"""
    refuses_others: bool = False

    def asker(self, proofs: Sequence[str]) -> Asker:
        """`proofs`: every value of the secret's field in the request."""
        if self.cdn is None:
            return Asker.ANYBODY
        is_proved = len(proofs) == 1 and is_secret(proofs[0], self.secrets) if self.secrets else self.by_certificate
        return Asker.CDN if is_proved else Asker.OTHER

    def refuses(self, asker: Asker) -> bool:
        return asker is Asker.OTHER and (self.is_closed or self.refuses_others)


ANYBODY = Front()
"""Of a listener that knows no CDN."""


def fronts(settings: CdnSettings) -> tuple[Front, Front | None]:
    """Of `edge.listen`, and of the CDN's own listener if it has one."""
    if settings.kind == NO_CDN:
        return Front(secret_field=settings.secret_field), None
    secrets = tuple(each.encode() for each in (settings.secret, settings.secret_before) if each is not None)
    refuses = settings.others == OTHERS_REFUSED
    cdn, field = CDNS[settings.kind], settings.secret_field
    if settings.listen is None:
        return Front(cdn=cdn, secrets=secrets, secret_field=field, refuses_others=refuses), None
    own = Front(
        cdn=cdn,
        secrets=secrets,
        secret_field=field,
        by_certificate=settings.client_ca_file is not None,
        client_names=settings.client_names,
        is_closed=True,
    )
    return Front(cdn=cdn, secret_field=field, refuses_others=refuses), own


def is_secret(said: str, secrets: Iterable[bytes]) -> bool:
    """In a time that tells neither how much of one was right nor which."""
    given = said.encode("utf-8", "surrogateescape")
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(given, secret)
    return found


def bears_name(certificate: Mapping[str, Any] | None, names: Iterable[str]) -> bool:
    """Has a client certificate (as `ssl.getpeercert` tells it) one of these DNS names?"""
    wanted = {name.lower() for name in names}
    if not wanted:
        return True
    said = () if certificate is None else certificate.get("subjectAltName", ())
    return any(kind == "DNS" and value.lower() in wanted for kind, value in said)
