"""Things that a cloud keeps under names of its own and that change nothing which is served: presets, fields, folders.

A name may tell of a person, and so may what is kept under it: rows know a keyed hash of the name, and the rest is sealed
under a key of the cloud. They are read when they are needed, so that several processes see the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetExists, AssetNotFound, LimitExceeded
from origin.catalogue.sql import batches
from origin.records.cloud_seals import open_for_cloud, seal_for_cloud
from origin.records.core import Core, check_texts

T = TypeVar("T", bound=msgspec.Struct)

ROW_BYTES_MAX = 64 * 1024
"""Of what is kept under one name, before it is sealed."""


class CloudRows(Generic[T]):
    """Rows of one table, `kind` in the words of errors. `shape`: fields may be added to it with defaults."""

    def __init__(self, core: Core, table: Table, shape: type[T], *, kind: str, rows_max: int) -> None:
        self._core = core
        self._table = table
        self._shape = shape
        self._kind = kind
        self._rows_max = rows_max

    async def get(self, cloud: str, name: str) -> T | None:
        async with self._core.database.read() as connection:
            return await self._get(connection, cloud, name)

    async def all(self, cloud: str) -> tuple[T, ...]:
        """In no order, at most `rows_max`."""
        query = select(self._table.c.detail).where(self._table.c.tenant == cloud)
        async with self._core.database.read() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(self._opened(cloud, row.detail) for row in rows)

    async def add(self, cloud: str, name: str, row: T) -> None:
        """AssetExists; LimitExceeded."""
        detail = self._sealed(cloud, name, row)
        mine = select(func.count()).select_from(self._table).where(self._table.c.tenant == cloud)
        async with self._core.database.write() as connection:
            if await self._get(connection, cloud, name) is not None:
                raise self._taken(name)
            if (await connection.scalar(mine) or 0) >= self._rows_max:
                raise LimitExceeded(f"Too many {self._kind}s: at most {self._rows_max}")
            try:
                await connection.execute(
                    insert(self._table).values(tenant=cloud, hash=self._hash(cloud, name), detail=detail)
                )
            except IntegrityError as taken:
                raise self._taken(name) from taken

    async def change(self, cloud: str, name: str, edit: Callable[[T], T]) -> T:
        """`edit` is pure and quick. AssetNotFound; what `edit` raises, and then nothing is changed."""
        async with self._core.database.write() as connection:
            before = await self._get(connection, cloud, name, lock=True)
            if before is None:
                raise AssetNotFound(f"{self._kind.capitalize()} {name[:64]} not found")
            after = edit(before)
            detail = self._sealed(cloud, name, after)
            await connection.execute(update(self._table).where(*self._at(cloud, name)).values(detail=detail))
        return after

    async def write_many(self, cloud: str, put: Mapping[str, T], *, gone: Iterable[str] = ()) -> None:
        """Rows under their names, whatever was there, and none under the names that are `gone`; at once. LimitExceeded."""
        details = {self._hash(cloud, name): self._sealed(cloud, name, row) for name, row in put.items()}
        doomed = {*details, *(self._hash(cloud, name) for name in gone)}
        table = self._table
        mine = select(func.count()).select_from(table).where(table.c.tenant == cloud)
        async with self._core.database.write() as connection:
            for batch in batches(doomed):
                await connection.execute(delete(table).where(table.c.tenant == cloud, table.c.hash.in_(batch)))
            if (await connection.scalar(mine) or 0) + len(details) > self._rows_max:
                raise LimitExceeded(f"Too many {self._kind}s: at most {self._rows_max}")
            if details:
                rows = [{"tenant": cloud, "hash": name, "detail": detail} for name, detail in details.items()]
                await connection.execute(insert(table), rows)

    async def remove(self, cloud: str, name: str) -> bool:
        """False when there was none."""
        async with self._core.database.write() as connection:
            gone = await connection.execute(delete(self._table).where(*self._at(cloud, name)))
        return gone.rowcount > 0

    async def _get(self, connection: AsyncConnection, cloud: str, name: str, *, lock: bool = False) -> T | None:
        query = select(self._table.c.detail).where(*self._at(cloud, name))
        detail = await connection.scalar(query.with_for_update() if lock else query)
        return None if detail is None else self._opened(cloud, detail)

    def _at(self, cloud: str, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return self._table.c.tenant == cloud, self._table.c.hash == self._hash(cloud, name)

    def _hash(self, cloud: str, name: str) -> str:
        return self._core.hash_of(cloud, self._table.name, name)

    def _taken(self, name: str) -> AssetExists:
        return AssetExists(f"{self._kind.capitalize()} {name[:64]} already exists")

    def _sealed(self, cloud: str, name: str, row: T) -> bytes:
        check_texts([name])
        body = msgspec.msgpack.encode(row)
        if len(body) > ROW_BYTES_MAX:
            raise LimitExceeded(f"{self._kind.capitalize()} {name[:64]} is too large: at most {ROW_BYTES_MAX} bytes")
        return seal_for_cloud(self._core, cloud, self._table.name, body)

    def _opened(self, cloud: str, detail: bytes) -> T:
        body = open_for_cloud(self._core, cloud, self._table.name, detail)
        return msgspec.msgpack.decode(body, type=self._shape)
