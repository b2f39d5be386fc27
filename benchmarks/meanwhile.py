"""What else goes on while hits are measured: signed purges, fills and erasures at a fixed rate, transforms without a rest."""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.hits_peers import fetched
from benchmarks.peers_http import Peer
from tests.e2e.signer import PATH, PurgeCall
from tests.e2e.stack import Stack

FILLS_PER_SECOND, PURGES_PER_SECOND = 20.0, 5.0
LANES = 4
"""At once; a lane that is late makes up for it, and what it cannot make up for shows in the counts."""
LANE_END_SECONDS_MAX = 60.0
ERASING_LANES, SPARE_SECONDS = 8, 5
"""An erasure takes as long as edges take to say that they have it. Assets are there for so much longer than they are erased."""
FAILURES_MAX = 100
"""After so many nothing more is tried: the run is not believed anyway."""


@dataclass(slots=True)
class Done:
    """What was done, by all lanes together."""

    count: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, failure: str | None) -> None:
        with self._lock:
            if failure is None:
                self.count += 1
            else:
                self.failures.append(failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One kind of work beside the load. Whatever `act` raises is a failure."""

    name: str
    act: Callable[[], None]
    per_second: float | None
    """None: again as soon as it is done."""
    lanes: int = LANES


def due(began: float, done: int, per_second: float | None) -> float:
    """When the act after so many is to begin."""
    return began if per_second is None else began + done / per_second


@contextmanager
def running(sides: Sequence[Side]) -> Iterator[dict[str, Done]]:
    """While the block runs, and until what has begun has ended. By name of the side."""
    done, stop = {side.name: Done() for side in sides}, threading.Event()
    lanes = [
        threading.Thread(
            target=_lane, args=(side, done[side.name], stop), daemon=True, name=f"beside the load: {side.name}"
        )
        for side in sides
        for _ in range(side.lanes)
    ]
    for lane in lanes:
        lane.start()
    try:
        yield done
    finally:
        stop.set()
        for lane in lanes:
            lane.join(LANE_END_SECONDS_MAX)
    assert not any(lane.is_alive() for lane in lanes), "something beside the load did not end"


def _lane(side: Side, done: Done, stop: threading.Event) -> None:
    began = time.monotonic()
    mine = None if side.per_second is None else side.per_second / side.lanes
    for number in itertools.count():
        if stop.wait(max(0.0, due(began, number, mine) - time.monotonic())):
            return
        try:
            side.act()
        except Exception as failed:  # noqa: BLE001 - a lane that ended unseen would look like one that was slow
            done.add(repr(failed))
            if len(done.failures) >= FAILURES_MAX:
                return
        else:
            done.add(None)


class OfDomicile:
    """Fills are renditions in sizes that were not asked for yet, of `names`; purges forget those names, one after another.

    A purge cuts off what is just being sent of its name (decisions D.4), and whoever asked for that sees a reset: so a fill and
    a purge of one name take turns.
    """

    def __init__(self, stack: Stack, names: Sequence[str]) -> None:
        file = stack.data.with_name(f"{stack.data.name}.purge.pem")
        made = stack.run("key", "new", "--cloud", "demo", "--out", str(file), "--json")
        assert made.returncode == 0, made.stderr
        key = load_pem_private_key(file.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        self._key, self._keyid = key, str(json.loads(made.stdout)["keyid"])
        self._stack, self._names = stack, names
        self._filled, self._purged = itertools.count(), itertools.count()
        self._turns = {name: threading.Lock() for name in names}

    def fill(self) -> None:
        number = next(self._filled)
        name = self._names[number % len(self._names)]
        with self._turns[name]:
            reply = self._stack.get(f"/demo/image/upload/c_scale,{size(number // len(self._names))}/v1/{name}.jpg")
        assert reply.status == 200, reply.status
        assert reply.cache.startswith("fwd="), "it was cached"

    def purge(self) -> None:
        name = self._names[next(self._purged) % len(self._names)]
        call = PurgeCall(
            [{"public_id": name}],
            authority=f"127.0.0.1:{self._stack.edge_port}",
            keyid=self._keyid,
            key=self._key,
        )
        headers, body = call.signed()
        with self._turns[name]:
            reply = self._stack.request("POST", PATH, headers, body)
        assert reply.status == 200, reply.status

    def sides(self) -> list[Side]:
        return [
            Side(name="fills", act=self.fill, per_second=FILLS_PER_SECOND),
            Side(name="purges", act=self.purge, per_second=PURGES_PER_SECOND, lanes=1),
        ]


class OfPeer:
    """Fills are copies of the same body under new URLs; purges forget the URL filled last, where the peer can."""

    def __init__(self, peer: Peer, path: str, *, can_purge: bool) -> None:
        self._peer, self._path, self._can_purge = peer, path, can_purge
        self._filled = itertools.count(time.monotonic_ns())
        self._last = path + "?fill=none"

    def fill(self) -> None:
        target = f"{self._path}?fill={next(self._filled)}"
        fetched(self._peer.port, target)
        self._last = target

    def purge(self) -> None:
        fetched(self._peer.port, self._last, "PURGE")

    def sides(self) -> list[Side]:
        fills = Side(name="fills", act=self.fill, per_second=FILLS_PER_SECOND)
        purges = Side(name="purges", act=self.purge, per_second=PURGES_PER_SECOND, lanes=1)
        return [fills, purges] if self._can_purge else [fills]


HEIGHTS = 256


def size(number: int) -> str:
    """Width and height of a small rendition, another one for every number below 256 * 256."""
    return f"w_{16 + number % HEIGHTS},h_{16 + number // HEIGHTS}"


class Transforms:
    """Renditions of one picture in sizes that were not asked for yet: more at once than a core can make."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack, self._name = stack, name
        self._asked = itertools.count()

    def make(self) -> None:
        number = next(self._asked)
        path = f"/demo/image/upload/c_scale,w_{700 + number % HEIGHTS},h_{500 + number // HEIGHTS}/v1/{self._name}.jpg"
        reply = self._stack.get(path)
        assert reply.status == 200, reply.status

    def side(self) -> Side:
        return Side(name="transforms", act=self.make, per_second=None)


class Erasures:
    """Of assets that nobody asks for, in the cloud of what is hit, one a call to the origin."""

    def __init__(self, stack: Stack, body: bytes) -> None:
        self._stack, self._body = stack, body
        self._made = itertools.count()
        self._left: list[str] = []
        key, secret = stack.credentials
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def erase(self) -> None:
        asked = {"mode": "erase", "selector[public_id]": self._left.pop()}
        body = urllib.parse.urlencode(asked).encode()
        reply = self._stack.api("POST", "/v1_1/demo/erasures", self._headers, body)
        assert reply.status < 300, reply.status

    def sides(self, per_second: float, *, seconds: float) -> list[Side]:
        """With assets for so long; none for a rate of 0."""
        if not per_second:
            return []
        self._upload(math.ceil(per_second * (seconds + SPARE_SECONDS)) - len(self._left))
        return [
            Side(name="erasures", act=self.erase, per_second=per_second, lanes=ERASING_LANES if per_second > 1 else 1)
        ]

    def _upload(self, count: int) -> None:
        uploader = self._stack.sdk().uploader
        names = [f"erased{next(self._made)}" for _ in range(count)]
        with ThreadPoolExecutor(LANES) as lanes:
            list(lanes.map(lambda name: uploader.upload(io.BytesIO(self._body), public_id=name), names))
        self._left += names
