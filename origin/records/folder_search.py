"""Searching for folders: those that somebody made, those that hold assets, and all around both. They are few, so each is
looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from origin.records.core import Core
from origin.records.folders import FOLDERS_MAX, Folders, around
from origin.records.searches import FolderHit, FolderPage, Search
from origin.search.conditions import of_folders, resolve
from origin.search.cursor import read_cursor, write_cursor
from origin.search.document import folder_document
from origin.search.expression import parse
from origin.search.judge import is_true
from origin.search.query import Order
from origin.search.values import Scalar

_UNKNOWN = -1.0
"""When a folder was made that nobody made: before all others."""


async def search_folders(core: Core, folders: Folders, tenant: str, asked: Search) -> FolderPage:
    """Raises BadRequest."""
    condition = resolve(parse(asked.expression), of_folders(now=core.now()))
    order: Order = (*asked.order, ("path", False))
    key = core.tenants.standing(tenant).tenant.name_key
    after = read_cursor(key, order, asked.cursor) if asked.cursor else None
    made: dict[str, float | None] = {one.path: one.created_at for one in await folders.all(tenant) if one.is_made}
    for used in await core.search.folders(tenant, FOLDERS_MAX):
        for path in around(used):
            made.setdefault(path, None)
    found = [
        FolderHit(path=path, created_at=at)
        for path, at in made.items()
        if is_true(condition, folder_document(path, at))
    ]
    for name, descends in reversed(order):
        found.sort(key=lambda hit: _value(hit, name), reverse=descends)  # type: ignore[arg-type,return-value]  # of one kind each
    left = [hit for hit in found if after is None or _is_behind(_place(hit, order), after, order)]
    shown = left[: asked.max_results]
    more = len(left) > len(shown)
    return FolderPage(
        folders=tuple(shown),
        total=len(found),
        next_cursor=write_cursor(key, order, _place(shown[-1], order)) if more else None,
    )


def _value(hit: FolderHit, name: str) -> Scalar:
    match name:
        case "name":
            return hit.path.rpartition("/")[2]
        case "created_at":
            return _UNKNOWN if hit.created_at is None else hit.created_at
        case _:
            return hit.path


def _place(hit: FolderHit, order: Order) -> tuple[Scalar, ...]:
    return tuple(_value(hit, name) for name, _ in order)


def _is_behind(place: Sequence[Scalar], after: Sequence[Scalar], order: Order) -> bool:
    for (_, descends), mine, last in zip(order, place, after, strict=True):
        if mine != last:
            return bool(mine < last if descends else mine > last)  # type: ignore[operator]  # of one kind each
    return False
