"""Asset folders that somebody made. A folder that only holds assets is in their records, and is gone with the last one:
its name may tell of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from domicile.media.asset import NameHash
from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from domicile.media.public_id import FOLDER_CHARS_MAX
from origin.catalogue.tables import folder as table
from origin.records.cloud_rows import CloudRows
from origin.records.core import Core
from origin.records.names import Names
from origin.records.types import AssetRecord, Filter

FOLDERS_MAX = 10_000
"""Of one cloud that somebody made; and folders that are listed below one."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """One folder, by its path from the root, without slashes at its ends."""

    path: str
    created_at: float
    moving_to: str = ""
    """It is being renamed, and what is in it goes there."""
    is_made: bool = True
    """False: nobody made it; the row only notes that what is in it is being moved."""


class Folders(CloudRows[Folder]):
    """By path."""

    def __init__(self, core: Core, names: Names) -> None:
        super().__init__(core, table, Folder, kind="folder", rows_max=FOLDERS_MAX)
        self._names = names

    async def below(self, cloud: str, path: str) -> list[str]:
        """Paths of the folders right below one ("": the root), made or with assets in them, sorted. AssetNotFound."""
        made = await self._made(cloud)
        if path and not await self._is_there(cloud, path, made):
            raise _missing(path)
        head = f"{path}/" if path else ""
        children = {one.path[len(head) :].partition("/")[0] for one in made if one.path.startswith(head)}
        children |= set(await self._core.search.folders_below(cloud, path, limit=FOLDERS_MAX))
        return [head + child for child in sorted(children)[:FOLDERS_MAX]]

    async def make(self, cloud: str, path: str) -> None:
        """With all that are around it; one that is there stays as it is. LimitExceeded."""
        made = {one.path for one in await self._made(cloud)}
        missing = [one for one in around(path) if one not in made]
        await self.write_many(cloud, {one: Folder(path=one, created_at=self._core.now()) for one in missing})

    async def drop(self, cloud: str, path: str) -> list[str]:
        """With all that are below it; which were. AssetNotFound; BadRequest while an asset is in one of them."""
        made = [one for one in await self.all(cloud) if _is_in(one.path, path)]
        if await self._has_assets(cloud, path):
            raise BadRequest("Folder is not empty")
        if not made:
            raise _missing(path)
        gone = sorted({path, *(one.path for one in made)})
        await self.write_many(cloud, {}, gone=gone)
        return gone

    async def move(self, cloud: str, old: str, new: str) -> None:
        """Rename a folder, with all that is in it. AssetNotFound; AssetExists; BadRequest; LimitExceeded.

        It is noted first, batches of assets follow, and its own row goes last: cut off in the middle, the same call goes on.
        """
        if _is_in(new, old):
            raise BadRequest("A folder cannot be moved into itself")
        noted_before = {one.path: one for one in await self.all(cloud)}
        made = [one for one in noted_before.values() if one.is_made]
        folder = noted_before.get(old)
        if folder is None and not await self._is_there(cloud, old, made):
            raise _missing(old)
        if await self._is_there(cloud, new, made) and (folder is None or folder.moving_to != new):
            raise AssetExists(f"Folder {new[:64]} already exists")
        inside_it = [len(one.path) for one in made if _is_in(one.path, old)]
        longest = max(*inside_it, await self._core.search.longest_folder(cloud, old), len(old))
        _check_length(longest + len(new) - len(old))  # before anything is moved
        noted = folder or Folder(path=old, created_at=self._core.now(), is_made=False)
        await self.write_many(cloud, {old: msgspec.structs.replace(noted, moving_to=new)})
        await self._names.edit_where(cloud, Filter(folder=old), lambda record: _moved(record, old, new))
        there = {one.path: one for one in await self.all(cloud)}
        inside = {path: one for path, one in there.items() if _is_in(path, old)}
        moved = {new + path[len(old) :]: one for path, one in inside.items() if one.is_made}
        rows = {path: msgspec.structs.replace(one, path=path, moving_to="") for path, one in moved.items()}
        around_them = around(new) if rows else []  # what nobody made goes with the last asset in it, as before
        parents = {path: Folder(path=path, created_at=self._core.now()) for path in around_them if path not in there}
        await self.write_many(cloud, parents | rows, gone=inside)

    async def _made(self, cloud: str) -> list[Folder]:
        return [one for one in await self.all(cloud) if one.is_made]

    def id_of(self, cloud: str, path: str) -> NameHash:
        """What stands for it outside, and does not tell its name."""
        return self._core.hash_of(cloud, table.name, path)

    async def _has_assets(self, cloud: str, path: str) -> bool:
        return bool(await self._core.matching(cloud, Filter(folder=path), limit=1))

    async def _is_there(self, cloud: str, path: str, made: Iterable[Folder]) -> bool:
        return any(_is_in(one.path, path) for one in made) or await self._has_assets(cloud, path)


def around(path: str) -> list[str]:
    """A folder, behind those that it lies in.

    >>> around("a/b/c")
    ['a', 'a/b', 'a/b/c']
    """
    parts = path.split("/")
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _is_in(path: str, folder: str) -> bool:
    """Is it the folder, or one below it?"""
    return path == folder or path.startswith(f"{folder}/")


def _moved(record: AssetRecord, old: str, new: str) -> AssetRecord:
    folder = new + record.folder[len(old) :]
    _check_length(len(folder))  # of one that has just come
    return replace(record, folder=folder)


def _check_length(chars: int) -> None:
    if chars > FOLDER_CHARS_MAX:
        raise BadRequest(
            f"Invalid value for parameter to_folder: a path in it would have more than {FOLDER_CHARS_MAX} characters"
        )


def _missing(path: str) -> AssetNotFound:
    return AssetNotFound(f"Can't find folder with path {path[:64]}")
