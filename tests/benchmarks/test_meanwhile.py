"""What goes on beside a load: at its rate, counted, and over when the block is."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.meanwhile import FAILURES_MAX, SPARE_SECONDS, Erasures, OfDomicile, Side, due, running, size
from tests.e2e.stack import Reply, Stack

WAIT_SECONDS_MAX = 10.0


def test_a_fixed_rate_has_fixed_moments() -> None:
    assert [due(100.0, number, 4.0) for number in range(3)] == [100.0, 100.25, 100.5]
    assert due(100.0, 7, None) == 100.0


def test_no_two_renditions_have_one_size() -> None:
    assert len({size(number) for number in range(10_000)}) == 10_000


def test_what_is_done_and_what_fails_is_counted_and_nothing_goes_on_afterwards() -> None:
    enough, calls = threading.Event(), iter(range(1_000_000))

    def act() -> None:
        number = next(calls)
        if number >= 10:
            enough.set()
        if number == 3:
            raise OSError("no")

    with running([Side(name="odd", act=act, per_second=None, lanes=1)]) as done:
        assert enough.wait(WAIT_SECONDS_MAX)
    assert done["odd"].count >= 9
    assert done["odd"].failures == ["OSError('no')"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("beside the load")]


def test_what_fails_in_a_way_that_nobody_foresaw_is_not_swallowed_and_not_tried_for_ever() -> None:
    often = threading.Event()
    calls = iter(range(FAILURES_MAX * 10))

    def act() -> None:
        if next(calls) == FAILURES_MAX - 1:
            often.set()
        raise LookupError("a mistake of ours")

    with running([Side(name="odd", act=act, per_second=None, lanes=1)]) as done:
        assert often.wait(WAIT_SECONDS_MAX)
    assert done["odd"].failures == ["LookupError('a mistake of ours')"] * FAILURES_MAX


def test_an_end_does_not_wait_for_the_next_moment() -> None:
    begun = threading.Event()
    with running([Side(name="rare", act=begun.set, per_second=0.001, lanes=1)]) as done:
        assert begun.wait(WAIT_SECONDS_MAX)
    assert done["rare"].count == 1


@dataclass
class PlayedStack:
    """Answers everything, and shows what goes on while it does."""

    data: Path
    edge_port: int = 1
    meanwhile: list[bool] = field(default_factory=list)
    other: OfDomicile | None = None

    def run(self, *words: str) -> Any:
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        Path(words[words.index("--out") + 1]).write_bytes(made)
        return SimpleNamespace(returncode=0, stdout=json.dumps({"keyid": "k"}), stderr="")

    def get(self, path: str) -> Reply:
        assert self.other is not None
        purge = threading.Thread(target=self.other.purge)
        purge.start()
        purge.join(0.05)
        self.meanwhile.append(purge.is_alive())
        return Reply(200, {"cache-status": "Domicile; fwd=miss"}, b"")

    def request(self, *_: Any) -> Reply:
        return Reply(200, {}, b"")


def test_a_purge_waits_for_a_fill_of_its_name_which_it_would_cut_off(tmp_path: Path) -> None:
    stack = PlayedStack(tmp_path / "data")
    stack.other = OfDomicile(cast("Stack", stack), ["one"])
    stack.other.fill()
    assert stack.meanwhile == [True]
    stack.other = OfDomicile(cast("Stack", stack), ["one", "two"])
    stack.other.fill()  # of the first, and so is the purge
    stack.other.fill()  # both of the second
    assert stack.meanwhile == [True, True, True]


def test_each_erasure_takes_an_asset_of_its_own_which_was_uploaded_before() -> None:
    uploaded, erased = list[str](), list[str]()

    def api(_method: str, _path: str, _headers: object, body: bytes) -> Reply:
        erased.append(body.decode().rpartition("=")[2])
        return Reply(200, {}, b"")

    uploader = SimpleNamespace(upload=lambda _, public_id: uploaded.append(public_id))
    stack = SimpleNamespace(credentials=("k", "s"), api=api, sdk=lambda: SimpleNamespace(uploader=uploader))
    erasures = Erasures(cast("Stack", stack), b"")
    assert erasures.sides(0.0, seconds=9) == []
    (side,) = erasures.sides(0.5, seconds=3)
    assert (len(uploaded), side.per_second) == ((3 + SPARE_SECONDS) // 2, 0.5)
    for _ in uploaded:
        side.act()
    assert sorted(erased) == sorted(uploaded)
    assert len(set(erased)) == len(erased)
    assert len(erasures.sides(0.5, seconds=3)) == 1
    assert len(uploaded) == 2 * len(erased), "what was erased is there no more"
