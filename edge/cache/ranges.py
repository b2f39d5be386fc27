"""Which parts of a representation a request asks for, and how several of them are laid out in one body: RFC 9110 section 14.

    Range      = "bytes=" 1#( first "-" [ last ]  /  "-" suffix )
    one part   ->  206, Content-Range
    several    ->  206, multipart/byteranges: each with a head of its own, in the order in which they were asked for

Parts that overlap are sent as one, so no byte is sent twice. Other units and nonsense are answered with the whole, and so is
what section 14.2 warns of: more than PARTS_MAX ranges, or more than OVERLAPPING_MAX that lie over one another.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

PARTS_MAX = 16
"""Ranges of one request; players and readers of documents ask for two or three."""
OVERLAPPING_MAX = 2
RANGE_CHARACTERS_MAX = 640
"""Sixteen ranges of eighteen digits each way, and what is between them."""
_UNIT = re.compile(r"bytes[ \t]*=(.*)", re.IGNORECASE)
_FROM_THE_START = re.compile(r"bytes[ \t]*=[ \t]*0{1,18}[ \t]*-[ \t]*[0-9]{0,18}", re.IGNORECASE)
_RANGE = re.compile(r"([0-9]{0,18})[ \t]*-[ \t]*([0-9]{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes [start, end) of a representation."""

    start: int
    end: int

    @property
    def body_bytes(self) -> int:
        return self.end - self.start


Content = tuple[bytes | Span, ...]
"""What is sent after a head, in this order: bytes as they are, and parts of the representation."""


class Unsatisfiable:
    """No byte of the representation lies in any of the ranges: 416."""


UNSATISFIABLE = Unsatisfiable()


def wanted_spans(value: str, *, body_bytes: int) -> tuple[Span, ...] | Unsatisfiable | None:
    """The parts to send, none of which overlap: for 206; UNSATISFIABLE for 416; None for the whole of it."""
    unit = _UNIT.fullmatch(value.strip()) if len(value) <= RANGE_CHARACTERS_MAX else None
    if unit is None:
        return None
    asked = [member for text in unit[1].split(",") if (member := text.strip(" \t"))]
    if not 0 < len(asked) <= PARTS_MAX:
        return None
    spans: list[Span] = []
    for member in asked:
        span = _span(member, body_bytes)
        if span is None:
            return None
        if isinstance(span, Span):
            spans.append(span)
    return _joined(spans) if spans else UNSATISFIABLE


def is_from_the_start(value: str) -> bool:
    """One range that begins with the first byte: it can be answered from a body on its way in, as fast as that comes."""
    return _FROM_THE_START.fullmatch(value.strip()) is not None


def multipart(
    spans: Iterable[Span], *, body_bytes: int, content_type: str | None, boundary: str
) -> tuple[str, Content]:
    """The Content-Type of a response with several parts, and its content (RFC 9110 section 14.6).

    `boundary`: random, so that nobody can put it into a representation beforehand. `content_type`: of the representation.
    """
    described = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    content: list[bytes | Span] = []
    for span in spans:
        between = "\r\n" if content else ""
        head = f"{between}--{boundary}\r\n{described}Content-Range: {content_range(span, body_bytes)}\r\n\r\n"
        content += [head.encode("latin-1"), span]
    content.append(f"\r\n--{boundary}--\r\n".encode("latin-1"))
    return f"multipart/byteranges; boundary={boundary}", tuple(content)


def random_boundary() -> str:
    return secrets.token_hex(16)


def content_range(span: Span | None, body_bytes: int) -> str:
    """The field's value; for 416 without a span."""
    return f"bytes */{body_bytes}" if span is None else f"bytes {span.start}-{span.end - 1}/{body_bytes}"


def content_bytes(content: Content) -> int:
    return sum(len(part) if isinstance(part, bytes) else part.body_bytes for part in content)


def _span(member: str, body_bytes: int) -> Span | Unsatisfiable | None:
    """None when it is not valid, and then nothing of the whole field is."""
    match = _RANGE.fullmatch(member)
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        suffix = int(last)
        if suffix == 0 or body_bytes == 0:
            return UNSATISFIABLE
        return Span(start=max(0, body_bytes - suffix), end=body_bytes)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= body_bytes:
        return UNSATISFIABLE
    return Span(start=start, end=min(body_bytes, int(last) + 1 if last else body_bytes))


def _joined(spans: list[Span]) -> tuple[Span, ...] | None:
    """Those that overlap as one, in the place of the first of them; None when too many do."""
    by_start = sorted(range(len(spans)), key=lambda number: (spans[number].start, spans[number].end))
    groups: list[list[int]] = []
    end = -1
    for number in by_start:
        if groups and spans[number].start < end:
            groups[-1].append(number)
        else:
            groups.append([number])
        end = max(end, spans[number].end)
    if any(len(group) > OVERLAPPING_MAX for group in groups):
        return None
    return tuple(
        Span(start=min(spans[one].start for one in group), end=max(spans[one].end for one in group))
        for group in sorted(groups, key=min)
    )
