"""A PostgreSQL with a standby, and the crash of the one after which the other is promoted.

While a standby is there, and `is_synchronous`, a commit is answered once the standby has it: a failover loses nothing. Without, it
loses what was on its way.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.infra.ports import free_port
from tests.infra.postgres import QUICK, Server, as_postgres, options_of, require, running


@dataclass(slots=True)
class Pair:
    primary: Server
    is_synchronous: bool = True
    standby: Server | None = None
    _directories: list[Path] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where the one that may be written to listens."""
        return self.primary.port

    def stand_by(self) -> None:
        """Make a standby of the primary as it is now; on return it follows."""
        assert self.standby is None
        directory, port = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp")), free_port()
        self._directories.append(directory)
        data = directory / "data"
        shutil.chown(directory, *_owner(self.primary.directory))
        as_postgres([
            str(require() / "pg_basebackup"), "-h", "127.0.0.1", "-p", str(self.primary.port), "-U", "postgres",
            "-D", str(data), "-R", "-X", "stream", "-c", "fast", "--no-sync",
        ])  # fmt: skip
        with (data / "postgresql.auto.conf").open("a") as file:
            file.write("synchronous_standby_names = ''\n")  # it has none itself once it is promoted
        control = [*self.primary.control[:-1], str(data)]
        standby = Server(directory=directory, port=port, control=control, options=options_of(directory, port) + QUICK)
        standby.start()
        self.standby = standby
        if self.is_synchronous:
            self._wait_for("*")

    def fail_over(self) -> None:
        """The primary ends as by a crash, the standby takes its place; on return it may be written to."""
        assert self.standby is not None
        self.primary.stop("immediate")
        as_postgres([*self.standby.control, "promote"])
        self.primary, self.standby = self.standby, None

    def close(self) -> None:
        """What the primary was at first is ended by who started it."""
        for server in (self.standby, self.primary):
            if server is not None and server.directory in self._directories:
                server.stop()
        for directory in self._directories:
            shutil.rmtree(directory, ignore_errors=True)

    def _wait_for(self, names: str) -> None:
        self.primary.ask(self.primary.url, f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.primary.ask(self.primary.url, "SELECT pg_reload_conf()")


def _owner(directory: Path) -> tuple[int, int]:
    told = directory.stat()
    return told.st_uid, told.st_gid


@contextmanager
def paired(*, is_synchronous: bool = True) -> Iterator[Pair]:
    with running() as first:
        pair = Pair(first, is_synchronous=is_synchronous)
        try:
            pair.stand_by()
            yield pair
        finally:
            pair.close()
            if pair.primary is not first:
                first.start()  # `running` ends it
