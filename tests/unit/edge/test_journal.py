"""What an entry, and the head of a lease, mean for a node that has come so far."""

from __future__ import annotations

import msgspec
import pytest

from domicile.media.journal import GENESIS, Head, Kind
from domicile.media.wire import JournalAnswer
from edge.journal import Standing, Step, after, may_resync, sort, standing, step
from tests.unit.edge.journals import chained

START = Head(epoch=3, seq=10, chain=GENESIS)
ONE, TWO, THREE = chained(START, (Kind.ALL, ()), (Kind.ASSET, ("a" * 32,)), (Kind.ALL, ()))
OTHER_PAST = msgspec.structs.replace(ONE, chain="f" * 64)


def head(*, epoch: int = 3, seq: int = 10, chain: str = GENESIS) -> Head:
    return Head(epoch=epoch, seq=seq, chain=chain)


@pytest.mark.parametrize(
    "cursor, entry, meaning",
    [
        (START, ONE, Step.APPLY),
        (after(ONE), TWO, Step.APPLY),
        (after(TWO), ONE, Step.SKIP),
        (after(ONE), ONE, Step.SKIP),
        (START, TWO, Step.RESYNC),  # a gap
        (START, OTHER_PAST, Step.REFUSE),  # the next number of another history
        (START, msgspec.structs.replace(ONE, epoch=2), Step.REFUSE),  # an older epoch
        (START, msgspec.structs.replace(OTHER_PAST, epoch=4), Step.RESYNC),  # a new epoch declares another history
        (START, chained(START, (Kind.ALL, ()), epoch=4)[0], Step.APPLY),  # or goes on with ours
    ],
)
def test_exactly_the_next_entry_of_the_same_history_is_applied(cursor: Head, entry: object, meaning: Step) -> None:
    assert step(cursor, entry) is meaning  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "granted, where",
    [
        (head(), Standing.LEVEL),
        (head(seq=11, chain="a" * 64), Standing.BEHIND),
        (head(epoch=4, seq=11, chain="a" * 64), Standing.BEHIND),
        (head(seq=9), Standing.REGRESSED),
        (head(epoch=2), Standing.REGRESSED),
        (head(epoch=2, seq=99), Standing.REGRESSED),
        (head(chain="a" * 64), Standing.REGRESSED),  # as far as we are, by another way
    ],
)
def test_an_origin_that_knows_less_or_something_else_has_regressed(granted: Head, where: Standing) -> None:
    assert standing(START, granted) is where


@pytest.mark.parametrize(
    "granted, may",
    [(head(), True), (head(seq=99, epoch=4), True), (head(seq=9), False), (head(epoch=2, seq=99), False)],
)
def test_a_node_starts_again_only_forwards(granted: Head, may: bool) -> None:
    assert may_resync(START, granted) is may


def test_the_cursor_after_an_entry_is_the_entrys_own_place() -> None:
    assert after(TWO) == Head(epoch=3, seq=12, chain=TWO.chain)


def test_an_answer_is_sorted_into_what_to_apply_what_to_start_again_and_what_to_refuse() -> None:
    other = chained(START, (Kind.ALL, ()), (Kind.ALL, ()), tenant="gap")
    wrong = msgspec.structs.replace(chained(START, (Kind.ALL, ()), tenant="wrong")[0], chain="f" * 64)
    stranger = chained(START, (Kind.ALL, ()), tenant="stranger")
    answer = JournalAnswer(
        entries=(ONE, other[1], TWO, ONE, wrong, *stranger), compacted=("old", "stranger"), unknown=("lost", "stranger")
    )
    good, resync, refused = sort(dict.fromkeys(("demo", "gap", "wrong", "old", "lost"), START), answer)
    assert (good, resync, refused) == ([ONE, TWO], {"gap", "old"}, {"wrong", "lost"})


def test_after_the_first_bad_entry_of_a_tenant_none_of_it_is_good() -> None:
    good, resync, refused = sort({"demo": START}, JournalAnswer(entries=(ONE, THREE, TWO)))
    assert (good, resync, refused) == ([ONE], {"demo"}, set())
