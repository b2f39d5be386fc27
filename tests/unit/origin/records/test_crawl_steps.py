"""Comparing records with a listing, both ways and page by page: no key is left out, and none is looked at twice."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domicile.media.asset import Aid
from origin.records.crawl_steps import compare, spans
from origin.store.port import Blob, key_of

TENANTS = ("a", "a-b", "acme", "b")
A, B, C = (key_of("acme", digit * 32) for digit in "abc")


def blob(key: str, *, written_at: float = 0.0) -> Blob:
    tenant, _, aid = key.partition("/")
    return Blob(tenant=tenant, aid=Aid(aid), written_at=written_at)


def test_what_is_listed_and_not_known_is_unlisted_and_the_other_way_round_a_phantom() -> None:
    found = compare([blob(A), blob(B)], {B, C}, (), older_than=1.0)
    assert ([one.key for one in found.unlisted], found.phantom) == ([A], (C,))


def test_what_is_on_its_way_in_or_out_may_be_there_or_not() -> None:
    found = compare([blob(A)], (), {A, C}, older_than=1.0)
    assert (found.unlisted, found.phantom) == ((), ())


def test_bytes_that_nobody_can_read_are_there_and_are_no_original() -> None:
    unread = replace(blob(A), can_be_read=False)
    assert compare([unread], {A}, (), older_than=1.0).phantom == (A,)
    assert compare([unread], (), (), older_than=1.0).unlisted == (unread,)


def test_what_is_younger_than_the_grace_is_let_be() -> None:
    assert compare([blob(A, written_at=2.0)], (), (), older_than=1.0).unlisted == ()


KEYS = st.builds(key_of, st.sampled_from(TENANTS), st.text("0123456789abcdef", min_size=32, max_size=32))


@given(st.sets(KEYS, max_size=12), st.integers(1, 5))
def test_pages_cover_each_key_once_in_the_order_of_the_listing(keys: set[str], size: int) -> None:
    left, after, seen = sorted(keys), "", list[str]()
    while True:
        page, left = left[:size], left[size:]
        until = page[-1] if len(page) == size else None
        for span in spans(after, until, TENANTS):
            within = sorted(key for key in keys if key.startswith(key_of(span.tenant, "")))
            seen += [key for key in within if span.after < key.partition("/")[2] <= span.until]
        if until is None:
            break
        after = until
    assert seen == sorted(keys)
