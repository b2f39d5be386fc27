"""What a process of the node is told by its supervisor, by signal: to stop, or, not as urgent, to leave."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Told:
    """Made in the loop that is told."""

    anything: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def listen(self) -> None:
        """SIGTERM, and SIGINT where it is not ignored: stop. SIGUSR1: leave."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.to_stop)
        loop.add_signal_handler(signal.SIGUSR1, self.to_leave)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGINT, self.to_stop)

    def to_stop(self) -> None:
        self.stopping.set()
        self.anything.set()

    def to_leave(self) -> None:
        self.anything.set()
