"""Kill the origin while writers upload, in one piece and in chunks, overwrite, rename, delete and erase; look what is left.

    python -m tests.soak.kills [--minutes 10] [--seed N]     half of it on each database

The origin is a real process, and so is the PostgreSQL, which is ended as by a crash now and then. After each start: every
writer's assets are one of what they may be (`worlds`), byte for byte through the API; the listing says the same; the
directory of originals holds what the catalogue knows, and nothing is left to be forgotten. At the end no key is left over.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import json
import random
import secrets
import signal
import sqlite3
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from domicile.media.asset import Aid
from origin.keyring import aid_id
from origin.keytree import KeyTree
from origin.records.api_keys import FIRST, place_id
from origin.records.audit import LOG_KEY
from origin.records.statement_key import SIGNING_KEY
from origin.tenants import secret_ids, token_key_ids
from tests.infra import postgres
from tests.integration.origin_process import OriginProcess
from tests.soak.worlds import Lost, Step, Worlds, removed, renamed, stored

WRITERS = 6
NAMES_EACH = 4
BODY_BYTES_MAX = 200_000
PIECE_BYTES = 40_000
KILL_AFTER_SECONDS = (0.05, 0.9)
ANSWERS_BEFORE_KILL = 8
SERVER_EVERY = 4
CALL_SECONDS_MAX = 20.0
READY_SECONDS_MAX = 30.0
ENVIRONMENT = {"DOMICILE_ORIGIN_POOL_PROCESSES": "1"}
RETRYABLE = frozenset({429, 500, 503})
"""What a call may be answered while a server is away; 500 must say that it may be asked for again."""
BOUNDARY = "soak-boundary"
CALLS = ("upload", "upload", "chunked", "overwrite", "overwrite", "rename", "destroy", "erase")


@dataclass(slots=True)
class Client:
    """One caller of the API, who shows the secret itself."""

    origin: OriginProcess
    authorization: str

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Raises OSError, HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.origin.port, timeout=CALL_SECONDS_MAX)
        try:
            connection.request(
                method, "/v1_1/demo" + path, body, {"Authorization": self.authorization, **(headers or {})}
            )
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return response.status, told, response.read()
        finally:
            connection.close()

    def form(self, path: str, **values: str) -> tuple[int, Mapping[str, str], bytes]:
        body = urllib.parse.urlencode(values).encode()
        return self.call("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def upload(self, name: str, body: bytes, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="public_id"\r\n\r\n{name}\r\n'.encode()]
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'.encode())
        sent = b"".join([*parts, body, f"\r\n--{BOUNDARY}--\r\n".encode()])
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **headers}
        return self.call("POST", "/raw/upload", sent, kind)

    def original(self, name: str) -> bytes | None:
        status, _, body = self.call("GET", "/raw/download?" + urllib.parse.urlencode({"public_id": name}))
        if status not in {200, 404}:
            raise Lost(f"an original was answered {status} {body!r}")
        return body if status == 200 else None

    def listed(self, prefix: str) -> set[str]:
        asked = urllib.parse.urlencode({"prefix": prefix, "max_results": 500})
        status, _, body = self.call("GET", f"/resources/raw/upload?{asked}")
        assert status == 200, body
        return {row["public_id"] for row in json.loads(body)["resources"]}


@dataclass(slots=True)
class Writer:
    """Its own names, one call after the other."""

    number: int
    client: Client
    chance: random.Random
    counts: Counter[str]
    worlds: Worlds = field(default_factory=Worlds)
    is_over: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None

    @property
    def names(self) -> list[str]:
        return [f"w{self.number}/n{name}" for name in range(NAMES_EACH)]

    def run(self) -> None:
        try:
            while not self.is_over.is_set():
                self._step(self.chance.choice(CALLS))
        except BaseException as failure:
            self.failure = failure

    def look(self) -> None:
        """Raises Lost."""
        bodies = {name: self.client.original(name) for name in self.names}
        found = {name: digest(body) for name, body in bodies.items() if body is not None}
        self.worlds.seen(found)
        if (listed := self.client.listed(f"w{self.number}/")) != found.keys():
            raise Lost(f"listed {listed}, and there are {found.keys()}")
        self.counts["assets seen"] += len(found)

    def _step(self, kind: str) -> None:
        there = sorted({name for world in self.worlds.possible for name in world})
        free = [name for name in self.names if name not in there]
        chosen = there if kind in {"overwrite", "rename", "destroy", "erase"} else free
        if not chosen or (kind == "rename" and not free):
            return
        name = self.chance.choice(chosen)
        if kind == "rename":
            new = self.chance.choice(free)
            step, call = renamed(name, new), self._form("/raw/rename", from_public_id=name, to_public_id=new)
        elif kind == "destroy":
            step, call = removed(name), self._form("/raw/destroy", public_id=name)
        elif kind == "erase":
            step, call = removed(name), self._form("/erasures", **{"mode": "erase", "selector[public_id]": name})
        else:
            body = self.chance.randbytes(self.chance.randrange(1, BODY_BYTES_MAX))
            step = stored(name, digest(body))
            call = self._chunks(name, body) if kind == "chunked" else (lambda: self.client.upload(name, body))
        self._tried(kind, step, call)

    def _form(self, path: str, **values: str) -> Callable[[], tuple[int, Mapping[str, str], bytes]]:
        return lambda: self.client.form(path, **values)

    def _chunks(self, name: str, body: bytes) -> Callable[[], tuple[int, Mapping[str, str], bytes]]:
        upload = f"u{self.chance.getrandbits(64):x}"

        def call() -> tuple[int, Mapping[str, str], bytes]:
            answer: tuple[int, Mapping[str, str], bytes] | None = None
            for start in range(0, len(body), PIECE_BYTES):
                piece = body[start : start + PIECE_BYTES]
                told = f"bytes {start}-{start + len(piece) - 1}/{len(body)}"
                answer = self.client.upload(name, piece, **{"Content-Range": told, "X-Unique-Upload-Id": upload})
                if answer[0] != 200:
                    break
            assert answer is not None
            return answer

        return call

    def _tried(self, kind: str, step: Step, call: Callable[[], tuple[int, Mapping[str, str], bytes]]) -> None:
        try:
            status, headers, body = call()
        except (OSError, http.client.HTTPException):
            self.worlds.unanswered(step)
            self.counts[f"{kind} unanswered"] += 1
            self.is_over.wait(0.05)
            return
        if status == 200:
            self.worlds.acknowledged(step)
            self.counts[f"{kind} acknowledged"] += 1
            return
        was_open = len(self.worlds.possible) > 1
        self.worlds.unanswered(step)
        if status in RETRYABLE and "retry-after" in headers and "error" in json.loads(body):
            self.counts[f"{kind} put off"] += 1
            self.is_over.wait(0.1)
        elif status != 404 or not was_open:  # "not found" where it may be so
            raise Lost(f"{kind} was answered {status} {body!r}, and the worlds are {self.worlds.possible}")


@dataclass(slots=True)
class Kills:
    """One installation."""

    directory: Path
    rows: postgres.Rows | None
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    writers: list[Writer] = field(default_factory=list)

    def run(self, kills: int, *, seconds: float = float("inf"), server_every: int = 0) -> None:
        """Every `server_every`th kill is of the database's server; 0 for none. Raises Lost, with the seed."""
        chance = random.Random(self.seed)
        rows = self.rows.environment if self.rows is not None else {}
        origin = OriginProcess(self.directory, {**ENVIRONMENT, **rows})
        origin.start()
        until = time.monotonic() + seconds
        try:
            key, secret = origin.credentials
            client = Client(origin, "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode())
            client.form("/image/destroy", public_id="sample")
            self.writers = [
                Writer(number, client, random.Random(f"{self.seed}/{number}"), self.counts) for number in range(WRITERS)
            ]
            for turn in range(kills):
                if time.monotonic() > until:
                    break
                self._kill(origin, chance, is_server=server_every > 0 and turn % server_every == 0)
            origin.stop(signal.SIGTERM)
            self._check_keys()
        except Lost as lost:
            lost.add_note(f"seed {self.seed}, {dict(self.counts)}")
            raise
        finally:
            if origin.process is not None:
                origin.stop(signal.SIGKILL)

    def _kill(self, origin: OriginProcess, chance: random.Random, *, is_server: bool) -> None:
        threads = []
        for writer in self.writers:
            writer.is_over.clear()
            threads.append(threading.Thread(target=writer.run))
        for thread in threads:
            thread.start()
        self._wait_for_answers()
        time.sleep(chance.uniform(*KILL_AFTER_SECONDS))
        if is_server:
            assert self.rows is not None
            self.rows.server.stop("immediate")
            self.rows.server.start()
            time.sleep(chance.uniform(*KILL_AFTER_SECONDS))
            self.counts["kills of the server"] += 1
        else:
            origin.stop(signal.SIGKILL)
            self.counts["kills of the origin"] += 1
        for writer in self.writers:
            writer.is_over.set()
        for thread in threads:
            thread.join()
        for failure in (writer.failure for writer in self.writers if writer.failure is not None):
            raise failure
        if is_server:
            self._wait_well()
        else:
            origin.start()
        for writer in self.writers:
            writer.look()
        self._check_store()

    def _wait_for_answers(self) -> None:
        """However busy the machine is, some calls are done before each kill."""
        wanted, deadline = self.acknowledged + ANSWERS_BEFORE_KILL, time.monotonic() + READY_SECONDS_MAX
        while self.acknowledged < wanted and time.monotonic() < deadline:
            time.sleep(0.01)

    @property
    def acknowledged(self) -> int:
        return sum(count for name, count in list(self.counts.items()) if name.endswith("acknowledged"))

    def _wait_well(self) -> None:
        """One change of the cloud settles what is in doubt."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while self.writers[0].client.form("/raw/tags", command="add", tag="t", public_ids="none")[0] != 200:
            if time.monotonic() > deadline:
                raise Lost("not well again after the server is back")
            time.sleep(0.05)

    def _check_store(self) -> None:
        """What lies in the store is what the catalogue knows; drafts and doomed aids are looked after within a while."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while True:
            known = {aid for table in ("version", "chunk", "draft", "doomed") for aid in self._aids(table)}
            files = {file.name for file in (self.directory / "data" / "originals").rglob("?" * 32) if file.is_file()}
            missing = set(self._aids("version")) - files
            if not missing and files <= known:
                break
            if time.monotonic() > deadline:
                raise Lost(f"{len(files - known)} files that no row knows, {len(missing)} versions without a file")
            time.sleep(0.2)
        self.counts["files agreed"] += len(files)

    def _check_keys(self) -> None:
        """After an end in order: a key for each aid that the catalogue knows, and none beside those of the installation."""
        ids = KeyTree.open(self.directory / "data.keys").ids()
        live = {aid_id(Aid(aid)) for table in ("version", "chunk") for aid in self._aids(table)}
        leaving = {aid_id(Aid(aid)) for table in ("draft", "doomed") for aid in self._aids(table)}
        if missing := live - ids:
            raise Lost(f"{len(missing)} versions without a key")
        own = {SIGNING_KEY, LOG_KEY, *secret_ids("demo"), *token_key_ids("demo"), place_id("demo", FIRST)}
        if over := ids - live - leaving - own:
            raise Lost(f"{len(over)} keys of versions that are no more")
        self.counts["keys agreed"] += len(live)

    def _aids(self, table: str) -> list[str]:
        query = f"SELECT aid FROM {table}"
        if self.rows is not None:
            return [row[0] for row in self.rows.server.ask(self.rows.url, query)]
        with closing(sqlite3.connect(self.directory / "data" / "catalogue.db")) as database:
            return [row[0] for row in database.execute(query)]


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    run_all(60 * asked.minutes, seed)
    return 0


def run_all(seconds: float, seed: int) -> None:
    """Half of the time for each database. Raises Lost."""
    for kind in postgres.DATABASES:
        with (
            tempfile.TemporaryDirectory(prefix="domicile-kills-") as place,
            postgres.running(quick=False) if kind == "postgres" else nullcontext() as server,
        ):
            rows = postgres.Rows(server=server, url=server.database()) if server is not None else None
            kills = Kills(Path(place), rows, seed)
            kills.run(10**6, seconds=seconds / 2, server_every=0 if rows is None else SERVER_EVERY)
            print(f"kills on {kind}, seed {seed}: {dict(sorted(kills.counts.items()))}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
