"""Makes an edge worker slow where a test says so. Python loads a module of this name at its start, if it is on the path.

SLOW_EDGE names a directory: a file `lookup` or `disk` in it holds the seconds that this step takes longer. Decoders get
handlers that are slow by the width that they are asked for.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from pathlib import Path
from typing import Any


def _install(directory: Path) -> None:
    import asyncio

    from domicile.service.pool import DecoderPool
    from edge.lookup import Lookup

    def seconds(step: str) -> float:
        try:
            return float((directory / step).read_text("ascii"))
        except FileNotFoundError:
            return 0.0

    in_memory, on_disk, started = Lookup.in_memory, Lookup.on_disk, DecoderPool.__init__

    def slow_memory(self: Any, *arguments: Any, **named: Any) -> Any:
        time.sleep(seconds("lookup"))
        return in_memory(self, *arguments, **named)

    async def slow_disk(self: Any, *arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(seconds("disk"))
        return await on_disk(self, *arguments, **named)

    Lookup.in_memory = slow_memory  # type: ignore[method-assign]
    Lookup.on_disk = slow_disk  # type: ignore[method-assign]
    handlers = Path(__file__).with_name("handlers.py")
    DecoderPool.__init__ = functools.partialmethod(started, handlers=handlers)  # type: ignore[assignment,method-assign]


if "SLOW_EDGE" in os.environ and "worker" in sys.orig_argv:
    _install(Path(os.environ["SLOW_EDGE"]))
