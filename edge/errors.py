"""One table from the domain's errors to HTTP, and the text a viewer may read about them.

The body of every error is empty (`Content-Type: image/gif`, as Cloudinary answers): the text stands in `X-Cld-Error`,
and nothing of it can break out of a header line or, printed by a page, become markup.
"""

from __future__ import annotations

import string

from domicile.media import errors
from domicile.media.errors import MediaError

STATUS: dict[type[MediaError], int] = {
    errors.BadRequest: 400,
    errors.BadUrl: 400,
    errors.BadTransformation: 400,
    errors.BadSignature: 401,
    errors.StaleRequest: 401,
    errors.Replayed: 409,
    errors.OutOfScope: 403,
    errors.WrongPlace: 421,
    errors.OutsideRegion: 451,
    errors.AssetNotFound: 404,
    errors.AssetExists: 409,
    errors.RemoteFailed: 404,
    errors.RemoteGone: 404,
    errors.UndecodableMedia: 400,
    errors.LimitExceeded: 400,
    errors.ProcessingFailed: 500,
    errors.Overloaded: 503,
    errors.QuotaUsedUp: 503,
    errors.BootSplit: 503,
    errors.LeaseLost: 503,
    errors.UpstreamUnavailable: 503,
}

RETRY_AFTER_SECONDS: dict[type[MediaError], int] = {
    errors.Overloaded: 1,
    errors.QuotaUsedUp: 60,
    errors.BootSplit: 2,
    errors.LeaseLost: 2,
    errors.UpstreamUnavailable: 2,
}

ERROR_TEXT_CHARACTERS_MAX = 512

_PLAIN = frozenset(string.ascii_letters + string.digits + " !#$()*+,-./:;=?@[]^_{|}~%")


def status_of(error: MediaError) -> int:
    """The status of the nearest class that has a row."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def retry_after_seconds(error: MediaError) -> int | None:
    """Seconds to wait before another try; None where trying again would not help."""
    for kind in type(error).__mro__:
        if kind in RETRY_AFTER_SECONDS:
            return RETRY_AFTER_SECONDS[kind]
    return None


def header_text(text: str) -> str:
    r"""`text` as a header value: whatever is not plain printable ASCII is percent-encoded, and it has an end.

    >>> header_text("Resource not found - a\r\nSet-Cookie: <b>")
    'Resource not found - a%0D%0ASet-Cookie: %3Cb%3E'
    """
    cut = text[:ERROR_TEXT_CHARACTERS_MAX]
    encoded = (char if char in _PLAIN else _escape(char) for char in cut)
    return "".join(encoded)[: 3 * ERROR_TEXT_CHARACTERS_MAX]


def _escape(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
