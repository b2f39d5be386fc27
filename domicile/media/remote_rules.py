"""What a cloud's policy says of pictures elsewhere. With no hosts, or nowhere to fetch (`ingress_fetch`), none are fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DELIVERY = ("off", "signed", "open")
"""URLs of type `fetch` and layers `l_fetch`: refused; with a signature of the cloud; for everybody."""
REFRESH_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRules:
    """The table `remote` of a policy."""

    hosts: tuple[str, ...] = ()
    """`media.remote.HostEntry`, as text."""
    delivery: str = DELIVERY[0]
    refresh_seconds: int = REFRESH_SECONDS
    """A fetched picture that is older is asked for again when it is wanted next."""

    def to_mapping(self) -> dict[str, Any]:
        return {"hosts": list(self.hosts), "delivery": self.delivery, "refresh_seconds": self.refresh_seconds}
