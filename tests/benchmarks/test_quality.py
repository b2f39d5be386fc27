"""The table of docs/quality.md is written by a command; its numbers are nobody's business here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import quality
from benchmarks.quality_photos import Rendition
from benchmarks.quality_scores import Scores
from tests.pictures.synthetic import grainy

PICTURES = [Rendition("a", "full", grainy(240, 230)), Rendition("b", "full", grainy(240, 230, 2))]


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.quality_scores.MEMORY", tmp_path / "results" / "scores.json")
    (tmp_path / "quality.md").write_text("before\n" + "\nold\n".join(quality.MARKS) + "\nafter\n", "utf-8")
    monkeypatch.setattr(quality, "PAGE", tmp_path / "quality.md")


def test_a_row_tells_bytes_and_real_scores_and_scores_are_remembered(tmp_path: Path) -> None:
    (way,) = [way for way in quality.ways("jpg") if way.name == "q_80"]
    scores = Scores()
    row = quality.row(way, PICTURES, scores)
    assert row["pictures"] == 2
    assert 50 < row["score_min"] <= row["score_mean"] < 100
    assert row["kilobytes"] * 1000 == sum(len(way.write(rendition.picture)) for rendition in PICTURES)
    assert (tmp_path / "results" / "scores.json").exists()
    assert quality.row(way, PICTURES, Scores()) == row


def test_the_table_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    rows = [quality.row(way, PICTURES, Scores()) for way in quality.ways("jpg")[:1]]
    for _ in range(2):
        quality.write_docs(rows)
    page = (tmp_path / "quality.md").read_text("utf-8")
    assert "old" not in page
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert page.count("| jpg | q_80 |") == 1


def test_the_page_has_a_place_for_it() -> None:
    page = (Path(quality.__file__).parents[1] / "docs" / "quality.md").read_text("utf-8")
    assert all(page.count(mark) == 1 for mark in quality.MARKS)


def test_every_format_is_held_against_the_same_rows() -> None:
    names = [[way.name.split(":")[-1] for way in quality.ways(name)] for name in ("jpg", "webp", "avif")]
    assert names[0] == names[1] == names[2]
    assert len(names[0]) == 7
