"""A few seconds of `python -m tests.fuzz`, always with the same input; longer runs with other input are by hand."""

from __future__ import annotations

import random

import pytest

from tests.fuzz import language, media
from tests.fuzz.__main__ import run_language

SEED = 1
URLS, JOBS = 2000, 100


def test_a_short_run_of_urls() -> None:
    outcomes = run_language(60, seed=SEED, count_max=URLS)
    print(f"{outcomes.total()} URLs: {dict(outcomes)}")
    assert outcomes.total() == URLS
    assert outcomes["plan"] > URLS / 10
    assert outcomes.keys() <= {"plan", *(kind.__name__ for kind in language.DECLARED)}


@pytest.mark.slow
async def test_a_short_run_of_damaged_pictures() -> None:
    report = await media.run(50, seed=SEED, jobs_max=JOBS)
    print(f"{report.jobs} jobs: {dict(report.seen.outcomes)}, ended: {dict(report.seen.killed)}")
    assert report.seen.outcomes["done"] > 5
    assert report.seen.outcomes["UndecodableMedia"] > 20
    assert "handler_failed" not in report.seen.killed


def test_the_checks_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "SECONDS_MAX", 0.0)
    with pytest.raises(language.Finding) as found:
        run_language(60, seed=SEED, count_max=50)
    assert "--only" in found.value.__notes__[0]


def test_the_same_number_is_the_same_input() -> None:
    seeds = media.sources()
    assert media.damaged(random.Random("1:5"), seeds) == media.damaged(random.Random("1:5"), seeds)
    assert language.url(random.Random("1:5")) == language.url(random.Random("1:5"))
