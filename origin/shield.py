"""Work that has begun to commit is finished, whether its caller still waits or not.

A cancelled request (a client that hung up, a deadline) must not leave a transaction committed and its mirror, its key or
its answer half done. `Shield.run` carries such work in a task of its own; closing the shield waits for all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Shield:
    """A supervised group of tasks that outlive their callers."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(None, None, None)  # never cancels: what runs is waited for

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which runs to its end even when the caller is cancelled."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._group.create_task(_carry(work, done))
        return await asyncio.shield(done)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start work that nobody waits for; it must handle its own errors."""
        self._group.create_task(work)


async def _carry(work: Coroutine[Any, Any, T], done: asyncio.Future[T]) -> None:
    try:
        result = await work
    except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
        done.set_exception(error)
        done.exception()  # read once, so that a caller who has gone leaves no "never retrieved" warning
    else:
        done.set_result(result)
