"""Start `domicile serve` on free ports, talk to it, stop it. Only its own process group is ever signalled."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from tests.infra.ports import free_port

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
REQUEST_SECONDS_MAX = 30.0
UNDISTURBED = {"DOMICILE_EDGE_NODE_RECYCLE_SECONDS": "0"}
"""Workers stay as they are unless a test asks for something else."""


@contextlib.contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """Processes that are there and do nothing, as a partition or an overload makes them."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def cache(self) -> str:
        """First word of our Cache-Status member: hit or fwd=…"""
        match = re.search(r";\s*(hit|fwd=[a-z-]+)", self.headers.get("cache-status", ""))
        return match[1] if match else ""

    def json(self) -> dict[str, object]:
        loaded = json.loads(self.body)
        assert isinstance(loaded, dict)
        return loaded


@dataclass(slots=True)
class Stack:
    data: Path
    workers: int = 2
    region: str = "eu-de"
    environment: Mapping[str, str] = field(default_factory=dict)
    tls: tuple[Path, Path, Path] | None = None
    """Certificate and key of both tiers, and the authority that signed them."""
    edge_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    exit_code: int | None = None
    begins_with_nothing: bool = False
    """Its first start takes every step of the schema, too, as a user's does."""
    beside: Callable[[], Iterable[Path]] = tuple
    """Files of a database server, if it has one."""
    watchers: list[Callable[[str, Reply], None]] = field(default_factory=list)
    """Shown every answer that `request` and `api` get, with what was asked of which tier."""

    @property
    def log(self) -> Path:
        return self.data.with_name(self.data.name + ".log")

    @property
    def keys(self) -> Path:
        return self.data.with_name(self.data.name + ".keys")

    @property
    def mirror(self) -> Path:
        return self.data.with_name(self.data.name + ".mirror")

    def start(self) -> None:
        if not self.begins_with_nothing and "DOMICILE_ORIGIN_RECORDS_DATABASE_URL" not in self.environment:
            from tests.infra.migrating import begin  # Alembic is large, and benchmarks have no use for it

            begin(self.data)
        command = [
            *(sys.executable, "-m", "domicile.cli.main", "serve"),
            *("--data", str(self.data), "--edge", f"127.0.0.1:{self.edge_port}"),
            *("--api", f"127.0.0.1:{self.api_port}", "--region", self.region, "--workers", str(self.workers)),
        ]
        if self.tls is not None:
            command += ["--tls-cert", str(self.tls[0]), "--tls-key", str(self.tls[1])]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **UNDISTURBED, **self.environment},
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._ready():
            if self.process.poll() is not None:
                raise AssertionError(f"domicile serve ended with {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"not ready after {START_SECONDS_MAX:.0f} s:\n{self.log_tail()}")
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            return self.get("/readyz").status == 200 and self.api("GET", "/readyz").status == 200
        except OSError:
            return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.exit_code = self.process.returncode
        self.process = None

    def check_alive(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self.log_tail()
        assert self.get("/healthz").status == 200, self.log_tail()

    def log_tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:]) if self.log.exists() else ""

    def kill_everything(self) -> None:
        """As a power cut does: no process of ours sees it coming. `domicile serve` first, so that nothing is restarted."""
        assert self.process is not None
        for pid in (self.process.pid, *self.processes()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def processes(self, module: str = "") -> list[int]:
        """Pids of our session whose command line runs `-m module`; all but the first process without one."""
        assert self.process is not None
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parents = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            is_ours = int(parents[3]) == self.process.pid != int(entry.name)  # field 6: the session id
            if is_ours and (not module or module.encode() in words):
                found.append(int(entry.name))
        return found

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, headers)

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """One request on a fresh connection, the path sent exactly as given."""
        return self._exchange("edge", method, path, headers, body)

    def api(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Reply:
        return self._exchange("origin", method, path, headers, body)

    def _exchange(
        self, tier: str, method: str, path: str, headers: Mapping[str, str] | None, body: bytes | None
    ) -> Reply:
        authority = None if self.tls is None else self.tls[2]
        reply = request_to(self.edge_port if tier == "edge" else self.api_port, method, path, headers, body, authority)
        for watcher in self.watchers:
            watcher(f"{method} {path} of the {tier}", reply)
        return reply

    @property
    def cloudinary_url(self) -> str:
        return (self.data / "cloudinary-url").read_text("utf-8").strip()

    @property
    def credentials(self) -> tuple[str, str]:
        parts = urllib.parse.urlsplit(self.cloudinary_url)
        assert parts.username is not None
        assert parts.password is not None
        return parts.username, parts.password

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A verb of the command line on this installation."""
        command = [sys.executable, "-m", "domicile.cli.main", *words, "--data", str(self.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=REQUEST_SECONDS_MAX, check=False)

    def create_cloud(self, cloud: str) -> str:
        """Make another cloud; its CLOUDINARY_URL."""
        made = self.run("tenant", "create", cloud, "--json")
        assert made.returncode == 0, made.stderr
        return str(json.loads(made.stdout)["cloudinary_url"])

    def sdk(self, cloudinary_url: str | None = None) -> ModuleType:
        """The official SDK, configured as a user would: from CLOUDINARY_URL alone."""
        import cloudinary
        import cloudinary.api
        import cloudinary.uploader

        os.environ["CLOUDINARY_URL"] = cloudinary_url or self.cloudinary_url
        cloudinary.reset_config()
        module: ModuleType = cloudinary
        return module

    def path_of(self, url: str) -> str:
        """The path of a delivery URL of ours; fails when the URL points elsewhere."""
        parts = urllib.parse.urlsplit(url)
        assert parts.netloc == f"127.0.0.1:{self.edge_port}", url
        return parts.path


def is_first(pid: int) -> bool:
    """Not a decoder, which its parent forks and which shows its parent's command line."""
    parent = int(Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[1])
    return Path(f"/proc/{pid}/cmdline").read_bytes() != Path(f"/proc/{parent}/cmdline").read_bytes()


def request_to(
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str] | None,
    body: bytes | None,
    authority: Path | None = None,
) -> Reply:
    """`authority`: of https."""
    if authority is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS_MAX)
    else:
        trusted = ssl.create_default_context(cafile=authority)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=REQUEST_SECONDS_MAX, context=trusted)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        payload = response.read()
        merged: dict[str, str] = {}
        for name, value in response.getheaders():
            key = name.lower()
            merged[key] = f"{merged[key]}, {value}" if key in merged else value
        return Reply(response.status, merged, payload)
    finally:
        connection.close()
