"""The soak: readers, one writer and a killer around a whole `domicile serve`, under the oracle of `tests.soak.oracle`.

    storm   readers ask, the writer overwrites and purges, the killer ends workers, the agent and the whole installation
    calm    the same without kills; resident memory of every process that lasts is looked at at its start and at its end
    end     everything is purged once more: every asset is served in its newest version, by whichever worker

Cache limits are small, so that eviction, admission and both tiers are at work all the time.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.memory import DECODERS, processes
from tests.e2e.signer import PATH, PurgeCall
from tests.e2e.stack import Stack, is_first
from tests.soak.oracle import Oracle, Wrong, drawn

READERS = 3
WIDTHS = range(100, 140)
WRITE_PAUSE_SECONDS = 0.3
KILL_PAUSE_SECONDS = 3.0
REQUEST_SECONDS_MAX = 30.0
FENCED_SECONDS_MAX = 60.0
RECOVERED_SECONDS_MAX = 60.0
GROWTH_BYTES_MAX = 32_000_000
"""Of all lasting processes together, from the first tenth of the calm to its end."""
ENVIRONMENT = {
    "DOMICILE_EDGE_CACHE_RAM_BYTES_MAX": str(1024 * 1024),
    "DOMICILE_EDGE_CACHE_DISK_BYTES_MAX": str(6 * 1024 * 1024),
    "DOMICILE_EDGE_CACHE_SCRUB_BYTES_PER_SECOND": str(100 * 1024 * 1024),
    "DOMICILE_EDGE_PURGE_PER_SECOND": "1000",
    "DOMICILE_EDGE_PURGE_BURST": "1000",
}


@dataclass(slots=True)
class Soak:
    """One run. `storm`, `calm` and `end` one after the other; each raises what was wrong."""

    stack: Stack
    assets: int = 12
    seed: int = 1
    kills: list[str] = field(default_factory=list)
    oracle: Oracle = field(init=False)
    pause_seconds: float = 0.0
    """Of a reader between two questions."""
    _over: threading.Event = field(default_factory=threading.Event)
    _failures: list[BaseException] = field(default_factory=list)
    _restarting: threading.Lock = field(default_factory=threading.Lock)
    _keyid: str = ""
    _key: Ed25519PrivateKey | None = None

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.assets)

    def prepare(self) -> None:
        """A purge key, and the first version of everything."""
        file = self.stack.data.with_name("soak.pem")
        made = self.stack.run("key", "new", "--cloud", "demo", "--out", str(file), "--json")
        assert made.returncode == 0, made.stderr
        key = load_pem_private_key(file.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        self._keyid, self._key = str(json.loads(made.stdout)["keyid"]), key
        for asset in range(self.assets):
            self._overwrite(asset)

    def storm(self, seconds: float, *, whole_every: int = 0) -> None:
        """With kills. Every `whole_every`th of them ends the whole installation; 0 for none."""
        self._run(seconds, lambda: self._kill_now_and_then(whole_every))
        self.wait_well()

    def calm(self, seconds: float) -> int:
        """Without kills; how many bytes all lasting processes have grown by from a tenth of it to its end."""
        self._run(seconds * 0.1)
        before = self._lasting()
        self._run(seconds * 0.9)
        after = self._lasting()
        assert before.keys() == after.keys(), "a process ended in the calm"
        return sum(after.values()) - sum(before.values())

    def end(self) -> None:
        """Whatever was killed: the newest of everything is what is served."""
        for asset in range(self.assets):
            self._overwrite(asset)
            for width in list(WIDTHS)[:3]:
                oldest = self.oracle.oldest(asset)
                reply = self.stack.get(path_of(asset, width))
                assert self.oracle.check(asset, oldest, reply.status, reply.body) == "current"

    # --- threads ----------------------------------------------------------------------------------------------------

    def _run(self, seconds: float, *more: Callable[[], None]) -> None:
        self._over.clear()
        jobs: list[Callable[[], None]] = [self._write_on, *more]
        jobs += [lambda number=number: self._read_on(number) for number in range(READERS)]  # type: ignore[misc]
        threads = [threading.Thread(target=self._guarded, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as failure:
            self._failures.append(failure)
            self._over.set()

    def _read_on(self, number: int) -> None:
        chance, reader = random.Random(f"{self.seed}/{number}"), Reader(self.stack.edge_port)
        while not self._over.is_set():
            asset = min(chance.randrange(self.assets), chance.randrange(self.assets))
            oldest = self.oracle.oldest(asset)
            try:
                status, body = reader.get(path_of(asset, chance.choice(WIDTHS)))
            except (OSError, http.client.HTTPException):
                self.oracle.note("broken")
                reader.close()
                self._over.wait(0.02)
                continue
            try:
                outcome = self.oracle.check(asset, oldest, status, body)
            except Wrong as wrong:
                wrong.add_note(f"seed {self.seed}, kills so far: {self.kills}\n{self.stack.log_tail()}")
                raise
            self._over.wait(0.02 if outcome == "refused" else self.pause_seconds)
        reader.close()

    def _write_on(self) -> None:
        chance = random.Random(f"{self.seed}/writer")
        while not self._over.wait(WRITE_PAUSE_SECONDS * chance.random() * 2):
            with self._restarting:
                if chance.random() < 0.8:
                    self._overwrite(chance.randrange(self.assets))
                else:
                    self._purged([chance.choice([{"everything": True}, {"public_id": name_of(0)}])])

    def _overwrite(self, asset: int) -> None:
        """A new version, which is acknowledged when a purge after it is fenced."""
        version = self.oracle.sending(asset)
        uploader = self.stack.sdk().uploader
        uploader.upload(io.BytesIO(drawn(asset, version)), public_id=name_of(asset), timeout=REQUEST_SECONDS_MAX)
        self._purged([{"public_id": name_of(asset)}])
        self.oracle.acknowledged(asset, version)

    def _purged(self, targets: list[dict[str, Any]]) -> None:
        """Purge until the origin says that every edge has it."""
        assert self._key is not None
        until = time.monotonic() + FENCED_SECONDS_MAX
        while time.monotonic() < until:
            authority = f"127.0.0.1:{self.stack.edge_port}"
            headers, body = PurgeCall(targets, authority=authority, keyid=self._keyid, key=self._key).signed()
            try:
                reply = self.stack.request("POST", PATH, headers, body)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if reply.status == 200 and reply.json()["state"] == "fenced":
                return
            if reply.status not in {200, 503}:
                raise Wrong(f"a purge was answered {reply.status} {reply.body!r}")
            time.sleep(0.05)
        raise Wrong("no purge is acknowledged any more")

    # --- kills ------------------------------------------------------------------------------------------------------

    def _kill_now_and_then(self, whole_every: int) -> None:
        chance = random.Random(f"{self.seed}/killer")
        while not self._over.wait(KILL_PAUSE_SECONDS * (0.3 + chance.random())):
            if whole_every and len(self.kills) % whole_every == whole_every - 1:
                with self._restarting:  # the writer would lose its origin
                    self.kills.append("everything")
                    self.stack.kill_everything()
                    self.stack.start()
                continue
            role = chance.choice(["worker", "worker", "agent"])
            found = [pid for pid in self.stack.processes("edge") if is_role(pid, role)]
            if found:
                self.kills.append(role)
                os.kill(chance.choice(found), signal.SIGKILL)

    def wait_well(self) -> None:
        """Until everything that was killed is there again."""
        until = time.monotonic() + RECOVERED_SECONDS_MAX
        while not self._is_well():
            if time.monotonic() > until:
                raise Wrong(f"not well again after kills of {self.kills}\n{self.stack.log_tail()}")
            time.sleep(0.1)

    def _is_well(self) -> bool:
        try:
            ready = self.stack.get("/readyz").status == 200
            found = self.stack.processes("edge")
        except (OSError, http.client.HTTPException):
            return False
        counts = [sum(is_role(pid, role) for pid in found) for role in ("worker", "agent")]
        return ready and counts == [self.stack.workers, 1]

    def _lasting(self) -> dict[tuple[int, str], int]:
        return {
            (process.pid, process.role): process.resident_bytes
            for process in processes(self.stack)
            if process.role not in DECODERS and process.role != "domicile.imaging.features"
        }


class Reader:
    """A connection that is kept, and opened again when it breaks."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: http.client.HTTPConnection | None = None

    def get(self, path: str) -> tuple[int, bytes]:
        """Raises OSError or HTTPException when the answer does not end as it said."""
        if self._open is None:
            self._open = http.client.HTTPConnection("127.0.0.1", self._port, timeout=REQUEST_SECONDS_MAX)
        self._open.request("GET", path)
        response = self._open.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def name_of(asset: int) -> str:
    return f"soak{asset}"


def path_of(asset: int, width: int) -> str:
    return f"/demo/image/upload/c_scale,w_{width}/v1/{name_of(asset)}.png"


def is_role(pid: int, role: str) -> bool:
    try:
        return role.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") and is_first(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
