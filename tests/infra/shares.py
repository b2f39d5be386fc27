"""How processes share the tests (`pytest -n`): file by file, the long ones first, and mutants last.

A file is one share, since its tests share what they start. A long one that started last would run alone while the other
processes have nothing left to do; mutants fill what is left, those together that tests of one file are to catch, or of files beside
one another that are to catch few. Files with large pictures are one share together: decoders that are bounded in time and memory would
else compete for the cores with one another. So are files with buckets, which share a cluster, and files that use one installation, one
after the other.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

MUTANTS = "tests/mutants/"
PATCHES = Path(__file__).parents[1] / "mutants"
MUTANTS_TOGETHER_MIN = 8
"""A share takes in mutants of the next file of the same directory until it has so many: its tests are collected at once."""
LARGE_PICTURES = frozenset(
    f"tests/integration/{name}.py"
    for name in ("test_bombs", "test_golden", "test_hostile_media", "test_imaging_memory", "test_large_renditions")
)
BUCKETS = frozenset({
    "tests/e2e/test_s3.py",
    "tests/integration/test_import_export.py",
    "tests/integration/test_origin_s3.py",
    "tests/integration/test_s3.py",
    "tests/integration/test_s3_faults.py",
    "tests/integration/test_stores.py",
})  # fmt: skip
"""Each process that needs one starts a cluster of its own for them."""
ONE_INSTALLATION = frozenset(
    f"tests/e2e/test_{name}.py"
    for name in (
        "browser",
        "canaries",
        "films",
        "hostile_media",
        "hostile_urls",
        "layers",
        "newcomer",
        "purge",
        "sdk_tools",
    )
)
"""Nothing of their installation is special, and each of them uses names of its own there (tests/e2e/conftest.py)."""
TOGETHER = {"large pictures": LARGE_PICTURES, "buckets": BUCKETS, "one installation": ONE_INSTALLATION}


class Shares(LoadFileScheduling):  # type: ignore[misc]  # xdist publishes no types
    """Takes the order of the tests as it is."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # by their number of tests, which says little

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)


def share_of(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    if together := next((name for name, files in TOGETHER.items() if file in files), None):
        return together
    found = re.search(r"\[(.+)\]$", nodeid) if file.startswith(MUTANTS) else None
    share = shares_of_mutants().get(found[1]) if found else None
    return file if share is None else f"mutants of {share}"


@cache
def file_of(patch: Path) -> str:
    """In which the test stands that is to catch the mutant."""
    found = re.search(r"^Test: ([^:\n]+)", patch.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


@cache
def shares_of_mutants() -> dict[str, str]:
    """Name of a patch -> its share, which has the name of its first file of tests. In the order of these files."""
    files: dict[str, list[str]] = {}
    for patch in sorted(PATCHES.glob("*.patch")):
        files.setdefault(file_of(patch), []).append(patch.stem)
    shares: dict[str, str] = {}
    first, count = "", 0
    for file in sorted(files):
        if count >= MUTANTS_TOGETHER_MIN or Path(file).parent != Path(first).parent:
            first, count = file, 0
        shares |= dict.fromkeys(files[file], first)
        count += len(files[file])
    return shares


def order(items: list[pytest.Item]) -> None:
    """Files of one share follow each other: what they have in common is there from the first of them to the last."""
    shares = {item.nodeid: share_of(item.nodeid) for item in items if not item.nodeid.startswith(MUTANTS)}
    slow = {shares.get(item.nodeid) for item in items if item.get_closest_marker("slow") is not None}
    places = {share: place for place, share in enumerate(dict.fromkeys(shares.values()))}

    def place(item: pytest.Item) -> tuple[bool, bool, int]:
        share = shares.get(item.nodeid)
        return (True, True, 0) if share is None else (False, share not in slow, places[share])

    items.sort(key=place)
