from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.passthrough.store import ResponseStore
from tests.unit.edge.cache.heads import fields, stored


def store(bytes_max: int = 100_000, object_bytes_max: int = 10_000, variants_max: int = 3) -> ResponseStore:
    return ResponseStore(
        bytes_max=bytes_max, object_bytes_max=object_bytes_max, disk_bytes_max=100, variants_max=variants_max
    )


def variant(word: str, body: bytes = b"x"):
    return stored(fields(foo=word), vary="Foo", cache_control="max-age=60", body=body)


def put(one: ResponseStore, key: str, what) -> bool:
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
