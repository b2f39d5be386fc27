"""The positive control of every other module: a planted leak is found, wherever it is."""

from __future__ import annotations

import pytest

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack


@pytest.fixture(scope="module")
def quiet(canaries: Canaries) -> Canaries:
    canaries.name()  # planted nowhere: the module's own sweep at the end must pass
    return canaries


@pytest.mark.parametrize("where", ["log", "data", "keys"])
def test_a_leak_is_found(stack: Stack, quiet: Canaries, where: str) -> None:
    spy = Canaries()
    token = spy.name()
    leak = {"log": stack.log, "data": stack.data / "leak.bin", "keys": stack.keys / "leak.bin"}[where]
    before = leak.read_bytes() if leak.exists() else None
    with leak.open("ab") as file:
        file.write(b"\0" + token.upper().encode() + b"\n")
    assert [line.rsplit(" ", 1)[1] for line in spy.leaks(stack)] == [token]
    if before is None:
        leak.unlink()
    assert quiet.planted
