"""What a cloud's policy says of notifications (webhooks). With no hosts, or nowhere to send from (`egress_webhook`), none are sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domicile.media.signature import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRules:
    """The table `notifications` of a policy."""

    hosts: tuple[str, ...] = ()
    """`media.remote.HostEntry`, as text."""
    digest: str = str(Digest.SHA1)
    """Hash of `X-Cld-Signature`: the `signature_algorithm` of whoever verifies it."""

    def to_mapping(self) -> dict[str, Any]:
        return {"hosts": list(self.hosts), "digest": self.digest}
