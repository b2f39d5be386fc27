from __future__ import annotations

import subprocess
import sys

import pytest

from domicile.media.asset import Aid, NameHash
from edge.metrics import Count
from edge.store.memory import ENTRY_OVERHEAD_BYTES, MemoryStore
from edge.store.port import Stored, StoredHead, tenant_tag


def stored(body: bytes, *, tenant: str = "demo", aid: str = "a", name: str = "1", sequence: int = 1) -> Stored:
    head = StoredHead(
        tenant=tenant, contributors=(Aid(aid * 32),), names=(NameHash(name * 32),), epoch=1, sequence=sequence,
        config_revision=1, stored_at=0.0, ttl_seconds=60.0, content_type="image/png", etag='"e"', body_bytes=len(body),
        format="png", content_info="",
    )  # fmt: skip
    return Stored(head=head, body=body)


def memory(bytes_max: int = 10 * (ENTRY_OVERHEAD_BYTES + 100), *, object_bytes_max: int = 1000) -> MemoryStore:
    return MemoryStore(bytes_max=bytes_max, object_bytes_max=object_bytes_max, count=lambda _: None)


def test_what_was_put_is_found_and_what_was_dropped_is_not() -> None:
    store = memory()
    assert store.put("k", stored(b"abc"))
    found = store.get("k")
    assert found is not None
    assert found.body == b"abc"
    store.drop("k")
    assert store.get("k") is None
    assert store.bytes_used == 0


def test_an_object_above_the_limit_stays_outside() -> None:
    store = memory(object_bytes_max=10)
    assert not store.put("k", stored(bytes(11)))
    assert not memory(bytes_max=100).put("k", stored(b"abc"))


def test_bodies_and_their_overhead_together_never_exceed_the_limit() -> None:
    evicted: list[Count] = []
    store = MemoryStore(bytes_max=20_000, object_bytes_max=5000, count=evicted.append)
    for n in range(100):
        store.put(f"k{n}", stored(bytes(n * 17 % 1000)))
        assert store.bytes_used <= 20_000
    assert 0 < len(store) < 8
    assert evicted.count(Count.EVICTED_MEMORY) == 100 - len(store)


def test_what_has_proved_itself_keeps_its_place_when_it_is_made_anew() -> None:
    store = memory()
    store.put("k", stored(b"old"))
    store.get("k")
    for number in range(20):
        store.put(f"first{number}", stored(b"x"))
    store.put("k", stored(b"new"))
    for number in range(20):
        store.put(f"then{number}", stored(b"x"))
    found = store.get("k")
    assert found is not None
    assert found.body == b"new"


def test_replacing_an_object_counts_it_once() -> None:
    store = memory()
    for _ in range(5):
        store.put("k", stored(b"abc"))
    assert (len(store), store.bytes_used) == (1, 3 + 1 + ENTRY_OVERHEAD_BYTES)


def test_only_what_carries_the_tag_and_is_stale_is_dropped() -> None:
    store = memory()
    store.put("old", stored(b"1", aid="a", sequence=1))
    store.put("new", stored(b"2", aid="a", sequence=9))
    store.put("other", stored(b"3", aid="b", sequence=1))
    store.put("named", stored(b"4", aid="c", name="7", sequence=1))
    store.put("foreign", stored(b"5", aid="a", tenant="else", sequence=1))
    assert store.drop_stale(["a" * 32, "7" * 32], lambda head: head.sequence > 5 or head.tenant == "else") == 2
    assert sorted(store) == ["foreign", "new", "other"]
    assert store.drop_stale([tenant_tag("demo")], lambda head: False) == 2
    assert sorted(store) == ["foreign"]


def test_nothing_is_left_behind_in_the_index() -> None:
    store = memory()
    for n in range(200):
        store.put(f"k{n}", stored(b"x", aid=f"{n % 10}", name=f"{n % 7}"))
    for key in list(store):
        store.drop(key)
    assert len(store._tags) == 0
    store.put("k", stored(b"x"))
    store.clear()
    assert (len(store._tags), store.bytes_used, len(store)) == (0, 0, 0)


MEASURE = """
import gc, os, random, sys
from tests.unit.edge.store.test_memory import realistic
from edge.store.memory import MemoryStore

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

limit = int(sys.argv[1])
random.seed(1)
realistic(0); gc.collect()
before = resident()
store = MemoryStore(bytes_max=limit, object_bytes_max=1 << 20, count=lambda _: None)
number = 0
written = 0
while written < 3 * limit:
    key, stored = realistic(number)
    store.put(key, stored)
    number += 1
    written += len(stored.body)
print(resident() - before)
"""


def realistic(number: int) -> tuple[str, Stored]:
    """An object as a worker stores it: nothing shared with another one."""
    import random

    size = int(min(600_000, random.lognormvariate(9.6, 1.2)))
    head = StoredHead(
        tenant="demo", contributors=(Aid(f"{number:032x}"),), names=(NameHash(f"{number + 7:032x}"),), epoch=1,
        sequence=number + 1000, config_revision=1, stored_at=number + 0.5, ttl_seconds=86400.0 + number,
        content_type="image/jpeg", etag=f'"{number:032x}"', body_bytes=size, format="jpg",
        content_info=f"width={number},height=200,bytes={size},format=jpg,owidth=3024,oheight=4032,obytes={number},oformat=jpg",
    )  # fmt: skip
    key = f"demo\0image/upload\0folder/of/pictures/picture-{number}\0c_fill,g_north,h_200,w_300\0jpg\0\0001\0stripped"
    return key, Stored(head=head, body=random.randbytes(size))


@pytest.mark.parametrize("limit", [32 * 1024 * 1024, 96 * 1024 * 1024])
def test_the_process_grows_by_the_limit_and_not_a_tenth_more(limit: int) -> None:
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(limit)], capture_output=True, text=True, check=True, timeout=60
    )
    grown = int(run.stdout)
    print(f"limit {limit}, grown by {grown} ({grown / limit:.3f})")
    assert 0.8 * limit < grown < 1.1 * limit
