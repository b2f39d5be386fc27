"""From a stored or received response to what the viewer is sent: pure, no bytes are touched here."""

from __future__ import annotations

from dataclasses import dataclass

from edge.cache.conditional import is_unmodified, wanted_parts
from edge.cache.dates import format_date
from edge.cache.directives import SECONDS_MAX
from edge.cache.fields import Fields, first, values, without
from edge.cache.forward import stated_length, to_viewer
from edge.cache.ranges import (
    Content,
    Span,
    Unsatisfiable,
    content_bytes,
    content_range,
    is_from_the_start,
    multipart,
    random_boundary,
    wanted_spans,
)
from edge.cache.status import CacheStatus
from edge.cache.stored import Received, Stored

ABOUT_BYTES = frozenset(
    "content-type content-encoding content-language content-length content-range content-md5 accept-ranges".split()
)
"""Not on a 304: the viewer has them with the bytes."""

BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A response to a viewer. `body_bytes`: what Content-Length says; None when the length is not known."""

    status: int
    reason: str
    fields: Fields
    body_bytes: int | None
    content: Content = ()
    """What follows of a stored body."""


def dated(fields: Fields, *, now: float) -> Fields:
    """With a Date, which every response must have (RFC 9110 section 6.6.1)."""
    return fields if values(fields, "date") else (*fields, ("Date", format_date(now)))


def from_stored(
    stored: Stored,
    method: str,
    request: Fields,
    status: CacheStatus,
    *,
    now: float,
    is_validated: bool = False,
    coming_bytes: int | None = None,
) -> Message:
    """The answer with a stored response: 304, a part, or the whole. `is_validated`: by the origin, a moment ago.

    `coming_bytes`: the length of a body that is still on its way.
    """
    head = from_head(stored, status, now=now, is_validated=is_validated)
    if is_unmodified(stored, request):
        return Message(status=304, reason="Not Modified", fields=without(head, ABOUT_BYTES), body_bytes=None)
    if stored.status in BODILESS:
        return Message(status=stored.status, reason=stored.reason, fields=head, body_bytes=None)
    length = stored.body_bytes if coming_bytes is None else coming_bytes
    if method == "HEAD":
        return Message(status=stored.status, reason=stored.reason, fields=head, body_bytes=length)
    return _whole_or_parts(stored, head, wanted_parts(stored, request, body_bytes=length), length)


def _whole_or_parts(
    stored: Stored, head: Fields, spans: tuple[Span, ...] | Unsatisfiable | None, length: int
) -> Message:
    if spans is None:
        whole = Span(start=0, end=length)
        return Message(status=stored.status, reason=stored.reason, fields=head, body_bytes=length, content=(whole,))
    head = without(head, {"content-range"})
    if isinstance(spans, Unsatisfiable):
        beyond = (*head, ("Content-Range", content_range(None, length)))
        return Message(status=416, reason="Range Not Satisfiable", fields=beyond, body_bytes=0)
    content: Content = spans
    if len(spans) == 1:
        head = (*head, ("Content-Range", content_range(spans[0], length)))
    else:
        several, content = multipart(
            spans,
            body_bytes=length,
            content_type=first(head, "content-type"),
            boundary=random_boundary(),
        )
        head = (*without(head, {"content-type"}), ("Content-Type", several))
    return Message(
        status=206, reason="Partial Content", fields=head, body_bytes=content_bytes(content), content=content
    )


def from_head(stored: Stored, status: CacheStatus, *, now: float, is_validated: bool = False) -> Fields:
    """The fields of a stored response. Its Age is told unless the origin itself has just confirmed it: another cache may have."""
    head = without(to_viewer(stored.fields), {"age"})
    age = int(min(stored.age(now), SECONDS_MAX))
    if age or not is_validated:
        head = (*head, ("Age", str(age)))
    return (*head, ("Cache-Status", status.text()))


def from_origin(got: Received, method: str, status: CacheStatus, *, body_bytes: int | None) -> Message:
    """The answer that passes through as it came."""
    fields = (*to_viewer(got.fields), ("Cache-Status", status.text()))
    if got.status == 204:
        return Message(status=got.status, reason=got.reason, fields=fields, body_bytes=None)
    if method == "HEAD" or got.status in BODILESS:
        return Message(status=got.status, reason=got.reason, fields=fields, body_bytes=stated_length(got.fields))
    return Message(status=got.status, reason=got.reason, fields=fields, body_bytes=body_bytes)


def part_from_the_start(message: Message, request: Fields) -> Message:
    """Of a whole that passes through, the part that was asked for, where that is what comes first."""
    asked, length = values(request, "range"), message.body_bytes
    if message.status != 200 or length is None or len(asked) != 1 or values(request, "if-range"):
        return message
    spans = wanted_spans(asked[0], body_bytes=length) if is_from_the_start(asked[0]) else None
    if not isinstance(spans, tuple):
        return message
    fields = (*without(message.fields, {"content-range"}), ("Content-Range", content_range(spans[0], length)))
    return Message(status=206, reason="Partial Content", fields=fields, body_bytes=spans[0].body_bytes)


def refused(
    code: int, reason: str, status: CacheStatus | None, *, now: float, retry_seconds: int | None = None
) -> Message:
    """An error of this node's own: empty, and not to be stored."""
    fields: Fields = (("Date", format_date(now)), ("Cache-Control", "no-store"))
    if status is not None:
        fields = (*fields, ("Cache-Status", status.text()))
    if retry_seconds is not None:
        fields = (*fields, ("Retry-After", str(retry_seconds)))
    return Message(status=code, reason=reason, fields=fields, body_bytes=0)
