"""What a cached object is, and how its bytes are read, whichever tier holds it.

Rules of the file: values only. Whether an object may still be served is judged by `edge.lookup`, at every look-up.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

import msgspec

from domicile.media.access import EVERYBODY, Access
from domicile.media.asset import Aid, NameHash

PIECE_BYTES_MAX = 64 * 1024
"""Bytes handed to a socket between two looks at lease and fence (decisions D.3)."""


class StoredHead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything about an object but its bytes. On disk it is sealed with them; it holds no name and no path.

    Values all through, so it is in no cycle and the collector need not look for one: a cache is full of them.
    """

    tenant: str
    contributors: tuple[Aid, ...]
    names: tuple[NameHash, ...]
    """The name it was found under first; then all others whose entries make it void: of labels, of the
    default image, and those that were looked for before and did not exist."""
    epoch: int
    sequence: int
    """What the origin had applied when the bytes were read: the fence compares purges with this."""
    config_revision: int
    stored_at: float
    """Wall clock in seconds."""
    ttl_seconds: float
    content_type: str
    etag: str
    body_bytes: int
    format: str
    """Lower-case family name: the extension of a downloaded file."""
    content_info: str
    """For Server-Timing: width, height, bytes and format of rendition and original."""
    reasons: str = ""
    """For Server-Timing: what `f_auto` and `q_auto` came to."""
    stands_in: bool = False
    """Made of the default image, because the asset that was asked for does not exist."""
    access: Access = EVERYBODY
    """Who may see it, and when: judged each time it is given out."""


class Judged(Protocol):
    """What the fence needs to know of an object."""

    @property
    def tenant(self) -> str: ...
    @property
    def contributors(self) -> tuple[Aid, ...]: ...
    @property
    def names(self) -> tuple[NameHash, ...]: ...
    @property
    def epoch(self) -> int: ...
    @property
    def sequence(self) -> int: ...


def tags_of(judged: Judged) -> tuple[str, ...]:
    """What an object is found by at a purge. Aids and name hashes are 32 hex digits, so a tenant's tag is never one."""
    return (tenant_tag(judged.tenant), *judged.contributors, *judged.names)


def tenant_tag(tenant: str) -> str:
    return "tenant/" + tenant


class Body(Protocol):
    """Bytes that are not in memory as a whole. `close` may be called more than once, and ends all reading."""

    @property
    def body_bytes(self) -> int: ...

    def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Plaintext of [start, end), at most PIECE_BYTES_MAX at a time. Raises SealBroken, OSError."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One object: its head, and its bytes or the way to them."""

    head: StoredHead
    body: bytes | Body


def close_body(stored: Stored) -> None:
    """Let go of what an object holds open; harmless for one in memory."""
    if not isinstance(stored.body, bytes):
        stored.body.close()
