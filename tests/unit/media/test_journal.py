"""The fence: what was read before a purge is never fresh after it; what was read after it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.media import journal
from domicile.media.asset import Aid, NameHash
from domicile.media.journal import GENESIS, Entry, Fence, Head, Kind, chain_of, follows

AIDS = [Aid(f"{n:032x}") for n in range(4)]
NAMES = [NameHash(f"{n:032x}") for n in range(100, 103)]


def entry(seq: int, kind: str, *, aids: tuple[Aid, ...] = (), names: tuple[NameHash, ...] = ()) -> Entry:
    return Entry(tenant="demo", epoch=1, seq=seq, kind=kind, aids=aids, names=names)


def test_bytes_read_before_a_purge_are_not_fresh_and_a_refill_at_it_is() -> None:
    fence = Fence()
    fence.apply(entry(1, Kind.ASSET, aids=(AIDS[0],)))
    assert not fence.fresh(0, [AIDS[0]])
    assert fence.fresh(1, [AIDS[0]])
    assert fence.fresh(0, [AIDS[1]])


def test_losing_any_one_contributor_makes_a_composite_stale() -> None:
    fence = Fence()
    fence.apply(entry(1, Kind.ASSET, aids=(AIDS[2],)))
    assert not fence.fresh(0, [AIDS[0], AIDS[2]])


def test_an_erased_aid_is_refused_whatever_its_sequence_says() -> None:
    fence = Fence()
    fence.apply(entry(1, Kind.ERASE, aids=(AIDS[0],)))
    assert not fence.fresh(10**9, [AIDS[0]])
    fence.apply(entry(2, Kind.ALL))
    assert not fence.fresh(10**9, [AIDS[0]])


def test_a_name_entry_fences_what_was_resolved_under_that_name() -> None:
    fence = Fence()
    fence.apply(entry(1, Kind.NAME, names=(NAMES[0],)))
    assert not fence.fresh(0, [AIDS[0]], [NAMES[0]])
    assert fence.fresh(1, [AIDS[0]], [NAMES[0]])
    assert fence.fresh(0, [AIDS[0]], [NAMES[1]])


@pytest.mark.parametrize("kind", [Kind.HOLD, Kind.RELEASE])
def test_a_legal_hold_forbids_nothing(kind: str) -> None:
    fence = Fence()
    fence.apply(entry(1, kind, aids=(AIDS[0],), names=(NAMES[0],)))
    assert fence.fresh(0, [AIDS[0]], [NAMES[0]])
    assert fence.applied == 1


@pytest.mark.parametrize("kind", [Kind.ALL, "a kind from the future"])
def test_everything_and_anything_unknown_is_purge_all(kind: str) -> None:
    fence = Fence()
    fence.apply(entry(1, kind))
    assert not fence.fresh(0, [AIDS[3]])
    assert fence.fresh(1, [AIDS[3]])


def test_a_gap_is_refused() -> None:
    fence = Fence()
    with pytest.raises(ValueError, match="gap"):
        fence.apply(entry(2, Kind.ALL))


def test_collected_records_raise_the_floor_so_forgetting_never_revives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FENCE_RECORDS_MAX", 2)
    fence = Fence()
    for seq in range(1, 5):
        fence.apply(entry(seq, Kind.ASSET, aids=(AIDS[seq - 1],)))
    assert fence.floor == 2
    assert not fence.fresh(0, [AIDS[0]])  # its record is gone; the floor still refuses it
    assert not fence.fresh(1, [AIDS[3]])
    assert fence.fresh(4, [AIDS[3]])


def test_collected_tombstones_raise_the_floor_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FENCE_RECORDS_MAX", 1)
    fence = Fence()
    fence.apply(entry(1, Kind.ERASE, aids=(AIDS[0],)))
    fence.apply(entry(2, Kind.ERASE, aids=(AIDS[1],)))
    assert fence.floor == 1
    assert not fence.fresh(0, [AIDS[0]])
    assert not fence.fresh(5, [AIDS[1]])


steps = st.lists(
    st.tuples(
        st.sampled_from([Kind.ASSET, Kind.ERASE, Kind.NAME, Kind.ALL, Kind.CONFIG]),
        st.lists(st.sampled_from(AIDS), max_size=2, unique=True),
        st.lists(st.sampled_from(NAMES), max_size=1),
    ),
    max_size=25,
)


@given(steps=steps, g=st.integers(0, 25), aid=st.sampled_from(AIDS), name=st.sampled_from(NAMES), small=st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_fence_never_calls_fresh_what_a_full_history_calls_stale(
    steps: list[tuple[Kind, list[Aid], list[NameHash]]], g: int, aid: Aid, name: NameHash, small: bool
) -> None:
    """Oracle: a reader that keeps every entry for ever. The fence may be stricter (floor), never laxer.

    A collected tombstone lives on in the floor: nothing read after an erase can hold what it erased.
    """
    before = journal.FENCE_RECORDS_MAX
    journal.FENCE_RECORDS_MAX = 2 if small else before
    try:
        fence = Fence()
        stale = False
        for seq, (kind, aids, names) in enumerate(steps, 1):
            step = entry(seq, kind, aids=tuple(aids), names=tuple(names))
            fence.apply(step)
            hits = aid in aids or name in names
            stale |= (kind == Kind.ERASE and aid in aids and (not small or seq > g)) or (
                seq > g and (kind == Kind.ALL or (kind != Kind.CONFIG and hits))
            )
        verdict = fence.fresh(g, [aid], [name])
        assert not (stale and verdict)
        if not small:
            assert verdict is not stale
    finally:
        journal.FENCE_RECORDS_MAX = before


def test_only_the_next_entry_of_the_same_history_follows() -> None:
    head = Head(epoch=1, seq=0, chain=GENESIS)
    bare = entry(1, Kind.ALL)
    good = Entry(tenant="demo", epoch=1, seq=1, kind=Kind.ALL, chain=chain_of(GENESIS, bare))
    assert follows(head, good)
    assert not follows(head, bare)  # no chain
    assert not follows(Head(epoch=1, seq=1, chain=GENESIS), good)  # not the next
    assert not follows(Head(epoch=2, seq=0, chain=GENESIS), good)  # an epoch gone back
    assert not follows(Head(epoch=1, seq=0, chain="11" * 32), good)  # another history
