"""How often an event loop goes round: what is between two rounds, nobody else's work can come between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counted_turns() -> Iterator[Callable[[], int]]:
    """While the block runs: how many rounds there have been since it began."""
    loop, passed, is_over = asyncio.get_running_loop(), 0, False

    def again() -> None:
        nonlocal passed
        passed += 1
        if not is_over:
            loop.call_soon(again)

    loop.call_soon(again)
    try:
        yield lambda: passed
    finally:
        is_over = True
