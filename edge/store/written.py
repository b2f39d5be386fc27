"""What is written of an object: its sealed file, its row at the agent, and what its owner remembers of it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Protocol

import msgspec

from domicile.media.asset import Aid, NameHash
from domicile.media.sealed import SALT_BYTES, SealContext, Sealer
from edge.messages import KeyRecord, StoredObject
from edge.store.port import PIECE_BYTES_MAX, StoredHead


class Register(Protocol):
    """What the disk tier needs of the node's agent; `edge.link.NodeLink` has it."""

    async def keyring_get(self, file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        """`is_use`: it is asked for, and the least used key goes first."""
        ...

    async def stored(self, record: StoredObject) -> bool: ...

    async def forget(self, file_names: Iterable[str]) -> None: ...

    def object_pages(self, slot: int) -> AsyncIterator[tuple[StoredObject, ...]]:
        """All rows of a slot, without keys. Raises MediaError, also in the middle."""
        ...


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an own file: enough to judge and to find it."""

    tenant: str
    contributors: tuple[Aid, ...]
    names: tuple[NameHash, ...]
    epoch: int
    sequence: int


def sealed_pieces(head: StoredHead, body: bytes, content_key: bytes, context: SealContext) -> Iterator[bytes]:
    """The sealed file, piece by piece; the salt is fresh for this attempt."""
    header = msgspec.msgpack.encode(head)
    sealer = Sealer(content_key, context, header=header, salt=secrets.token_bytes(SALT_BYTES))
    yield sealer.preamble
    view = memoryview(body)
    for start in range(0, len(body), PIECE_BYTES_MAX):
        yield sealer.update(view[start : start + PIECE_BYTES_MAX])
    yield sealer.finish()


def record_of(file_name: str, head: StoredHead, content_key: bytes) -> StoredObject:
    return StoredObject(
        file_name=file_name,
        tenant=head.tenant,
        contributors=head.contributors,
        name=head.names[0],
        epoch=head.epoch,
        sequence=head.sequence,
        config_revision=head.config_revision,
        stored_at=head.stored_at,
        body_bytes=head.body_bytes,
        content_key=content_key,
    )


def kept_of_row(row: StoredObject) -> Kept:
    """Of a file that an earlier process wrote. Its further names are not known; the fence knows them at every look-up."""
    return Kept(
        tenant=sys.intern(row.tenant),
        contributors=row.contributors,
        names=(row.name,),
        epoch=row.epoch,
        sequence=row.sequence,
    )


def kept_of(head: StoredHead) -> Kept:
    return Kept(
        tenant=head.tenant,
        contributors=head.contributors,
        names=head.names,
        epoch=head.epoch,
        sequence=head.sequence,
    )
