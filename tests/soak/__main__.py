"""`python -m tests.soak [--minutes 10] [--seed N]`: kill, overwrite, purge and ask, with an oracle; then calm, and memory."""

from __future__ import annotations

import argparse
import secrets
import tempfile
from pathlib import Path

from tests.e2e.stack import Stack
from tests.soak.run import ENVIRONMENT, GROWTH_BYTES_MAX, Soak

STORM_SHARE = 0.5
WHOLE_EVERY = 8
"""Of the kills, so many end the whole installation."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--seed", type=int, default=None, help="of an earlier run; threads and kills still fall as they fall"
    )
    told = parser.parse_args()
    seed = secrets.randbelow(10**6) if told.seed is None else told.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="domicile-soak-") as place:
        stack = Stack(Path(place) / "data", workers=2, environment=ENVIRONMENT)
        stack.start()
        try:
            soak = Soak(stack, seed=seed)
            soak.prepare()
            soak.storm(60 * told.minutes * STORM_SHARE, whole_every=WHOLE_EVERY)
            print(f"storm: kills {len(soak.kills)}, answers {dict(soak.oracle.outcomes)}", flush=True)
            grown = soak.calm(60 * told.minutes * (1 - STORM_SHARE))
            soak.end()
            print(
                f"all: answers {dict(soak.oracle.outcomes)}; memory grew by {grown / 1e6:.1f} MB in the calm",
                flush=True,
            )
            numbers = [line for line in stack.get("/metrics").body.decode().splitlines() if is_telling(line)]
            print("\n".join(numbers), flush=True)
        finally:
            stack.stop()
    return 0 if grown <= GROWTH_BYTES_MAX else 1


def is_telling(line: str) -> bool:
    named = ("domicile_edge_disk", "domicile_edge_evictions", "domicile_edge_scrub", "domicile_edge_broken_seals")
    return line.startswith(named) and not line.endswith(" 0.0") and "_created" not in line


if __name__ == "__main__":
    raise SystemExit(main())
