"""How processes share the tests (`pytest -n`): file by file, the long ones first, and mutants last, one by one.

A file is one share, since its tests share what they start. A long one that started last would run alone while the other
processes have nothing left to do; mutants share nothing, and fill what is left. Files with large pictures are one share
together: decoders that are bounded in time and memory would else compete for the cores with one another.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

MUTANTS = "tests/mutants/"
LARGE_PICTURES = frozenset(
    f"tests/integration/{name}.py"
    for name in ("test_bombs", "test_golden", "test_hostile_media", "test_imaging_memory", "test_large_renditions")
)


class Shares(LoadFileScheduling):  # type: ignore[misc]  # xdist publishes no types
    """Takes the order of the tests as it is."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # by their number of tests, which says little

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in LARGE_PICTURES:
            return "large pictures"
        return nodeid if nodeid.startswith(MUTANTS) else file


def order(items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: (item.nodeid.startswith(MUTANTS), item.path not in slow))
