"""Rounds of a worker that never ends: do what is due, then wait, until there is news or time has passed.

A round that fails is logged by the type of its failure and begun again later: what was due stays due, in the database.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from domicile.service import logging

log = logging.get()


async def keep_at(
    do: Callable[[], Awaitable[float]],
    *,
    of: str,
    retry_seconds: float,
    news: asyncio.Event | None = None,
    pause_seconds: float = 0.0,
) -> None:
    """Until it is cancelled. `do`: one round; what it returns is how long to wait after it, in seconds: 0 goes on at once.

    `of`: whose round it is, for the log, when one raised and `retry_seconds` are waited. `news`: ends a wait, but for its
    first `pause_seconds`: news that never end are no reason to ask without end.
    """
    while True:
        if news is not None:
            news.clear()  # before the round, so that nothing is missed between its look and the wait
        try:
            seconds = await do()
        except Exception as bug:  # noqa: BLE001 - a busy or broken database: the next round does what this one left
            log.warning("round_failed", of=of, error=type(bug).__name__)
            seconds = retry_seconds
        if news is None or seconds <= 0:
            await asyncio.sleep(seconds)
        else:
            await asyncio.sleep(pause := min(seconds, pause_seconds))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds - pause):
                    await news.wait()
