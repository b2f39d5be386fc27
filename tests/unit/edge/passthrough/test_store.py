from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.cache.stored import Stored
from edge.passthrough.store import ResponseStore
from edge.store.spool import SpoolFile
from tests.unit.edge.cache.heads import fields, stored
from tests.unit.edge.store.spools import spool_of


def store(bytes_max: int = 100_000, object_bytes_max: int = 10_000, variants_max: int = 3) -> ResponseStore:
    return ResponseStore(
        bytes_max=bytes_max, object_bytes_max=object_bytes_max, disk_bytes_max=100, variants_max=variants_max
    )


def variant(word: str, body: bytes | SpoolFile = b"x") -> Stored:
    return stored(fields(foo=word), vary="Foo", cache_control="max-age=60", body=body)


def put(one: ResponseStore, key: str, what: Stored) -> bool:
    with one.ticket(key) as ticket:
        return one.put(key, what, ticket)


def test_the_newest_variant_comes_first_and_takes_the_place_of_its_like() -> None:
    one = store()
    a, b, a2 = variant("a"), variant("b"), variant("a")
    assert all(put(one, "k", what) for what in (a, b, a2))
    assert [v is w for v, w in zip(one.variants("k"), (a2, b), strict=True)] == [True, True]


def test_variants_are_bounded() -> None:
    one = store()
    for word in "abcde":
        put(one, "k", variant(word))
    assert [v.selection for v in one.variants("k")] == [("e",), ("d",), ("c",)]


def test_a_body_that_is_too_large_is_not_kept() -> None:
    one = store(object_bytes_max=10)
    assert not put(one, "k", stored(body=b"x" * 11))
    assert put(one, "k", stored(body=b"x" * 10))
    assert not store(bytes_max=0).takes(1)
    assert not put(store(bytes_max=100), "k", stored(body=b"x"))


def test_a_change_voids_what_is_on_its_way_and_nothing_that_begins_later() -> None:
    one = store()
    with one.ticket("k") as before, one.ticket("other") as other:
        one.drop("k")
        with one.ticket("k") as after:
            assert not one.put("k", stored(), before)
            assert one.put("k", stored(), after)
            assert one.put("other", stored(), other)


def test_one_variant_can_be_taken_out() -> None:
    one = store()
    a, b = variant("a"), variant("b")
    put(one, "k", a)
    put(one, "k", b)
    one.remove("k", a)
    assert one.variants("k") == (b,)
    one.remove("k", a)
    one.remove("k", b)
    assert one.variants("k") == ()
    assert one.bytes == 0


@given(
    st.lists(
        st.tuples(st.sampled_from("kl"), st.sampled_from("abcd"), st.integers(0, 4000), st.booleans()), max_size=30
    )
)
def test_the_store_never_holds_more_than_it_may(steps: list[tuple[str, str, int, bool]]) -> None:
    one = store(bytes_max=12_000)
    for key, word, size, drops in steps:
        if drops:
            one.drop(key)
            assert one.variants(key) == ()
        else:
            put(one, key, variant(word, b"x" * size))
        assert 0 <= one.bytes <= 12_000
        assert all(len(one.variants(key)) <= 3 for key in "kl")


async def test_the_newest_variant_on_the_disk_drives_out_an_older_one_of_its_own_url(tmp_path: Path) -> None:
    spool, one = spool_of(tmp_path, files_max=10), store()
    for word in "abc":
        file = spool.begin()
        assert file is not None
        await file.append(b"y" * 60)
        await file.finish()
        assert put(one, "k", variant(word, body=file))
        del file
        assert [kept.selection for kept in one.variants("k")] == [(word,)]
        assert len(spool) == 1
    one.drop("k")
    assert (len(spool), one.let_go()) == (0, False)


async def test_a_body_on_the_disk_goes_with_all_variants_that_have_it(tmp_path: Path) -> None:
    spool, one = spool_of(tmp_path, files_max=10), store()
    file = spool.begin()
    assert file is not None
    await file.append(b"y" * 40)
    await file.finish()
    for word in "ab":  # the origin has confirmed it for other requests, too
        assert put(one, "k", variant(word, body=file))
    del file
    assert put(one, "k", variant("c"))
    assert (len(one.variants("k")), len(spool)) == (3, 1)
    assert one.let_go()
    assert [kept.selection for kept in one.variants("k")] == [("c",)]
    assert (len(spool), one.let_go()) == (0, False)


async def test_what_is_on_the_disk_goes_when_room_is_needed_and_with_its_variant(tmp_path: Path) -> None:
    spool = spool_of(tmp_path, files_max=10)
    one = store()
    spool.let_go = one.let_go

    async def on_disk(key: str, word: str) -> Stored:
        file = spool.begin()
        assert file is not None
        await file.append(b"y" * 40)
        await file.finish()
        kept = variant(word, body=file)
        assert put(one, key, kept)
        return kept

    first = await on_disk("k", "a")
    assert put(one, "k", variant("b"))
    assert put(one, "k", variant("b"))
    assert len(spool) == 1
    await on_disk("l", "a")
    one.variants("k")  # asked for: it stays longer
    assert one.let_go()
    assert (one.variants("l"), [v.selection for v in one.variants("k")]) == ((), [("b",), ("a",)])
    assert (len(spool), spool.bytes) == (1, 40)
    again = replace(first, received=first.received + 1)  # confirmed: the same body under another head
    with one.ticket("k") as ticket:
        assert one.put("k", again, ticket, instead_of=first)
    del first
    assert len(spool) == 1
    one.drop("k")
    del again
    assert (len(spool), one.let_go()) == (0, False)
