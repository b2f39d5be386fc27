"""Uploads that come in pieces: each piece is sealed under a key of its own, until the last one makes the file whole.

A piece is a draft that becomes a row of `chunk` in one transaction, so that a crash leaves whole pieces and nothing else, and
an upload goes on after a restart. Unfinished uploads have limits of number, bytes and time, per cloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded
from domicile.media.keys import subkey
from domicile.media.policy import Activity, Permit
from domicile.media.sealed import SealContext
from origin.catalogue.tables import chunk as table
from origin.catalogue.tables import tenant as tenants
from origin.records.bodies import Body, Joined
from origin.records.core import Core
from origin.records.stored_bodies import StoredBody
from origin.records.types import Draft
from origin.records.uploads import Uploads

CHUNKS_MAX = 1000
"""Pieces of one upload."""
SWEPT_MAX = 500
"""Pieces that are dropped in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bytes [start, end) of a file; `total`: of the whole, where the call says so."""

    start: int
    end: int
    total: int | None


class Chunks:
    """`upload`: whatever tells one upload of a cloud from another; only a keyed hash of it is kept."""

    def __init__(self, core: Core, uploads: Uploads) -> None:
        self._core = core
        self._uploads = uploads

    async def put(
        self, cloud: str, upload: str, piece: Piece, body: bytes | Body, permit: Permit, *, share: int = 1
    ) -> bool:
        """Keep a piece; the same one again replaces it. True when the file is whole now. BadRequest, LimitExceeded.

        `share`: 2 for those who get no more than half of the room for unfinished uploads, so that they leave some.
        """
        key = self._core.hash_of(cloud, "chunked", upload)
        async with self._core.database.read() as connection:  # refused before anything is written
            await self._replaced(connection, cloud, key, piece, share)
        draft = await self._uploads.mint(cloud)
        try:
            await self._uploads.put_original(draft, body, permit)
            whole = await self._core.shield.run(self._keep(draft, key, piece, share))
        except BaseException:
            await self._uploads.discard(draft)
            raise
        self._uploads.release(draft)
        return whole

    async def whole(self, cloud: str, upload: str) -> Body:
        """The file, read from its pieces. AssetNotFound when a piece is missing, or has just gone."""
        key = self._core.hash_of(cloud, "chunked", upload)
        async with self._core.database.read() as connection:
            rows = await _rows(connection, cloud, key)
        if not _is_whole(rows):
            raise AssetNotFound("the upload is not whole")
        return Joined(tuple(self._body(cloud, Aid(row.aid), row.end_byte - row.start_byte) for row in rows))

    async def forget(self, cloud: str, upload: str) -> None:
        """It is an asset now, or never will be one."""
        key = self._core.hash_of(cloud, "chunked", upload)
        await self._core.shield.run(self._forget(cloud, key))

    async def _keep(self, draft: Draft, key: NameHash, piece: Piece, share: int) -> bool:
        core, cloud = self._core, draft.tenant
        until = core.now() + core.settings.chunked_seconds_max
        async with core.database.write() as connection:
            # One at a time: of two last pieces at once, the second must see the first.
            await connection.execute(select(tenants.c.cloud).where(tenants.c.cloud == cloud).with_for_update())
            old = await self._replaced(connection, cloud, key, piece, share)
            await self._uploads.settle(draft, connection)
            if old is not None:
                await connection.execute(delete(table).where(table.c.aid == old))
                await core.catalogue.doom(connection, old, cloud, seq=0)
            values = {"start_byte": piece.start, "end_byte": piece.end, "total_bytes": piece.total}
            row = {"aid": draft.aid, "tenant": cloud, "upload": key, "expires_at": until, **values}
            await connection.execute(insert(table).values(row))
            mine = (table.c.tenant == cloud, table.c.upload == key)
            await connection.execute(update(table).where(*mine).values(expires_at=until))
            whole = _is_whole(await _rows(connection, cloud, key))
        if old is not None:
            await core.forget([(old, cloud)])
        return whole

    async def _replaced(
        self, connection: AsyncConnection, cloud: str, key: NameHash, piece: Piece, share: int
    ) -> Aid | None:
        """The piece that this one stands for again. Raises BadRequest, LimitExceeded for one that does not fit."""
        rows = await _rows(connection, cloud, key)
        old = next((row for row in rows if (row.start_byte, row.end_byte) == (piece.start, piece.end)), None)
        totals = {row.total_bytes for row in rows} | {piece.total}
        if len(totals - {None}) > 1 or any(total is not None and _end(rows, piece) > total for total in totals):
            raise BadRequest("Content-Range does not fit the other parts of this upload")
        if old is None and any(row.start_byte < piece.end and piece.start < row.end_byte for row in rows):
            raise BadRequest("Content-Range overlaps another part of this upload")
        if len(rows) >= CHUNKS_MAX:
            raise LimitExceeded(f"Too many parts of one upload: at most {CHUNKS_MAX}")
        await self._check_room(connection, cloud, share, is_new=not rows, added=piece.end - piece.start)
        return None if old is None else Aid(old.aid)

    async def _check_room(
        self, connection: AsyncConnection, cloud: str, share: int, *, is_new: bool, added: int
    ) -> None:
        counted = select(
            func.count(table.c.upload.distinct()), func.coalesce(func.sum(table.c.end_byte - table.c.start_byte), 0)
        )
        limits = self._core.settings
        uploads_max, bytes_max = -(-limits.chunked_uploads_max // share), limits.chunked_bytes_max // share
        uploads, held = (await connection.execute(counted.where(table.c.tenant == cloud))).one()
        if is_new and uploads >= uploads_max:
            raise LimitExceeded(f"Too many unfinished uploads: at most {uploads_max}")
        if held + added > bytes_max:
            raise LimitExceeded(f"Unfinished uploads are too large together: at most {bytes_max} bytes")

    def _body(self, cloud: str, aid: Aid, body_bytes: int) -> Body:
        core = self._core
        data_key = core.keyring.of(aid)
        if data_key is None:
            raise AssetNotFound("the upload has just gone")
        return StoredBody(
            blobs=core.blobs,
            tenant=cloud,
            aid=aid,
            key=subkey(data_key, "original"),
            context=SealContext.original(tenant=cloud, aid=aid, region=core.settings.region),
            body_bytes=body_bytes,
            leave=lambda: core.permit(cloud, Activity.STORE),
            is_live=lambda: core.keyring.of(aid) is not None,
        )

    async def _forget(self, cloud: str, key: NameHash) -> None:
        async with self._core.database.write() as connection:
            doomed = await _doom(self._core, connection, await _rows(connection, cloud, key))
        await self._core.forget(doomed)


def pieces_of(body: Body) -> tuple[Aid, ...]:
    """Of what `whole` gave."""
    parts = body.parts if isinstance(body, Joined) else ()
    return tuple(part.aid for part in parts if isinstance(part, StoredBody))


async def drop_old(core: Core) -> None:
    """Pieces of uploads that nobody has gone on with."""
    query = select(table).where(table.c.expires_at < core.now()).limit(SWEPT_MAX)
    while True:
        async with core.database.read() as connection:
            old = (await connection.execute(query)).all()
        if not old:
            return
        async with core.database.write() as connection:  # once more: the next piece may have come
            doomed = await _doom(core, connection, (await connection.execute(query)).all())
        await core.forget(doomed)


async def _doom(core: Core, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[tuple[Aid, str]]:
    for row in rows:
        await core.catalogue.doom(connection, Aid(row.aid), row.tenant, seq=0)
        await connection.execute(delete(table).where(table.c.aid == row.aid))
    return [(Aid(row.aid), row.tenant) for row in rows]


async def _rows(connection: AsyncConnection, cloud: str, key: NameHash) -> Sequence[Row[Any]]:
    """By place in the file."""
    query = select(table).where(table.c.tenant == cloud, table.c.upload == key)
    return (await connection.execute(query.order_by(table.c.start_byte))).all()


def _end(rows: Sequence[Row[Any]], piece: Piece) -> int:
    return max(piece.end, *(int(row.end_byte) for row in rows), 0)


def _is_whole(rows: Sequence[Row[Any]]) -> bool:
    """Do the pieces, which do not overlap, make up the total that one of them told?"""
    total = next((row.total_bytes for row in rows if row.total_bytes is not None), None)
    return total is not None and sum(row.end_byte - row.start_byte for row in rows) == total
