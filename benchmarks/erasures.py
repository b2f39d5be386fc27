"""How long an erasure takes, with three edges of two workers: all of them connected, and one of them cut off.

From the call to the first statement that says so: the key is destroyed (which it is before the answer, whatever edges do), sealed (that,
and no edge serves it any more), fenced, verified (each edge has looked for it and asked itself, and nothing is left to do). Every edge has
the picture in its cache. With an edge cut off, each round cuts it off anew, somewhere in its lease, and erases at once: it is the lease that
is waited for.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.chaos.book import Upload
from tests.chaos.bounds import silent_seconds
from tests.chaos.caller import Caller, calling, name_of
from tests.chaos.run import path_of
from tests.chaos.viewer import Viewer
from tests.chaos.world import World, running_world

EDGES = 3
LEASE_SECONDS = 30.0
"""The strictest preset's."""
CONNECTED = 200
CUT_OFF_ROUNDS, CUT_OFF_EACH = 6, 10
POLL_SECONDS = 0.02
VIEW_SECONDS_MAX = 10.0
REACHED_SECONDS = LEASE_SECONDS
"""After a cut: so long until the edge has its lease again, at most."""
SAID: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "key destroyed": lambda said: said["key"]["state"].startswith(("root destroyed", "sealed")),
    "sealed": lambda said: said["key"]["state"].startswith("sealed"),
    "fenced": lambda said: any(place["place"] == "edges" and place["state"] == "fenced" for place in said["places"]),
    "verified": lambda said: said["outcome"] == "erased",
}


def measure(*, scale: float) -> list[dict[str, Any]]:
    """One row a situation; `scale` below 1 is a trial."""
    return asyncio.run(_measure(scale))


async def _measure(scale: float) -> list[dict[str, Any]]:
    connected: list[dict[str, float]] = []
    cut_off: list[dict[str, float]] = []
    async with (
        running_world(lease_seconds=LEASE_SECONDS, clocks=("",) * EDGES) as world,
        calling(world.origin) as caller,
    ):
        for number in range(max(2, round(CONNECTED * scale))):
            await _filled(world, caller, [4])
            connected.append(await _timed(caller, 4, f"connected-{number}"))
        for number in range(max(1, round(CUT_OFF_ROUNDS * scale))):
            slots = range(4, 4 + 4 * CUT_OFF_EACH, 4)
            await _filled(world, caller, slots)
            world.relays[-1].hold(up=True, down=True)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_timed(caller, slot, f"cut-{number}-{slot}")) for slot in slots]
            cut_off += [task.result() for task in tasks]
            world.relays[-1].free()
    bound = silent_seconds(LEASE_SECONDS)
    return [_row(f"{EDGES} edges connected", connected, None), _row("one of them cut off", cut_off, bound)]


async def _filled(world: World, caller: Caller, slots: Sequence[int]) -> None:
    """Uploaded, and in the cache of every edge."""
    for slot in slots:
        assert await caller.upload(Upload(slot, 0)), "an upload was not taken"
    for node in world.nodes:
        viewer = Viewer(VIEW_SECONDS_MAX)
        for slot in slots:
            until = time.monotonic() + REACHED_SECONDS
            while not (await viewer.ask(node.port, path_of(slot, 100), {})).is_hit:
                assert time.monotonic() < until, f"{name_of(slot)} does not get into the cache"
                await asyncio.sleep(0.01)
        viewer.close()


async def _timed(caller: Caller, slot: int, request_id: str) -> dict[str, float]:
    """Seconds to the first statement that says each of SAID."""
    began, times = time.monotonic(), dict[str, float]()
    async for statement in caller.statements(name_of(slot), request_id, POLL_SECONDS):
        now = time.monotonic() - began
        times |= {what: now for what, says in SAID.items() if what not in times and says(statement)}
    return times


def _row(what: str, times: Sequence[Mapping[str, float]], bound: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {"what": what, "erasures": len(times), "L": LEASE_SECONDS}
    for said in SAID:
        values = sorted(one[said] for one in times)
        row[f"{said} p50_s"] = statistics.median(values)
        row[f"{said} p99_s"] = values[min(len(values) - 1, round(0.99 * len(values)))]
    return row | {"bound_s": bound if bound is not None else "-"}
