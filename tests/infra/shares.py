"""How processes share the tests (`pytest -n`): file by file, the long ones first, and mutants last, one by one.

A file is one share, since its tests share what they start. A long one that started last would run alone while the other
processes have nothing left to do; mutants share nothing, and fill what is left.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

MUTANTS = "tests/mutants/"


class Shares(LoadFileScheduling):  # type: ignore[misc]  # xdist publishes no types
    """Takes the order of the tests as it is."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # by their number of tests, which says little

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(MUTANTS) else nodeid.partition("::")[0]


def order(items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: (item.nodeid.startswith(MUTANTS), item.path not in slow))
