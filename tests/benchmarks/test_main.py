"""`python -m benchmarks` runs, from its arguments to its table and its picture. Its numbers are nobody's business here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from tests.corpus import IN_CI, ROOT

NEEDED = ("wrk", "nginx", "varnishd", "taskset")
missing = [program for program in NEEDED if shutil.which(program) is None]
needs_programs = pytest.mark.skipif(
    bool(missing) and not IN_CI,
    reason=f"needs {', '.join(missing)}: apt-get install wrk nginx-light varnish util-linux",
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )


@needs_programs
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_run_ends_well_and_writes_what_it_found(tmp_path: Path) -> None:
    done = run("hits", "--seconds", "1", "--rounds", "1", "--only", "20 KB, p", "--results", str(tmp_path))
    assert "Traceback" not in done.stderr, done.stderr
    found = json.loads((tmp_path / "results.json").read_text("utf-8"))
    rows = {row["what"]: row for row in found["hits"]}
    assert list(rows) == [
        *("hit 20 KB", "hit 20 KB, nginx", "hit 20 KB, varnish", "hit 20 KB, aiohttp"),
        *(f"hit 20 KB, purges and fills{peer}" for peer in ("", ", nginx", ", varnish")),
        *("hit 20 KB, p99 at a fixed rate", "hit 20 KB, p99 at a fixed rate, nginx"),
        "hit 20 KB, p99 at a fixed rate, transforms on the other core",
    ]
    transforms = rows["hit 20 KB, p99 at a fixed rate, transforms on the other core"]
    assert transforms["server_fills"] > 0
    for row in rows.values():
        assert row["within"] or row is transforms, (
            row
        )  # whether a second of them takes a whole core is the machine's matter
        assert row["client_requests"] > 0
        assert row["errors"] == 0
        if row["server"] == "domicile":
            assert row["server_memory_hits"] >= row["client_requests"]
    assert done.returncode == (0 if transforms["within"] else 1), done.stderr + done.stdout
    assert (rows["hit 20 KB"]["server_fills"], rows["hit 20 KB, nginx"]["peer_passed_on"]) == (0, 0)
    assert rows["hit 20 KB, purges and fills, nginx"]["peer_passed_on"] > 0
    assert "| hit 20 KB |" in (tmp_path / "results.md").read_text("utf-8")
    picture = parse(tmp_path / "results.svg").getroot()
    texts = [node.text for node in picture.iter() if node.tag.endswith("text")]
    assert "hit 20 KB, varnish" in texts
    assert (tmp_path / "hits-1-edge-before.prom").read_bytes() != (tmp_path / "hits-1-edge-after.prom").read_bytes()


@pytest.mark.timeout(300)
def test_every_peer_that_is_installed_makes_a_tiny_rendition_and_the_others_are_named(tmp_path: Path) -> None:
    words = ("--rounds", "1", "--scale", "0.1", "--only", "GIF", "--no-install", "--results", str(tmp_path))
    done = run("transforms", *words)
    assert done.returncode == 0, done.stderr + done.stdout
    rows = {row["peer"]: row for row in json.loads((tmp_path / "results.json").read_text("utf-8"))["transforms"]}
    assert rows.keys() == {"domicile", "thumbor", "sharp", "libvips", "pillow"}
    assert rows["domicile"]["within"], rows["domicile"]
    assert rows["pillow"]["frames"] == rows["domicile"]["frames"] == 24
    for name, row in rows.items():
        if row["what"].startswith("absent"):
            assert row["note"], name
        else:
            assert min(row["requests_s"], row["p50_ms"], row["KB"], row["peak_MB"]) > 0, row
            assert name == "domicile" or row["ratio"] > 0


@needs_programs
@pytest.mark.timeout(300)
def test_every_budget_is_looked_at(tmp_path: Path) -> None:
    done = run("budgets", "--scale", "0.01", "--results", str(tmp_path))
    assert done.returncode in {0, 1}, done.stderr  # at this scale nobody asks whether a budget is kept
    assert "Traceback" not in done.stderr, done.stderr
    found = json.loads((tmp_path / "results.json").read_text("utf-8"))
    rows = {row["what"]: row for row in found["budgets"]}
    for part in ("idle edge worker", "RAM tier", "growth of all lasting processes", "JPEG progressive: upload"):
        assert any(part in what for what in rows), part
    mixed = next(row for what, row in rows.items() if "mixed requests" in what)
    for kind in ("get", "head", "range", "not_modified"):
        assert f"{kind} " in mixed["note"]


def test_an_unknown_part_is_refused_by_name() -> None:
    done = run("everything")
    assert done.returncode == 2
    assert "'everything' is not one of hits, transforms, budgets" in done.stderr


def test_without_a_part_all_are_meant() -> None:
    done = run("--rounds", "none")  # the parts' default is looked at before the mistake is found
    assert done.returncode == 2
    assert "argument --rounds" in done.stderr
