"""The list of pycloudinary's published tests: which are run for a verdict, and why the others are not (pycloudinary.tsv)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.sdk.suite import Result

LIST = Path(__file__).parent / "pycloudinary.tsv"
HEAD = "test\tstate\tserver\twhy"
RUN, EXCLUDED = "run", "excluded"
SERVER, BEYOND, OFFLINE, ADD_ON = "server", "beyond", "offline", "add-on"
"""What a test needs: a server, one that does more than serve images (it transforms videos, it runs a caller's JavaScript), none, or
what its makers sell beside their server.
"""


@dataclass(frozen=True, slots=True)
class Row:
    test: str
    """Node id, without the directory."""
    state: str
    needs: str
    why: str


def read() -> dict[str, Row]:
    head, *lines = LIST.read_text("utf-8").splitlines()
    assert head == HEAD
    rows = [Row(*line.split("\t")) for line in lines]
    for row in rows:
        assert row.state in {RUN, EXCLUDED}, row
        assert row.needs in {SERVER, BEYOND, OFFLINE, ADD_ON}, row
        assert bool(row.why) == (row.state == EXCLUDED), row
    assert [row.test for row in rows] == sorted({row.test for row in rows})
    return {row.test: row for row in rows}


def write(place: Path, results: Mapping[str, Result]) -> None:
    """Anew, after a run: what passes is run, and what does not is excluded for the reason that stood here, or for what it said."""
    before = read()
    rows = []
    for test, result in sorted(results.items()):
        old = before.get(test)
        needs = old.needs if old is not None else SERVER if result.asked else OFFLINE
        why = old.why if old is not None and old.why else result.said or result.outcome
        rows.append((test, RUN, needs, "") if result.passed else (test, EXCLUDED, needs, why))
    place.write_text("\n".join(["\t".join(row) for row in [tuple(HEAD.split("\t")), *rows]]) + "\n", "utf-8")
