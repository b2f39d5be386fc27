"""What can be set about a CDN in front; `edge.settings` composes it under `edge.cdn`."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from domicile.media.cdn import CDNS, NO_CDN
from domicile.service.settings import BadSetting, Secret, setting

SECRET_CHARACTERS_MIN = 16
OTHERS_SERVED, OTHERS_REFUSED = "private", "refuse"
PORT_MAX = 65535


def is_listen(text: str) -> bool:
    match = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+):([0-9]{1,5})", text)
    return match is not None and int(match[1]) <= PORT_MAX


LISTEN_LIKE = f"HOST:PORT like 127.0.0.1:8080 or [::]:8080, with a port from 0 to {PORT_MAX}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CdnSettings:
    """A CDN in front of this node, and how it shows that it is the one."""

    kind: str = setting(
        NO_CDN, "The CDN in front; it decides in which fields tags and lifetimes go out.", choices=(NO_CDN, *CDNS)
    )
    secret: Secret | None = setting(
        None, f"What the CDN sends in `secret_field` with every request, at least {SECRET_CHARACTERS_MIN} characters."
    )
    secret_before: Secret | None = setting(None, "The secret before this one, while the CDN still sends it.")
    secret_field: str = setting(
        "Domicile-CDN-Secret",
        "Request field of the secret.",
        check=re.compile(r"[A-Za-z0-9-]+").fullmatch,
        like="a field name",
    )
    others: str = setting(
        OTHERS_SERVED,
        "Whoever asks for media on `edge.listen` and is not the CDN gets it for himself alone (private), or 403 (refuse).",
        choices=(OTHERS_SERVED, OTHERS_REFUSED),
    )
    layers: int = setting(
        1,
        "Caches of the CDN in a row that start a copy's lifetime anew (do not count Age); each is given C / layers.",
        at_least=1,
        at_most=8,
    )
    keys_by_vary: bool | None = setting(
        None,
        "Does the CDN keep a copy for each value of what Vary names? Empty: as its kind does by itself. Where it does not,"
        " it is told to keep nothing that varies.",
    )
    listen: str | None = setting(
        None,
        "An address for the CDN alone: whoever is not the CDN gets 403 there, and nobody is the CDN on `edge.listen`.",
        check=lambda text: is_listen(text) and not text.endswith(":0"),
        like="HOST:PORT like 127.0.0.1:8082, with a port",
    )
    certificate_file: Path | None = setting(None, "PEM file of the certificate for TLS on `listen`; empty: no TLS.")
    key_file: Path | None = setting(None, "PEM file of the private key of `certificate_file`.")
    client_ca_file: Path | None = setting(
        None, "PEM file of the authority whose client certificates are taken on `listen`; others cannot connect."
    )
    client_names: tuple[str, ...] = setting(
        (),
        "DNS names of which a client certificate must bear one; empty takes every one that the authority signed.",
    )

    def validate(self) -> None:
        """What one field alone cannot tell. Raises BadSetting."""
        for name in ("secret", "secret_before"):
            value = getattr(self, name)
            if value is not None and not re.fullmatch(rf"[\x21-\x7e]{{{SECRET_CHARACTERS_MIN},}}", value):
                raise BadSetting(
                    f"edge.cdn.{name}: '***' is not at least {SECRET_CHARACTERS_MIN} printable ASCII characters without spaces"
                )
        if self.secret_before is not None and self.secret is None:
            raise BadSetting("edge.cdn.secret_before: there is no edge.cdn.secret after it")
        if self.client_ca_file is not None and (self.certificate_file is None or self.listen is None):
            raise BadSetting("edge.cdn.client_ca_file: needs edge.cdn.listen and edge.cdn.certificate_file")
        if self.certificate_file is not None and self.listen is None:
            raise BadSetting("edge.cdn.certificate_file: needs edge.cdn.listen")
        if self.client_names and self.client_ca_file is None:
            raise BadSetting("edge.cdn.client_names: needs edge.cdn.client_ca_file")
        is_shown = self.secret is not None or self.client_ca_file is not None
        if self.kind != NO_CDN and not is_shown:
            raise BadSetting(
                f"edge.cdn.kind: {self.kind!r} needs edge.cdn.secret or edge.cdn.client_ca_file, by which the CDN is known"
            )
        if self.kind == NO_CDN and (is_shown or self.listen is not None):
            raise BadSetting(
                f"edge.cdn.kind: {NO_CDN!r} is not allowed with edge.cdn.secret or edge.cdn.listen; allowed: "
                + ", ".join(CDNS)
            )
