"""What can go wrong, in the domain's words.

Rules of the file: messages are safe for the public (no secret, no address, nothing the caller did not send);
the HTTP status belongs to each tier's `errors.py`, which must have a row for every class here.
"""

from __future__ import annotations


class MediaError(Exception):
    """Base of every error that a caller may see. `message` is public."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(MediaError):
    """A parameter of an API call is missing or malformed."""


class BadUrl(MediaError):
    """The path is not a delivery URL, or not a canonical one (dot segments, control bytes, bad UTF-8)."""


class BadTransformation(MediaError):
    """A transformation component is unknown, malformed, over a limit or not supported yet."""

    @classmethod
    def component(cls, text: str) -> BadTransformation:
        """The wording that Cloudinary's clients match on."""
        return cls(f"Invalid transformation component - {text}")


class BadSignature(MediaError):
    """A signature is missing, malformed or wrong."""


class StaleRequest(MediaError):
    """A signed request whose time stamp is outside the window."""


class Replayed(MediaError):
    """A signed request whose nonce was seen before."""


class OutOfScope(MediaError):
    """The key is good and does not cover what was asked."""


class WrongPlace(MediaError):
    """A signed request for another region or authority."""


class OutsideRegion(MediaError):
    """The residency policy denies this activity at this place."""


class AssetNotFound(MediaError):
    """No such asset: never existed, deleted or erased; the three look the same."""


class AssetExists(MediaError):
    """The target name is taken."""


class UndecodableMedia(MediaError):
    """The bytes are not an image that the allow-listed decoders accept."""


class RemoteFailed(MediaError):
    """A picture elsewhere cannot be had: not allowed, not there, not reachable, not in time."""


class RemoteGone(MediaError):
    """Elsewhere it is not there: 404 or 410."""


class LimitExceeded(MediaError):
    """Well-formed, and larger than a named limit allows."""


class ProcessingFailed(MediaError):
    """Our own code failed on this picture: a bug that is logged with its place, and not the fault of the bytes."""


class Overloaded(MediaError):
    """A queue or quota is full; trying again later may work."""


class QuotaUsedUp(MediaError):
    """A cloud or a key has had what it may have for now; there is more at a time that its message tells."""


class BootSplit(MediaError):
    """A start of an edge that is not the only one under its id any more: its machine was copied while it ran, or put back."""


class LeaseLost(MediaError):
    """The edge cannot confirm the journal head, so it serves no personal media."""


class UpstreamUnavailable(MediaError):
    """The origin, or its store, did not answer, or answered with something that cannot be used."""
