"""What can be set about other edges as parent or children; `edge.settings` composes it under `edge.tier`."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from domicile.media.policy import zones_of
from domicile.service.settings import BadSetting, setting
from edge.cdn_settings import is_listen

FROM_ORIGIN, REFUSE = "origin", "refuse"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TierSettings:
    """Another edge to ask before the origin is, or edges that ask this one. Never both: there are two tiers."""

    parent: str | None = setting(
        None,
        "Where the parent's `edge.tier.listen` is reached: renditions are asked for there before they are made here.",
        check=re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?").fullmatch,
        like="https://HOST[:PORT]",
    )
    parent_region: str | None = setting(
        None, "The region that the parent's certificate must be bound to.", check=zones_of, like="a region like eu-de"
    )
    without_parent: str = setting(
        FROM_ORIGIN,
        "When the parent does not answer: make it here from the origin's original (origin), or 503 (refuse).",
        choices=(FROM_ORIGIN, REFUSE),
    )
    connect_seconds_max: float = setting(1.0, "Longest wait for a connection to the parent.", at_least=0.01)
    answer_seconds_max: float = setting(20.0, "Longest wait for an answer of the parent, all of it.", at_least=0.01)
    retry_seconds: float = setting(
        5.0,
        "A parent that cannot be connected to, or does not answer several times in a row, is not asked for so long.",
        at_least=0.0,
    )
    connections_max: int = setting(64, "Connections of one worker to the parent.", at_least=1, at_most=4096)
    listen: str | None = setting(
        None,
        "Address and port for children.",
        check=lambda text: is_listen(text) and not text.endswith(":0"),
        like="HOST:PORT like 10.0.0.1:8083, with a port",
    )
    ca_file: Path | None = setting(None, "PEM file of the authority that signs the nodes' certificates.")
    certificate_file: Path | None = setting(None, "PEM file of this node's certificate, bound to its region.")
    key_file: Path | None = setting(None, "PEM file of the private key of `certificate_file`.")

    def validate(self) -> None:
        """What one field alone cannot tell. Raises BadSetting."""
        if self.parent is not None and self.listen is not None:
            raise BadSetting("edge.tier.parent: not allowed with edge.tier.listen; a parent has no parent")
        if self.parent is not None and self.parent_region is None:
            raise BadSetting("edge.tier.parent_region: empty is not allowed with edge.tier.parent; allowed: its region")
        for name in ("ca_file", "certificate_file"):
            if getattr(self, name) is None and (self.parent is not None or self.listen is not None):
                raise BadSetting(f"edge.tier.{name}: empty is not allowed with edge.tier.parent or edge.tier.listen")
