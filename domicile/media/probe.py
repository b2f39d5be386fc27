"""Looking whether what was erased is still given away: what is asked of an address, and what its answer means. Pure.

    whole        GET: an address that has it says so
    range        a part of it: a cache may keep parts by themselves
    conditional  with the validator that a viewer would have kept: 304 vouches for a copy as 200 does

Where the format follows from Accept, a cache keeps a copy for each that viewers send: it is asked whole as each kind of browser asks.

What is asked after: the URLs under which the installation itself knows a picture, and what was made of it. A cache that keeps a copy
under another spelling is asked nothing about that one; it is purged by its tag, and ends by its age.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

AIDS_MAX = 1000
"""Versions of one erasure that an edge looks for in what it keeps."""
ASSETS_MAX = 100
"""Assets of one erasure whose URLs are asked for; of more, some are."""
URLS_PER_ASSET_MAX = 8
"""The original's, and of what was made of it the first ones."""
BODY_BYTES_MAX = 64 * 1024
"""Of an answer that is read: more says nothing new."""
RANGE = "bytes=0-1023"
GONE = frozenset({404, 410})
GIVEN = frozenset({304, 416})
"""No byte, and still the word of somebody who has it."""
HIDDEN = frozenset({401, 451})
"""Of access rules and regions: no byte comes, and others may still get some."""
TOO_OFTEN = 429
NOT_ASKED_RIGHT = 400
"""A spelling of what was made that this address does not take: nothing is known of that one."""
ACCEPTS = (
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "image/webp,image/*,*/*;q=0.8",
    "*/*",
)
"""Of Chrome, Firefox, Safari, of who reads no AVIF, and of programs; the first one is usual."""
_DEFAULT = re.compile(r"(?:^|[,/])d_")
_AUTOMATIC = re.compile(r"(?:^|[,/])f_auto(?:[,/]|$)")
_NAMED = re.compile(r"(?:^|[,/])t_")


class KnownUrl(msgspec.Struct, frozen=True, kw_only=True):
    """One address of what was erased. It is a name: in memory, on the wire between our own tiers, and sealed."""

    target: str
    """Path of a request, escaped."""
    md5: str = ""
    """Of originals: hexadecimal, the beginning of their validator."""
    etags: tuple[str, ...] = ()
    """Validators that a viewer or a CDN may have kept; of what was made of it only edges know them."""
    is_taken: bool = False
    """Somebody has the name again: bytes may come, of another version."""
    is_negotiated: bool = False
    """Which format comes follows from Accept."""
    is_exact: bool = False
    """An original, in a spelling that means nothing else: who hides that from us may show it to others."""


class Way(StrEnum):
    WHOLE = "whole"
    RANGE = "range"
    CONDITIONAL = "conditional"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    url: KnownUrl
    way: Way
    accept: str = ACCEPTS[0]

    @property
    def headers(self) -> dict[str, str]:
        own = dict[str, str]()
        if self.way is Way.RANGE:
            own = {"Range": RANGE}
        elif self.way is Way.CONDITIONAL:
            own = {"If-None-Match": ", ".join(self.url.etags) or "*"}
        return {"Accept": self.accept, **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came, as far as it was read."""

    status: int
    etag: str = ""
    md5: str = ""
    """Of the body, if all of it was read."""
    wait_seconds: float = 0.0
    """Before it may be asked again, as it says itself, of TOO_OFTEN."""


class Seen(StrEnum):
    """What one answer means."""

    ABSENT = "absent"
    BYTES = "bytes"
    """It is still given away."""
    UNJUDGED = "unjudged"
    """Bytes of a name that is taken again and nothing tells of which version; a spelling that is not taken, or is hidden."""
    LIMITED = "limited"
    """Nothing about it yet: it is asked more often than it answers."""
    REFUSED = "refused"
    """Nothing about it: busy, forbidden, sent elsewhere."""
    UNREACHABLE = "unreachable"


def stands_in(transformation: str) -> bool:
    """Has it a default image, which comes in the place of what is gone?

    >>> stands_in("w_10,d_nobody.png"), stands_in("l_mod_d_x/w_10")
    (True, False)
    """
    return _DEFAULT.search(transformation) is not None


def is_automatic(transformation: str) -> bool:
    """Does its format follow from Accept, whatever extension is written?

    >>> is_automatic("c_fill/f_auto,w_10"), is_automatic("f_auto"), is_automatic("l_f_auto/w_10")
    (True, True, False)
    """
    return _AUTOMATIC.search(transformation) is not None


def is_named(transformation: str) -> bool:
    """Does it use one that has a name? What that means is not seen here, and may be another thing tomorrow.

    >>> is_named("w_10/t_team"), is_named("l_t_/w_10")
    (True, False)
    """
    return _NAMED.search(transformation) is not None


def asks(urls: Iterable[KnownUrl]) -> Iterator[Ask]:
    for url in urls:
        for way in Way:
            yield Ask(url, way)
        if url.is_negotiated:
            for accept in ACCEPTS[1:]:
                yield Ask(url, Way.WHOLE, accept)


def seen(ask: Ask, answered: Answered | None) -> Seen:
    """`answered`: None when there was no answer."""
    if answered is None:
        return Seen.UNREACHABLE
    if ask.url.md5 and answered.md5 == ask.url.md5:  # whatever the status says
        return Seen.BYTES
    if answered.status in GONE:
        return Seen.ABSENT
    if answered.status in HIDDEN:
        return Seen.REFUSED if ask.url.is_exact and not ask.url.is_taken else Seen.UNJUDGED
    if answered.status == NOT_ASKED_RIGHT:
        return Seen.UNJUDGED
    if answered.status == TOO_OFTEN:
        return Seen.LIMITED
    if not 200 <= answered.status < 300 and answered.status not in GIVEN:
        return Seen.REFUSED
    return _of_bytes(ask.url, answered)


def _of_bytes(url: KnownUrl, answered: Answered) -> Seen:
    if not url.is_taken:
        return Seen.BYTES
    if not url.md5 or not answered.etag:  # metadata may be stripped: what comes has the digest of neither
        return Seen.UNJUDGED
    return Seen.BYTES if answered.etag.removeprefix("W/").startswith(f'"{url.md5}') else Seen.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Answers of one place, counted."""

    asked: int = 0
    absent: int = 0
    found: int = 0
    unjudged: int = 0
    limited: int = 0
    refused: int = 0
    unreachable: int = 0

    def plus(self, what: Seen) -> Tally:
        counted = replace(self, asked=self.asked + 1)
        match what:
            case Seen.ABSENT:
                return replace(counted, absent=self.absent + 1)
            case Seen.BYTES:
                return replace(counted, found=self.found + 1)
            case Seen.UNJUDGED:
                return replace(counted, unjudged=self.unjudged + 1)
            case Seen.LIMITED:
                return replace(counted, limited=self.limited + 1)
            case Seen.REFUSED:
                return replace(counted, refused=self.refused + 1)
            case Seen.UNREACHABLE:
                return replace(counted, unreachable=self.unreachable + 1)

    def with_all_of(self, other: Tally) -> Tally:
        return Tally(
            asked=self.asked + other.asked,
            absent=self.absent + other.absent,
            found=self.found + other.found,
            unjudged=self.unjudged + other.unjudged,
            limited=self.limited + other.limited,
            refused=self.refused + other.refused,
            unreachable=self.unreachable + other.unreachable,
        )

    @property
    def verdict(self) -> Seen:
        """The worst that was seen; UNJUDGED only when nothing could be judged. ABSENT of a place that was asked nothing."""
        for count, what in (
            (self.found, Seen.BYTES),
            (self.unreachable, Seen.UNREACHABLE),
            (self.refused, Seen.REFUSED),
            (self.limited, Seen.LIMITED),
        ):
            if count:
                return what
        return Seen.UNJUDGED if self.asked and not self.absent else Seen.ABSENT
