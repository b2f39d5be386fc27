from __future__ import annotations

import pytest

from domicile.imaging import landlock


@pytest.mark.parametrize(
    "version, file_bits, net, scopes, size",
    [(1, 13, 0, 0, 8), (2, 14, 0, 0, 8), (3, 15, 0, 0, 8), (4, 15, 3, 0, 16), (5, 16, 3, 0, 16), (6, 16, 3, 3, 24)],
)
def test_every_right_that_a_version_knows_is_handled(
    version: int, file_bits: int, net: int, scopes: int, size: int
) -> None:
    assert landlock.ruleset_for(version) == ((1 << file_bits) - 1, net, scopes, size)


def test_a_newer_kernel_gets_what_we_know() -> None:
    assert landlock.ruleset_for(99) == landlock.ruleset_for(6)
