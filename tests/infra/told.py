"""What a test tells beside its verdict: counts of rows, so that nobody takes an empty run for a green one."""

from __future__ import annotations

TOLD = "told"
"""Name of the recorded property that the summary shows (`tests/conftest.py`), whatever process the test ran in."""
