"""The list of pycloudinary's published tests: which are run for a verdict, and why the others are not (pycloudinary.tsv)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parent / "pycloudinary.tsv"
HEAD = "test\tstate\tserver\twhy"
RUN, EXCLUDED = "run", "excluded"
SERVER, OFFLINE, ADD_ON = "server", "offline", "add-on"
"""What a test needs: a server, none, or what its makers sell beside their server."""


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
        assert row.needs in {SERVER, OFFLINE, ADD_ON}, row
        assert bool(row.why) == (row.state == EXCLUDED), row
    assert [row.test for row in rows] == sorted({row.test for row in rows})
    return {row.test: row for row in rows}


def write(rows: dict[str, Row]) -> None:
    lines = (f"{row.test}\t{row.state}\t{row.needs}\t{row.why}" for _, row in sorted(rows.items()))
    LIST.write_text("\n".join([HEAD, *lines, ""]), "utf-8")
