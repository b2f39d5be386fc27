"""Domain errors above, HTTP below: one table, and a test that it is complete.

SDKs understand few statuses (cloudinary-compat 4): Python maps 400 401 403 404 409 420 429 500 503 to exceptions, npm
accepts on uploads only 200 400 401 404 420 429 500 and calls anything else "unexpected". So every class has two
columns: what the Admin API answers, and what the Upload API answers. Bodies are always {"error": {"message": ...}}.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from aiohttp import web

from domicile.media import errors
from domicile.media.errors import MediaError
from domicile.media.wire import CONTENT_TYPE, WireError

RETRY_AFTER_SECONDS = 2
"""What a caller is told to wait when a queue or quota is full."""
_PASSING = frozenset({429, 503})
"""What may be over soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one kind of error is told to a caller."""

    admin: int
    """Status of the Admin API (and of everything that is not an upload)."""
    upload: int
    """Status of the Upload API, out of those that every SDK accepts."""
    wire: int
    """Status between the tiers; the edge reads `WireError.code`, the number is for logs and proxies."""
    text: str | None = None
    """A constant text, where the error's own message would not match what clients look for; None: its own message."""


STATUS: dict[type[MediaError], Answer] = {
    errors.BadRequest: Answer(admin=400, upload=400, wire=400),
    errors.BadUrl: Answer(admin=400, upload=400, wire=400),
    errors.BadTransformation: Answer(admin=400, upload=400, wire=400),
    errors.BadSignature: Answer(admin=401, upload=401, wire=401),
    # Cloudinary's own logs show 400 more often than 401 for this one.
    errors.StaleRequest: Answer(admin=400, upload=400, wire=401),
    errors.Replayed: Answer(admin=409, upload=400, wire=409),
    errors.OutOfScope: Answer(admin=403, upload=401, wire=403),
    errors.WrongPlace: Answer(admin=400, upload=400, wire=421),
    errors.OutsideRegion: Answer(admin=403, upload=400, wire=451),
    errors.AssetNotFound: Answer(admin=404, upload=404, wire=404),
    errors.AssetExists: Answer(admin=409, upload=400, wire=409),
    errors.RemoteFailed: Answer(admin=400, upload=400, wire=404),
    errors.RemoteGone: Answer(admin=400, upload=400, wire=404),
    errors.UndecodableMedia: Answer(admin=400, upload=400, wire=400, text="Invalid image file"),
    errors.LimitExceeded: Answer(admin=400, upload=400, wire=400),
    errors.ProcessingFailed: Answer(admin=500, upload=500, wire=500),
    errors.Overloaded: Answer(admin=429, upload=429, wire=503),
    errors.QuotaUsedUp: Answer(admin=420, upload=420, wire=503),
    errors.BootSplit: Answer(admin=409, upload=400, wire=409),
    errors.LeaseLost: Answer(admin=500, upload=500, wire=503),
    errors.UpstreamUnavailable: Answer(admin=500, upload=500, wire=503),
}

UPLOAD_STATUSES = frozenset({200, 400, 401, 404, 420, 429, 500})
"""What npm's uploader accepts."""
ADMIN_STATUSES = UPLOAD_STATUSES | {403, 409}
"""What npm's Admin API client accepts."""


def answer_for(error: MediaError) -> Answer:
    """The row of the error's class, or of the nearest class above it."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    raise LookupError(f"no status for {type(error).__name__}")


def told(error: MediaError) -> str:
    """The text for the caller."""
    return answer_for(error).text or error.message


def code_of(error: MediaError) -> str:
    """Snake_case name of the class: `WireError.code`, and the label of the error counter."""
    return code_of_kind(type(error))


def code_of_kind(kind: type[MediaError]) -> str:
    """Snake_case name of an error class.

    >>> code_of_kind(errors.AssetNotFound)
    'asset_not_found'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def as_json(status: int, message: str) -> web.Response:
    """Cloudinary's error body."""
    response = web.json_response({"error": {"message": message}}, status=status)
    if status in _PASSING:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def for_api(error: MediaError, *, upload: bool) -> web.Response:
    """The answer to an SDK."""
    row = answer_for(error)
    response = as_json(row.upload if upload else row.admin, told(error))
    if row.wire in _PASSING:  # also where SDKs are told 500, because they know no 503
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def for_wire(error: MediaError) -> web.Response:
    """The answer to an edge."""
    row = answer_for(error)
    body = msgspec.msgpack.encode(WireError(code=code_of(error), message=told(error)))
    return web.Response(status=row.wire, body=body, content_type=CONTENT_TYPE)
