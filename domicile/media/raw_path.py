"""The path of a request as bytes arrived, cut into segments and decoded exactly once; anything ambiguous is refused.

Refused: absolute-form, empty and dot segments (raw or encoded), control characters (raw or encoded), an encoded slash
or backslash, a lone `%`, bytes that are not UTF-8, characters that no client leaves bare, and more than PATH_BYTES_MAX.
So a proxy in front that normalises cannot see another path than we do. One exception: a text layer may have encoded line
breaks, and never becomes part of a public_id with them. Source: edge-http 2.7.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from domicile.media.errors import AssetNotFound, BadUrl
from domicile.media.percent import percent_decode

PATH_BYTES_MAX = 4096

BARE = re.compile(r'[\x00-\x20\x7f"#;<>\\]')
"""Never bare in a path; the SDKs encode them. A bare `;` starts a path parameter for some proxies."""
ENCODED = re.compile(r"%(?:2[fF]|5[cC]|[01][0-9a-fA-F]|7[fF])")
LONE_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
TEXT_LAYER = re.compile(r"(?:^|,)[lu]_text:")
LINE_BREAK = re.compile(r"(?:%0[dD])?%0[aA]")
FETCHED = frozenset({"http:", "https:"})


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece between slashes, as received and as decoded."""

    raw: str
    text: str


def read_segments(raw_path: str) -> list[Segment]:
    """The segments of a request target; at least one. Empty ones stay only where a fetched address has them.

    Raises BadUrl; AssetNotFound for the bare root.
    """
    path = raw_path.partition("?")[0]
    raws = path.split("/")
    remote = next((n for n, raw in enumerate(raws) if raw in FETCHED), len(raws))
    in_one_line = [_in_one_line(raw) if n < remote else raw for n, raw in enumerate(raws)]
    _check_characters(path, "/".join(in_one_line))
    if path == "/":
        raise AssetNotFound("Resource not found")
    segments = [_decode(raw, line) for raw, line in zip(raws[1:], in_one_line[1:], strict=True)]
    _check_empty(segments)
    if any(segment.text in {".", ".."} for segment in segments):
        raise BadUrl("Invalid URL - dot segments are not allowed")
    return segments


def join_raw(segments: list[Segment]) -> str:
    return "/".join(segment.raw for segment in segments)


def join_text(segments: list[Segment]) -> str:
    return "/".join(segment.text for segment in segments)


def join_remote(segments: list[Segment]) -> Segment:
    """The address of a fetch URL. Proxies merge `http://x` to `http:/x`: the second slash is put back."""
    scheme = segments[0].text
    raw, text = join_raw(segments), join_text(segments)
    if scheme not in FETCHED:
        raise BadUrl("Invalid URL - only http and https addresses can be fetched")
    if len(segments) > 1 and segments[1].raw:
        raw = raw.replace("/", "//", 1)
        text = text.replace("/", "//", 1)
    if not text.removeprefix(f"{scheme}//").strip("/") or len(segments) == 1:
        raise BadUrl("Invalid URL - the address to fetch is missing")
    return Segment(raw=raw, text=text)


def _in_one_line(raw: str) -> str:
    """With something harmless for the line breaks of a text layer."""
    return LINE_BREAK.sub("_", raw) if TEXT_LAYER.search(raw) else raw


def _check_characters(path: str, in_one_line: str) -> None:
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise BadUrl("Invalid URL - not UTF-8") from None
    if size > PATH_BYTES_MAX:
        raise BadUrl(f"Invalid URL - longer than {PATH_BYTES_MAX} bytes")
    if not path.startswith("/"):
        raise BadUrl("Invalid URL - not a path")
    if BARE.search(path) or ENCODED.search(in_one_line):
        raise BadUrl("Invalid URL - contains a character that is not allowed")
    if LONE_PERCENT.search(path):
        raise BadUrl("Invalid URL - malformed percent-encoding")


def _decode(raw: str, in_one_line: str) -> Segment:
    try:
        text, shown = percent_decode(raw).decode(), percent_decode(in_one_line).decode()
    except UnicodeDecodeError:
        raise BadUrl("Invalid URL - not UTF-8") from None
    if any(unicodedata.category(char) == "Cc" for char in shown):
        raise BadUrl("Invalid URL - contains a character that is not allowed")
    return Segment(raw=raw, text=text)


def _check_empty(segments: list[Segment]) -> None:
    """Only behind `http:` or at the end of an address to fetch may a segment be empty."""
    remote = next((n for n, segment in enumerate(segments) if segment.text in FETCHED), None)
    is_fetch = remote is not None and "fetch" in {segment.raw for segment in segments[:remote]}
    for n, segment in enumerate(segments):
        if segment.raw:
            continue
        in_address = is_fetch and remote is not None and n > remote
        if not in_address or not (segments[n - 1].text.endswith(":") or n == len(segments) - 1):
            raise BadUrl("Invalid URL - empty segments are not allowed")
