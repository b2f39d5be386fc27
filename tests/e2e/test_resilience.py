"""The origin gone, workers killed, the whole node killed: fail closed on forgetting, nothing torn, nothing lost."""

from __future__ import annotations

import io
import os
import re
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.conftest import Installations
from tests.e2e.stack import Reply, Stack, frozen, is_first
from tests.soak.run import Soak

LEASE_SECONDS = 4.0
WORKERS = 2
SOAK_SECONDS = 5.0
SOAK_ANSWERS_MIN = 10
SOAK_PAUSE_SECONDS = 0.005
"""A load, and not all that the machine can do: other tests run beside it."""


def noise(side: int) -> bytes:
    body = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(body, "PNG")
    return body.getvalue()


@pytest.fixture(scope="module", autouse=True)
def short_lease(stack: Stack) -> None:
    """The policy says how long an edge may serve unheard; the origin reads it again on SIGHUP."""
    policy = stack.data / "policies" / "demo.toml"
    policy.write_text(
        policy.read_text("utf-8").replace("# lease_seconds = 30", f"lease_seconds = {LEASE_SECONDS}"), "utf-8"
    )
    (origin,) = (pid for pid in stack.processes("origin") if is_first(pid))
    os.kill(origin, signal.SIGHUP)
    time.sleep(1.0)


@pytest.fixture
def path(stack: Stack, canaries: Canaries) -> str:
    name = canaries.name()
    stack.sdk().uploader.upload(io.BytesIO(noise(200)), public_id=name)
    return f"/demo/image/upload/c_scale,w_150/v1/{name}.png"


def eventually(stack: Stack, path: str, status: int, seconds: float) -> Reply:
    deadline = time.monotonic() + seconds
    while True:
        reply = stack.get(path)
        if reply.status == status:
            return reply
        assert time.monotonic() < deadline, f"still {reply.status}, not {status}\n{stack.log_tail()}"
        time.sleep(0.1)


def eventually_hit(stack: Stack, path: str) -> None:
    deadline = time.monotonic() + 5
    while stack.get(path).cache != "hit":
        assert time.monotonic() < deadline, stack.log_tail()
        time.sleep(0.02)


def test_a_hit_needs_no_origin_and_ends_with_the_lease(stack: Stack, path: str) -> None:
    before = stack.get(path)
    for _ in range(30):
        stack.get(path)  # every worker has it now
    with frozen(stack.processes("origin")):
        during = [stack.get(path) for _ in range(10)]
        assert {reply.status for reply in during} == {200}
        assert {reply.body for reply in during} == {before.body}
        refused = eventually(stack, path, 503, LEASE_SECONDS + 3)
        assert "retry-after" in refused.headers
        assert "no-store" in refused.headers["cache-control"]
        assert refused.body == b""
        assert {stack.get(path).status for _ in range(20)} == {503}
    assert eventually(stack, path, 200, 15).body == before.body


def test_a_killed_worker_is_replaced_and_serves_the_same_bytes(stack: Stack, path: str) -> None:
    before = stack.get(path)
    victims = [pid for pid in stack.processes("edge") if is_worker(pid)]
    assert len(victims) == WORKERS
    os.kill(victims[0], signal.SIGKILL)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            if all(stack.get(path).body == before.body for _ in range(20)):
                alive = [pid for pid in stack.processes("edge") if is_worker(pid)]
                if len(alive) == WORKERS and victims[0] not in alive:
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(stack.log_tail())


def is_worker(pid: int) -> bool:
    return b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") and is_first(pid)


@pytest.mark.timeout(120)
def test_nothing_torn_and_nothing_older_than_the_last_acknowledged_purge_while_workers_and_agent_are_killed(
    stack: Stack,
) -> None:
    """The short form of `make soak`."""
    soak = Soak(stack, assets=3, pause_seconds=SOAK_PAUSE_SECONDS)
    soak.prepare()
    soak.storm(SOAK_SECONDS)
    soak.end()
    assert len(soak.kills) >= 1
    assert soak.oracle.outcomes["current"] >= SOAK_ANSWERS_MIN


def test_after_kill_minus_9_of_everything_what_was_acknowledged_is_there(
    tmp_path: Path, canaries: Canaries, installations: Installations
) -> None:
    other = installations(tmp_path / "data", workers=2)
    name = canaries.name()
    other.sdk().uploader.upload(io.BytesIO(noise(120)), public_id=name)
    path = f"/demo/image/upload/c_scale,w_100/v1/{name}.png"
    before = other.get(path)
    other.kill_everything()
    again = installations(other.data, workers=1, edge_port=other.edge_port, api_port=other.api_port)
    reply = again.get(path)
    assert (reply.status, reply.body) == (200, before.body)
    assert again.sdk().api.resource(name)["public_id"] == name
    assert not list((other.data / "edge-cache").rglob("*.tmp"))
    again.stop()
    assert again.exit_code == 0


def test_a_flipped_bit_on_disk_is_fetched_again_and_never_served(
    tmp_path: Path, canaries: Canaries, installations: Installations
) -> None:
    small = installations(tmp_path / "data", workers=1, environment={"DOMICILE_EDGE_CACHE_RAM_BYTES_MAX": "0"})
    name = canaries.name()
    small.sdk().uploader.upload(io.BytesIO(noise(120)), public_id=name)
    path = f"/demo/image/upload/c_scale,w_100/v1/{name}.png"
    before = small.get(path)
    eventually_hit(small, path)  # the answer does not wait for the disk
    files = [file for file in (small.data / "edge-cache").rglob("*") if re.fullmatch("[0-9a-f]{40}", file.name)]
    assert len(files) == 1
    damaged = bytearray(files[0].read_bytes())
    damaged[-1000] ^= 1
    files[0].write_bytes(damaged)
    reply = small.get(path)
    assert (reply.status, reply.body) == (200, before.body)
    assert reply.cache != "hit"
    eventually_hit(small, path)
