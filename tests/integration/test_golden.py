"""The corpus' golden table: sizes exactly, looks within the table's own tolerances (decisions O.1)."""

from __future__ import annotations

import csv
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from domicile.media.facts import SourceFacts
from domicile.media.grammar import parse_transformation
from domicile.media.plan import make_plan
from domicile.media.stage import PlanLimits
from tests.corpus import require_corpus
from tests.infra.told import TOLD
from tests.integration.golden_rows import Verdict, judge, judge_here, start
from tests.pictures.walled import walled

ROWS_WITHOUT_DOUBT = 327
EVERY = int(os.environ.get("GOLDEN_EVERY", "1"))
"""One row in so many, for a test that runs this one with another engine."""
LOOKS_RIGHT_SHARE_MIN = 0.98
PROCESSES = 2
ROWS_AT_A_TIME = 8


@pytest.fixture(scope="module")
def corpus() -> Path:
    return require_corpus()


@pytest.fixture(scope="module")
def verdicts(corpus: Path) -> list[Verdict]:
    with (corpus / "golden.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))[::EVERY]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=start) as pool:
        return list(pool.map(partial(judge_here, corpus), rows, chunksize=ROWS_AT_A_TIME))


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_golden_rows_have_the_right_size_and_look_right(
    verdicts: list[Verdict], record_property: Callable[[str, object], None]
) -> None:
    sure = [verdict for verdict in verdicts if not verdict.is_doubtful]
    doubtful = [verdict for verdict in verdicts if verdict.is_doubtful]
    failures = [verdict for verdict in sure if not verdict.looks_right]
    record_property(TOLD, f"golden: {len(sure)} rows without doubt run, {len(sure) - len(failures)} right")
    record_property(TOLD, f"golden: {len(doubtful)} rows with doubt run, {sum(v.looks_right for v in doubtful)} right")
    for verdict in [*failures, *(v for v in doubtful if not v.looks_right)]:
        record_property(TOLD, f"golden: {'doubt' if verdict.is_doubtful else 'WRONG'} {verdict.row}: {verdict.detail}")
    assert len(sure) == ROWS_WITHOUT_DOUBT or (EVERY > 1 and len(sure) > ROWS_WITHOUT_DOUBT // EVERY // 2)
    assert [verdict for verdict in sure if "refused" in verdict.detail] == []
    assert [verdict for verdict in sure if not verdict.size_is_right] == []
    assert len(failures) <= (1 - LOOKS_RIGHT_SHARE_MIN) * len(sure)


@pytest.mark.corpus
@pytest.mark.parametrize("change", ["a_hflip", "e_grayscale", "w_1.5"])
def test_the_comparison_notices_a_wrong_picture(corpus: Path, change: str) -> None:
    image = "photos/crowd_faces.jpg" if change != "e_grayscale" else "photos/kodim23_parrots.png"
    with (corpus / "golden.csv").open(encoding="utf-8") as table:
        row = next(row for row in csv.DictReader(table) if row["image"] == image and row["reference"])
    with walled() as render:
        assert judge(corpus, render, row).looks_right
        assert not judge(corpus, render, row | {"transformation": f"{row['transformation']}/{change}"}).looks_right


@pytest.mark.corpus
def test_sizes_of_the_documentation_are_met(corpus: Path) -> None:
    limits = PlanLimits(
        output_pixels_max=10**8,
        output_side_max=10**5,
        animation_pixels_max=10**8,
        avif_pixels_max=10**9,
        working_bytes_max=10**10,
    )
    with (corpus / "golden_doc_facts.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        facts = SourceFacts(
            format="jpg",
            width=int(row["src_w"]),
            height=int(row["src_h"]),
            frames=1,
            has_alpha=False,
            orientation=1,
            body_bytes=1,
            md5="",
        )
        plan = make_plan(parse_transformation(row["transformation"]), facts, "jpg", limits)
        assert plan.size == (int(row["expect_w"]), int(row["expect_h"])), row
    assert len(rows) == 5
