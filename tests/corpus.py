"""Where the shared corpus of media is: DOMICILE_CORPUS, or `../shared/corpus` next to the checkout.

It is not part of the project (565 files, some photos with real GPS positions), so a test that needs it skips visibly
without it; with CI=true it fails instead.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() == "true"
ENABLE = "put the corpus at ../shared/corpus next to the checkout, or set DOMICILE_CORPUS=DIR"


def _find() -> Path | None:
    named = os.environ.get("DOMICILE_CORPUS")
    candidates = [Path(named)] if named else [ROOT.parent / "shared" / "corpus"]
    for candidate in candidates:
        if (candidate / "media" / "MANIFEST.csv").is_file():
            return candidate.resolve()
    return None


CORPUS: Path | None = _find()


def require_corpus() -> Path:
    """The corpus' directory; skips the calling test without it (fails with CI=true)."""
    if CORPUS is None:
        if IN_CI:
            pytest.fail(f"CI=true and no corpus: {ENABLE}")
        pytest.skip(f"no corpus: {ENABLE}")
    return CORPUS


def rows(table: str) -> Iterator[dict[str, str]]:
    """The rows of a table of the corpus: "media/MANIFEST.csv", "golden.csv"; nothing without a corpus.

    Meant for parametrize, which runs before any test can skip.
    """
    if CORPUS is None:
        return
    delimiter = "\t" if table.endswith(".tsv") else ","
    with (CORPUS / table).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter=delimiter)
