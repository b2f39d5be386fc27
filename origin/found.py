"""What names mean in one snapshot: their versions, with the keys of all that is in them, and who may see these.

What holds bytes of others (an archive, a sprite) is open to nobody to whom one of them is not, whatever was said of them since
it was made: that is decided here, each time it is asked for, and not when it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from domicile.media.access import TOKEN, AccessRule
from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Head
from domicile.media.remote_rules import RemoteRules, needs_signature
from origin.catalogue.port import AssetRow
from origin.journal_reading import head_in
from origin.records.core import Core
from origin.records.lineage import original_key
from origin.records.types import AssetRecord

Rules = tuple[AccessRule, ...]

CLOSED: Rules = (AccessRule(access_type=TOKEN),)
"""Of what is shown in a picture: a token is for the picture that the URL names, so this lets nobody in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A row whose key is there."""

    row: AssetRow
    record: AssetRecord
    data_keys: dict[Aid, bytes] = field(repr=False)
    """Its own, and those of the versions whose bytes it holds."""
    original_key: bytes = field(repr=False)
    held_rules: tuple[Rules, ...] = ()
    """Of these versions, as they are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    head: Head
    rows: list[AssetRow]
    held: list[AssetRow]
    """What they hold bytes of, as far as it is still there."""


async def find(
    core: Core, cloud: str, names: Iterable[NameHash], rules: RemoteRules
) -> tuple[Head, dict[NameHash, Opened]]:
    """Those of the names that are there. What holds bytes of what is there no more is not, either."""
    asked = tuple(names)
    seen = await core.database.snapshot(partial(_read, core, cloud, asked, with_held=False))
    opened = _opened(core, seen.rows)
    if any(one.record.sources for one in opened.values()):  # seldom: all of it once more, in one snapshot
        seen = await core.database.snapshot(partial(_read, core, cloud, asked, with_held=True))
        held = {row.aid: record for row in seen.held if (record := core.open(row)) is not None}
        opened = {
            name: _with_held(one, [held[aid] for aid in one.record.sources], rules)
            for name, one in _opened(core, seen.rows).items()
            if held.keys() >= set(one.record.sources)
        }
    return seen.head, opened


def _read(core: Core, cloud: str, names: Sequence[NameHash], connection: Connection, *, with_held: bool) -> _Snapshot:
    rows = core.catalogue.named_in(connection, cloud, names)
    held = core.catalogue.held_in(connection, cloud, [row.aid for row in rows]) if with_held else []
    return _Snapshot(head=head_in(connection, cloud), rows=rows, held=held)


def _opened(core: Core, rows: Iterable[AssetRow]) -> dict[NameHash, Opened]:
    return {row.name: opened for row in rows if (opened := _open(core, row)) is not None}


def _open(core: Core, row: AssetRow) -> Opened | None:
    record = core.open(row)
    if record is None:
        return None
    keys = {aid: core.keyring.of(aid) for aid in (row.aid, *record.sources)}
    known = {aid: key for aid, key in keys.items() if key is not None}
    if len(known) < len(keys):
        return None
    key = original_key(core.keyring, row.aid, known[row.aid], record.sources)
    return None if key is None else Opened(row=row, record=record, data_keys=known, original_key=key)


def _with_held(opened: Opened, held: Iterable[AssetRecord], rules: RemoteRules) -> Opened:
    return replace(opened, held_rules=held_rules(opened.record, held, rules))


def held_rules(holder: AssetRecord, held: Iterable[AssetRecord], rules: RemoteRules) -> tuple[Rules, ...]:
    """What is asked of who wants to see the holder, beside its own rules, for the sake of what it holds bytes of."""
    found: dict[Rules, None] = {}
    for one in held:
        if one.access_control:
            found[one.access_control] = None
        if needs_signature(one.name.delivery_type, rules) and not _always_signed(holder):
            return (CLOSED,)
    return tuple(found)


def _always_signed(record: AssetRecord) -> bool:
    """Of private pictures only the original is for signed URLs alone."""
    name = record.name
    return name.delivery_type == "authenticated" or (name.delivery_type == "private" and name.resource_type != "image")
