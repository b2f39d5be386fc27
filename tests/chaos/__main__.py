"""`python -m tests.chaos [--minutes 20] [--seed N]`: what an erasure promises, under partitions, kills, stops and failovers.

a fifth of the time    L = 2 s, SQLite
a fifth                L = 2 s, PostgreSQL whose standby is promoted again and again
the rest               L = 30 s, the strictest preset's, SQLite
then                   an origin that is away for 45 s under load, with L = 30 s and with the other presets' L = 120 s: while
                       leases last every answer is a hit, after their end none is, and within 10 s of the origin's return all are
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from contextlib import ExitStack

from tests.chaos.outage import Outage
from tests.chaos.plan import Wanted
from tests.chaos.run import Chaos, Least
from tests.chaos.world import WRONG, jumping, running_world
from tests.infra.standby import paired

MINUTES = 20.0
PARTITIONS_MIN = 30
ERASURES_MIN = 200
LEAST = Least(partitions=PARTITIONS_MIN, erasures=ERASURES_MIN, kills=8, stops=6, answers=5000)
"""Of each part, when it has its whole time; of a shorter one in proportion."""
AWAY_SECONDS = 45.0
AWAY_ANSWERS_MIN = 1000
"""Of each edge while the origin is away: three viewers ask some 50 times a second each where the machine is idle."""
OUTAGE_LEASES = (30.0, 120.0)
PARTS = ((0.2, 2.0, False), (0.2, 2.0, True), (0.6, 30.0, False))
"""Share of the time, lease, on a server."""


def least(share: float) -> Least:
    """In proportion to the time that there is."""
    share = min(1.0, share)
    return Least(**{name: int(getattr(LEAST, name) * share) for name in Least.__slots__})


async def part(seed: int, seconds: float, lease: float, *, is_on_server: bool, needed: Least) -> str:
    wanted = Wanted(
        seconds=seconds,
        lease_seconds=lease,
        edges=len(WRONG),
        partitions_min=needed.partitions,
        is_on_server=is_on_server,
        kills_nodes=True,
    )
    with ExitStack() as stack:
        pair = stack.enter_context(paired()) if is_on_server else None
        async with running_world(lease_seconds=lease, clocks=jumping(lease), pair=pair) as world:
            return await Chaos(world, seed, wanted, needed).run()


async def outage(seed: int, lease: float) -> str:
    async with running_world(lease_seconds=lease) as world:
        return await Outage(world, seed).run(AWAY_SECONDS, answers_min=AWAY_ANSWERS_MIN)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument(
        "--seed", type=int, default=None, help="of an earlier run: the same is done to the same at the same time"
    )
    parser.add_argument(
        "--only", type=int, choices=range(len(PARTS) + 1), default=None, help="one of the parts, from 0 on"
    )
    asked = parser.parse_args()
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    for number, (share, lease, is_on_server) in enumerate(PARTS):
        if asked.only in {None, number}:
            seconds, needed = 60 * asked.minutes * share, least(asked.minutes / MINUTES)
            print(asyncio.run(part(seed, seconds, lease, is_on_server=is_on_server, needed=needed)), flush=True)
    if asked.only in {None, len(PARTS)}:
        for lease in OUTAGE_LEASES:
            print(asyncio.run(outage(seed, lease)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
