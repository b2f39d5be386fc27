"""`python -m benchmarks [hits] [transforms] [budgets] [store] [api] [conformance] [fills] [quality] [erasures]`: measure, and write benchmarks/results/."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shlex
import sys
import tempfile
from pathlib import Path

from benchmarks import budgets, eviction, hits, report, store_cost, transforms

RESULTS = Path(__file__).parent / "results"
USUAL = ("hits", "transforms", "budgets", "store")
PARTS = (*USUAL, "api", "conformance", "fills", "quality", "erasures")
"""`quality` has to be asked for: it needs the corpus of photographs, and scores for minutes. So have `api`, `conformance` and
`fills`: they need more programs, and `api` fills catalogues for many minutes; `erasures` waits for leases."""


def part(text: str) -> str:
    """A type, not `choices`: argparse would look for the whole default list among them."""
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(PARTS)}")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", type=part, default=USUAL, metavar="PART", help=f"any of {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=int, default=3, help="length of one wrk run; wrk knows whole seconds")
    parser.add_argument("--rounds", type=int, default=4, help="interleaved rounds per row")
    parser.add_argument(
        "--erasing-seconds",
        type=int,
        default=10,
        help="length of a run of hits beside erasures; from 85 on the workers are replaced in it, too",
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="below 1 budgets and transforms are tried, not measured"
    )
    parser.add_argument("--only", default="", help="a part of the names of hits or transforms, for those alone")
    parser.add_argument("--no-install", action="store_true", help="leave out peers that are not installed yet")
    parser.add_argument("--results", type=Path, default=RESULTS, help="directory to write")
    parser.add_argument("--docs", action="store_true", help="quality: write the table into docs/quality.md")
    arguments = parser.parse_args()
    results: report.Results = {}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="domicile-bench-") as name:
        work = Path(name)
        work.chmod(0o755)  # nginx drops to another user
        if "hits" in arguments.parts:
            results["hits"] = hits.measure(
                work,
                arguments.results,
                hits.Length(
                    seconds=arguments.seconds, rounds=arguments.rounds, erasing_seconds=arguments.erasing_seconds
                ),
                only=arguments.only,
            )
        if "transforms" in arguments.parts:
            results["transforms"] = transforms.measure(
                work,
                arguments.results,
                rounds=arguments.rounds,
                only=arguments.only,
                scale=arguments.scale,
                may_install=not arguments.no_install,
            )
        if "budgets" in arguments.parts:
            results["budgets"] = budgets.measure(work, arguments.results, scale=arguments.scale)
        if "store" in arguments.parts:
            results["eviction"] = eviction.measure(scale=arguments.scale)
            results["objects in memory"] = store_cost.memory(scale=arguments.scale)
            results["start on a full disk"] = store_cost.starting(work, scale=arguments.scale)
        if "api" in arguments.parts:
            from benchmarks import api  # its database is that of tests

            results |= api.measure(work, scale=arguments.scale)
        if "conformance" in arguments.parts:
            from benchmarks import conformance  # the suite is that of a test

            results["conformance"] = conformance.measure(work)
        if "fills" in arguments.parts:
            from benchmarks import fills

            results["fills"] = fills.measure(work)
    if "erasures" in arguments.parts:
        from benchmarks import erasures  # its world is that of a test

        results["erasures"] = erasures.measure(scale=arguments.scale)
    if "quality" in arguments.parts:
        from benchmarks import quality  # its libraries are those of tests

        results["quality"] = quality.measure()
        if arguments.docs:
            quality.write_docs(results["quality"])
    cpuinfo = Path("/proc/cpuinfo").read_text("utf-8")
    machine = report.machine(cpuinfo, processors=os.cpu_count() or 1, load=load)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    report.write(
        arguments.results,
        results,
        command="python -m benchmarks " + shlex.join(sys.argv[1:]),
        date=today,
        machine=machine,
    )
    print((arguments.results / "results.md").read_text("utf-8"))
    return 0 if all(row.get("within", True) for rows in results.values() for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
