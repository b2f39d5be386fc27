"""What a cloud's policy says of pictures elsewhere. With no hosts, or nowhere to fetch (`ingress_fetch`), none are fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domicile.media.errors import BadSignature, BadUrl
from domicile.media.public_id import PUBLIC_ID_CHARS_MAX
from domicile.media.remote import is_listed, read_address

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


RESTRICTED = "Images of type fetch are restricted in this account"
"""Cloudinary's words."""


def check_fetched(delivery_type: str, address: str, rules: RemoteRules) -> None:
    """Of a picture that is asked for or laid over another: may it be one from elsewhere, and from there?

    It is asked at every reading, so that what a policy lists no more is not shown either. Raises BadSignature; BadUrl;
    BadRequest for what is no address.
    """
    if delivery_type != "fetch":
        return
    if rules.delivery == DELIVERY[0]:
        raise BadSignature(RESTRICTED)
    if len(address) > PUBLIC_ID_CHARS_MAX:
        raise BadUrl("Invalid URL - public_id is too long")
    if not is_listed(read_address(address), rules.hosts):
        raise BadSignature(RESTRICTED)


def needs_signature(delivery_type: str, rules: RemoteRules) -> bool:
    """Is a picture of this type, named or laid over another, for signed URLs alone? (Of private ones: the original.)"""
    return rules.delivery != "open" if delivery_type == "fetch" else delivery_type in {"private", "authenticated"}
