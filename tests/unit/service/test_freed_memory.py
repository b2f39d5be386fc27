from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from domicile.service.freed_memory import TUNABLES, is_glibc, overwrite_freed, overwriting
from tests.infra.memory import sweep

ROOT = Path(__file__).parents[3]
SIZES = (32, 400, 5_000, 60_000)
SCRIPT = """
import os, sys
from domicile.service.freed_memory import overwrite_freed

if sys.argv[1] == "overwritten":
    overwrite_freed(os.environ)

def freed(size):
    needle = bytes(one ^ 255 for one in bytes.fromhex(sys.argv[2]))
    first = needle + b"x" * (size - len(needle))
    joined = (needle.hex() + "-" * size)[:size]
    grown = bytearray()
    for start in range(0, size, 16):
        grown += first[start : start + 16]

for size in map(int, sys.argv[3:]):
    freed(size)
print(os.environ.get("PYTHONMALLOC"), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not is_glibc(), reason="freed memory is overwritten by glibc")
@pytest.mark.parametrize("how", ["overwritten", "left"])
def test_what_a_process_frees_is_overwritten(how: str) -> None:
    """Pieces of all sizes, also those that have moved when they grew. Without it the same sweep finds them."""
    needle = secrets.token_bytes(32)
    words = [bytes(one ^ 255 for one in needle).hex(), *map(str, SIZES)]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, how, *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == ("malloc" if how == "overwritten" else "None")
        found = {one.needle for one in sweep([process.pid], {"bytes": needle, "text": needle.hex().encode()})}
        assert found == (set() if how == "overwritten" else {"bytes", "text"})
    finally:
        process.communicate("")


def test_what_the_environment_says_of_malloc_already_stays() -> None:
    told = overwriting({"A": "1", TUNABLES: "glibc.malloc.arena_max=2:glibc.malloc.perturb=1"})
    assert told["A"] == "1"
    assert told["PYTHONMALLOC"] == "malloc"
    assert told[TUNABLES] == "glibc.malloc.arena_max=2:glibc.malloc.perturb=85:glibc.malloc.tcache_count=0"
    overwrite_freed(told)  # it begins anew once
    overwrite_freed({"PYTHONMALLOC": "pymalloc"})  # and not at all where somebody has decided otherwise
