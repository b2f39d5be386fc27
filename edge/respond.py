"""From an object (or an error) to status and headers: pure, no bytes are touched here.

A picture answers 200, 206, 304 or 416; every error is empty, `no-store`, and says the same about its making whatever
went wrong. All lifetimes come from `freshness.outward`. No Age is sent: the lease confirmed the object a moment ago,
and that is a validation (RFC 9111 section 4.2.3), so its age towards caches outside starts at 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from domicile.media.errors import MediaError
from domicile.media.freshness import NO_STORE, Outward
from domicile.media.raw import POLICY as RAW_POLICY
from domicile.media.raw import RAW
from domicile.media.timing import HEADER_NAME, Span, build_server_timing
from edge.cache.conditional import has_tag, is_same_tag
from edge.cache.ranges import Content, Unsatisfiable, content_bytes, content_range, multipart, wanted_spans
from edge.cache.ranges import Span as ByteSpan
from edge.cache.reuse import Forward
from edge.cache.status import CacheStatus
from edge.errors import header_text, retry_after_seconds, status_of
from edge.plain import Plain
from edge.rates import RateLimited
from edge.store.port import StoredHead
from edge.upstream import AssetGone

BYPASS = CacheStatus(forward=Forward.BYPASS).text()
EXPOSED = "X-Cld-Error, Content-Length, Content-Range, Content-Disposition, ETag, Server-Timing, Cache-Status, Vary"
PREFLIGHT_SECONDS = 3600
FILE_NAME_CHARACTERS_MAX = 200

SVG_TYPE = "image/svg+xml"
SVG_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
"""A drawing opened as a page of its own runs nothing, loads nothing and has no origin. It was cleaned before: this is the
second lock."""
ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", EXPOSED),
)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent: the head, and what follows it, empty for no body at all."""

    status: int
    headers: Headers
    content: Content = ()

    @property
    def body_bytes(self) -> int:
        return content_bytes(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How the object came to be at hand, for Cache-Status and Server-Timing."""

    tier: str | None
    """Where the copy was: "memory", "disk", "peer"; None when it was made for this request."""
    was_stale: bool = False
    """Was there a copy that was too old to be served?"""
    collapsed: bool = False
    stored: bool = False
    remaining_seconds: int = 0
    spans: tuple[Span, ...] = ()

    def cache_status(self) -> str:
        """One member of RFC 9211's list."""
        if self.tier is not None:
            return CacheStatus(ttl=self.remaining_seconds, detail=self.tier).text()
        return CacheStatus(
            forward=Forward.STALE if self.was_stale else Forward.URI_MISS,
            forward_status=200,
            stored=self.stored,
            collapsed=self.collapsed,
            ttl=self.remaining_seconds if self.stored else None,
        ).text()

    def cache_span(self) -> Span:
        if self.tier is not None:
            return Span("cache", desc=f"hit-{self.tier}")
        return Span("cache", desc="miss-collapsed" if self.collapsed else "miss")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What the tenant and the URL say about the answer's headers."""

    outward: Outward
    timing_allow_origin: tuple[str, ...]
    vary: tuple[str, ...]
    follows: tuple[str, ...] = ()
    """Client hints that the URL asks for."""
    disposition: str | None
    region: str
    missing: str | None = None
    """What is said of the asset that the picture stands in for."""


def picture(
    head: StoredHead,
    making: Making,
    manner: Manner,
    *,
    method: str,
    asked: Mapping[str, str],
    elapsed_seconds: float,
    boundary: str,
) -> Reply:
    """The answer with an object. `asked`: the request's header fields (a case-insensitive mapping). `boundary`: random."""
    shared = _shared(head, making, manner, elapsed_seconds)
    tags = asked.get("If-None-Match")
    if tags is not None and has_tag(tags, head.etag):
        return Reply(status=304, headers=shared)
    described = [("Accept-Ranges", "bytes")]
    if head.content_type == SVG_TYPE:
        described.append(("Content-Security-Policy", SVG_POLICY))
    if head.format == RAW:
        described.append(("Content-Security-Policy", RAW_POLICY))
    if manner.disposition is not None:
        described.append(("Content-Disposition", manner.disposition))
    kind = ("Content-Type", head.content_type)
    length = ("Content-Length", str(head.body_bytes))
    if method == "HEAD":  # a Range means nothing there (RFC 9110 section 14.2)
        return Reply(status=200, headers=(*shared, kind, *described, length))
    spans = _wanted_spans(head, asked)
    if spans is None:
        whole = ByteSpan(start=0, end=head.body_bytes)
        return Reply(status=200, headers=(*shared, kind, *described, length), content=(whole,))
    if isinstance(spans, Unsatisfiable):
        beyond = (("Content-Range", content_range(None, head.body_bytes)), ("Content-Length", "0"))
        refused = _shared(head, making, replace(manner, outward=NO_STORE), elapsed_seconds)
        return Reply(status=416, headers=(*refused, *beyond))
    content: Content = spans
    if len(spans) == 1:
        described.append(("Content-Range", content_range(spans[0], head.body_bytes)))
    else:
        several, content = multipart(
            spans, body_bytes=head.body_bytes, content_type=head.content_type, boundary=boundary
        )
        kind = ("Content-Type", several)
    length = ("Content-Length", str(content_bytes(content)))
    return Reply(status=206, headers=(*shared, kind, *described, length), content=content)


def _wanted_spans(head: StoredHead, asked: Mapping[str, str]) -> tuple[ByteSpan, ...] | Unsatisfiable | None:
    """No Last-Modified is ever sent, so a date in If-Range is not ours."""
    value, condition = asked.get("Range"), asked.get("If-Range")
    if value is None or (condition is not None and not is_same_tag(condition, head.etag)):
        return None
    return wanted_spans(value, body_bytes=head.body_bytes)


def refusal(error: MediaError, *, region: str, timing_allow_origin: tuple[str, ...] = ()) -> Reply:
    """The answer to whatever cannot be answered."""
    cache_status = BYPASS
    status = status_of(error)
    if isinstance(error, AssetGone):
        status = error.status
        known = CacheStatus(detail="negative")
        cache_status = (
            known if error.remembered else CacheStatus(forward=Forward.URI_MISS, forward_status=status)
        ).text()
    said: list[tuple[str, str]] = [("X-Cld-Error", header_text(error.message))]
    if isinstance(error, RateLimited):
        status = 429
    seconds = retry_after_seconds(error)
    if seconds is not None:
        said.append(("Retry-After", str(seconds)))
    return empty(
        status,
        region=region,
        timing_allow_origin=timing_allow_origin,
        headers=tuple(said),
        cache_status=cache_status,
    )


def empty(
    status: int,
    *,
    region: str,
    timing_allow_origin: tuple[str, ...] = (),
    headers: Headers = (),
    cache_status: str = BYPASS,
) -> Reply:
    """No body, not to be stored, and the same words about its making every time."""
    return Reply(
        status=status,
        headers=(
            *ALWAYS,
            *NO_STORE.headers(),
            *headers,
            ("Cache-Status", cache_status),
            (HEADER_NAME, error_timing(region)),
            *_allow_timing(timing_allow_origin),
            *(() if status in {204, 304} else (("Content-Type", "image/gif"), ("Content-Length", "0"))),
        ),
    )


def plain(answer: Plain, *, region: str, method: str) -> Reply:
    """The answer of a route that is no media: its own headers, and what every response carries."""
    own = {name.lower() for name, _ in answer.headers}
    every = (("X-Content-Type-Options", "nosniff"), (HEADER_NAME, error_timing(region)))
    added = tuple((name, value) for name, value in every if name.lower() not in own)
    headers = (*answer.headers, *added, ("Content-Length", str(len(answer.body))))
    content: Content = () if method == "HEAD" else (ByteSpan(start=0, end=len(answer.body)),)
    return Reply(status=answer.status, headers=headers, content=content)


def preflight(region: str) -> Reply:
    """OPTIONS: anybody may read pictures from a page, and ask for parts of them."""
    allowed = (
        ("Allow", "GET, HEAD, OPTIONS"),
        ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
        ("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match, Accept"),
        ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
    )
    return empty(204, region=region, headers=allowed)


def error_timing(region: str) -> str:
    return build_server_timing((Span("cache", desc="none"), Span("region", desc=region)))


def disposition(name: str, extension: str) -> str:
    """`attachment` under a name that no header or file system can be tricked by (RFC 6266, RFC 8187)."""
    stem = "".join(char for char in name.rsplit("/", 1)[-1] if char.isprintable() and char not in '\\/:*?"<>|')
    end = "".join(char for char in extension if char.isalnum() and char.isascii())
    full = f"{stem[:FILE_NAME_CHARACTERS_MAX].strip('. ') or 'file'}" + (f".{end}" if end else "")
    plain = "".join(char if char.isascii() and char not in "%;" else "_" for char in full)
    if plain == full:
        return f'attachment; filename="{full}"'
    encoded = quote(full.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _shared(head: StoredHead, making: Making, manner: Manner, elapsed_seconds: float) -> Headers:
    """What 200, 206, 304 and 416 all carry."""
    spans = [making.cache_span(), Span("edge", elapsed_seconds), *making.spans, Span("region", desc=manner.region)]
    if head.content_info:
        spans.append(Span("content-info", desc=head.content_info))
    if head.reasons:
        spans.append(Span("auto", desc=head.reasons))
    return (
        *ALWAYS,
        ("ETag", head.etag),
        *manner.outward.headers(),
        *((("Vary", ", ".join(manner.vary)),) if manner.vary else ()),
        *((("X-Cld-Error", header_text(manner.missing)),) if manner.missing is not None else ()),
        *((("Accept-CH", ", ".join(manner.follows)),) if manner.follows else ()),
        ("Cache-Status", making.cache_status()),
        (HEADER_NAME, build_server_timing(spans)),
        *_allow_timing(manner.timing_allow_origin),
    )


def _allow_timing(origins: tuple[str, ...]) -> Headers:
    if not origins:
        return ()
    return (("Timing-Allow-Origin", "*" if "*" in origins else ", ".join(origins)),)
