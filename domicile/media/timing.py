"""Server-Timing: what a viewer may know about how an answer was made.

    Server-Timing = metric *(", " metric)          ; W3C Server Timing, its #rule without empty members
    metric        = token *(";" param)
    param         = ("dur" / "desc") "=" (token / quoted-string)

Fixed names, durations in milliseconds rounded to a tenth, less than HEADER_BYTES_MAX in all. No tenant, policy, lease,
name or address ever stands here. Source: decisions I.5, edge-http 4, cloudinary-compat 3.5.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

HEADER_NAME = "Server-Timing"
HEADER_BYTES_MAX = 300
DURATION_MS_MAX = 99_999.9
DESC_CHARS_MAX = 128

NAMES = (
    "cache",
    "edge",
    "lookup",
    "disk",
    "queue",
    "origin",
    "decode",
    "transform",
    "encode",
    "content-info",
    "auto",
    "region",
)
"""Every metric there is, in the order written."""

FIRST_TO_GO = tuple("region lookup queue disk encode transform decode origin auto content-info edge".split())
"""What is left out, in this order, when the header would grow too long."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Span:
    """One metric. `seconds` and `desc` may each be absent."""

    name: str
    seconds: float | None = None
    desc: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentInfo:
    """The answer and the original it was made from."""

    width: int
    height: int
    body_bytes: int
    format: str
    original_width: int
    original_height: int
    original_bytes: int
    original_format: str

    def span(self) -> Span:
        """As Cloudinary words it, with no quotes inside the quotes."""
        return Span(
            "content-info",
            desc=f"width={self.width},height={self.height},bytes={self.body_bytes},format={self.format},"
            f"owidth={self.original_width},oheight={self.original_height},"
            f"obytes={self.original_bytes},oformat={self.original_format}",
        )


def build_server_timing(spans: Iterable[Span]) -> str:
    """The header's value: valid grammar and shorter than HEADER_BYTES_MAX whatever goes in.

    Raises ValueError for a name outside NAMES or one given twice: a programming error.
    """
    written: dict[str, str] = {}
    for span in sorted(spans, key=lambda span: NAMES.index(span.name)):
        if span.name in written:
            raise ValueError(f"{span.name} is given twice")
        written[span.name] = _metric(span)
    for name in FIRST_TO_GO:
        if _size(written) < HEADER_BYTES_MAX:
            break
        written.pop(name, None)
    return ", ".join(written.values())


def milliseconds(seconds: float) -> str:
    """A duration as it is written; what is no sensible number is bounded to [0, DURATION_MS_MAX].

    >>> milliseconds(0.04125), milliseconds(2)
    ('41.3', '2000')
    """
    bounded = min(max(seconds * 1000, 0.0), DURATION_MS_MAX) if math.isfinite(seconds) else 0.0
    tenths = round(bounded * 10 + 1e-9)
    return f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)


def _metric(span: Span) -> str:
    text = span.name
    if span.seconds is not None:
        text += f";dur={milliseconds(span.seconds)}"
    if span.desc is not None:
        text += f";desc={_quote(span.desc)}"
    return text


def _quote(text: str) -> str:
    text = UNPRINTABLE.sub("?", text)[:DESC_CHARS_MAX]
    if TOKEN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _size(written: dict[str, str]) -> int:
    return sum(map(len, written.values())) + 2 * max(0, len(written) - 1)
