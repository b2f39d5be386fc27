"""`python -m tests.fuzz [language] [media] --seconds 600`: random input, half of the time each, until something is wrong."""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import time
from collections import Counter

from tests.fuzz import language, media

PARTS = ("language", "media")


def run_language(seconds: float, *, seed: int, first: int = 0, count_max: int | None = None) -> Counter[str]:
    """URLs for so long. Raises what is wrong, with the URL and its number in notes."""
    outcomes: Counter[str] = Counter()
    number, until = first, time.monotonic() + seconds
    while time.monotonic() < until and (count_max is None or number - first < count_max):
        raw = language.url(random.Random(f"{seed}:{number}"))
        try:
            outcomes[language.check(raw)] += 1
        except Exception as wrong:
            wrong.add_note(f"{raw!r}; repeat it with: python -m tests.fuzz language --seed {seed} --only {number}")
            raise
        number += 1
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"any of {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=None, help="of an earlier run, to have the same input again")
    parser.add_argument("--only", type=int, default=None, help="the number of one input, to have it alone")
    told = parser.parse_args()
    seed = secrets.randbelow(10**6) if told.seed is None else told.seed
    first, most = (0, None) if told.only is None else (told.only, 1)
    seconds = told.seconds / len(told.parts)
    print(f"seed {seed}", flush=True)
    if "language" in told.parts:
        outcomes = run_language(seconds, seed=seed, first=first, count_max=most)
        print(f"language: {outcomes.total()} URLs: {dict(outcomes.most_common())}", flush=True)
    if "media" in told.parts:
        report = asyncio.run(media.run(seconds, seed=seed, first=first, jobs_max=most))
        print(f"media: {report.jobs} jobs: {dict(report.seen.outcomes)}; processes ended: {dict(report.seen.killed)};")
        print(f"memory grew by {report.growth_bytes / 1024**2:.1f} MiB at most")


if __name__ == "__main__":
    main()
