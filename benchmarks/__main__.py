"""`python -m benchmarks [hits] [transforms] [budgets]`: measure, and write benchmarks/results/."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from pathlib import Path

from benchmarks import budgets, hits, report, transforms
from benchmarks.measured import RESULTS

PARTS = ("hits", "transforms", "budgets")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one wrk run")
    parser.add_argument("--rounds", type=int, default=4, help="interleaved rounds per row")
    arguments = parser.parse_args()
    results: report.Results = {}
    with tempfile.TemporaryDirectory(prefix="domicile-bench-") as name:
        work = Path(name)
        work.chmod(0o755)  # nginx drops to another user
        if "hits" in arguments.parts:
            results["hits"] = hits.measure(work, seconds=arguments.seconds, rounds=arguments.rounds)
        if "transforms" in arguments.parts:
            results["transforms"] = transforms.measure(work, rounds=arguments.rounds)
        if "budgets" in arguments.parts:
            results["budgets"] = budgets.measure(work)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    report.write(RESULTS, results, command="python -m benchmarks " + " ".join(sys.argv[1:]), date=today)
    print((RESULTS / "results.md").read_text("utf-8"))
    return 0 if all(row.get("within", True) for rows in results.values() for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
