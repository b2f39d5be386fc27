"""What does the same work as Domicile in the same run: installed by name, each in a directory of its own, or absent."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.load import children

START_SECONDS_MAX = 60.0
INSTALL_SECONDS_MAX = 600.0
QUALITY = {"jpg": 80, "webp": 80, "avif": 50}


class Absent(Exception):
    """It cannot be installed or started here; says why. Its rows say so, too, and nothing is made up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One kind of rendition: the width of the source's picture shrinks to `width`."""

    label: str
    source: str
    """File name."""
    width: int
    extension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Where peers are installed, each in a directory of its own, to stay."""

    directory: Path
    may_install: bool = True

    def home(self, name: str, install: Callable[[Path], None]) -> Path:
        """The directory of one, which is there. Raises Absent."""
        home = self.directory / name
        done = home / ".installed"
        if not done.exists():
            if not self.may_install:
                raise Absent("not installed yet, and --no-install was said")
            home.mkdir(parents=True, exist_ok=True)
            install(home)
            done.touch()
        return home


class Peer(Protocol):
    """One engine behind whatever it is asked through."""

    name: str

    def start(self, sources: Path, installed: Installed) -> None:
        """`sources` has the files. Raises Absent."""

    def make(self, task: Task, width: int) -> bytes: ...

    def pids(self) -> list[int]:
        """All processes that do the work."""

    def stop(self) -> None: ...


def python_of(installed: Installed, name: str, *packages: str) -> Path:
    """The interpreter of an environment that has those packages. Raises Absent."""

    def install(home: Path) -> None:
        venv.create(home, with_pip=True, clear=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, *packages], home)

    return installed.home(name, install) / "bin" / "python"


def run(command: list[str], directory: Path) -> None:
    """Raises Absent with the last line that it said."""
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX)
    except FileNotFoundError as missing:
        raise Absent(f"{command[0]} is not installed") from missing
    except subprocess.TimeoutExpired as late:
        raise Absent("its installation took too long") from late
    except subprocess.CalledProcessError as failed:
        lines = (failed.stderr or failed.stdout).strip().splitlines() or [f"exit {failed.returncode}"]
        raise Absent(lines[-1][:200]) from failed


@dataclass(slots=True)
class HttpPeer:
    """A server on loopback, asked over one connection."""

    process: subprocess.Popen[bytes]
    port: int
    connection: http.client.HTTPConnection

    @classmethod
    def start(cls, command: list[str], port: int, directory: Path, is_up: str) -> HttpPeer:
        """`is_up`: a path that is answered with 200 once it is. Raises Absent."""
        log = (directory / "log").open("wb")
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
        started = cls(process, port, http.client.HTTPConnection("127.0.0.1", port, timeout=60))
        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until and process.poll() is None:
            try:
                started.get(is_up)
            except (OSError, http.client.HTTPException, RuntimeError):
                started.connection.close()
                time.sleep(0.1)
            else:
                return started
        started.stop()
        raise Absent("it did not start: " + (directory / "log").read_text("utf-8", "replace")[-200:])

    def get(self, path: str) -> bytes:
        try:
            reply, body = self._exchange(path)
        except (http.client.RemoteDisconnected, ConnectionError):  # it had been idle for too long: no request was lost
            self.connection.close()
            reply, body = self._exchange(path)
        if reply.status != 200:
            raise RuntimeError(f"{reply.status} for {path}: {body[:200]!r}")
        return body

    def _exchange(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request("GET", path)
        reply = self.connection.getresponse()
        return reply, reply.read()

    def pids(self) -> list[int]:
        return [self.process.pid, *children(self.process.pid)]

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def cleaned(stop: Callable[[], None]) -> None:
    """Stop what may not have been started."""
    try:
        stop()
    except (AttributeError, OSError) as gone:
        print(f"could not be stopped: {gone}", file=sys.stderr)
