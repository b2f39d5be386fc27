"""What is written beside a change, in its transaction: renditions that are made already, and what is to be done after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domicile.media.asset import Aid
from domicile.media.wire import Rendition
from origin.journal import Change
from origin.records.core import Core
from origin.records.renditions import Renditions
from origin.records.tasks import NewTask, add_tasks, drop_tasks
from origin.records.types import AssetRecord, RenditionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A rendition of the version that is being written."""

    record: RenditionRecord
    layers: tuple[Aid, ...] = ()
    """Other versions that it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """All of it."""

    made: tuple[Made, ...] = ()
    tasks: tuple[NewTask, ...] = ()
    over: tuple[str, ...] = ()
    """Ids of tasks that are done by this."""


Leave = Callable[[AssetRecord], Left]
"""Of a record as it is about to be written. Pure and quick: it runs under the lock."""

NOTHING = Left()


def nothing(_record: AssetRecord) -> Left:
    """The Leave of a change that is over when it is committed."""
    return NOTHING


class Afterwards:
    """See the head of the file."""

    def __init__(self, core: Core, renditions: Renditions) -> None:
        self._core = core
        self._renditions = renditions

    async def write(self, change: Change, record: AssetRecord, data_key: bytes, left: Left) -> None:
        core, tenant = self._core, change.tenant
        for made in left.made:
            of = made.record
            rendition = Rendition(
                tenant=tenant,
                aid=record.aid,
                sequence=change.seq,
                transformation=of.transformation,
                format=of.format,
                width=of.width,
                height=of.height,
                body_bytes=of.body_bytes,
                layers=made.layers,
            )
            await self._renditions.add_in(change, (rendition,))
        await drop_tasks(change.connection, left.over)
        await add_tasks(core, change.connection, tenant, record.aid, data_key, left.tasks)
