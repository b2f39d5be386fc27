from __future__ import annotations

from domicile.media.asset import NameHash
from domicile.media.freshness import NEGATIVE_SECONDS_MAX
from domicile.media.journal import Entry, Fence, Kind
from edge import names
from edge.names import Negatives, Verdicts

A, B = NameHash("a" * 32), NameHash("b" * 32)


def entry(seq: int, *, named: tuple[NameHash, ...] = (), kind: str = Kind.NAME) -> Entry:
    return Entry(tenant="demo", epoch=1, seq=seq, kind=kind, names=named)


def test_absence_is_remembered_for_a_short_time_only() -> None:
    known, fence = Negatives(), Fence(applied=1)
    known.learn("demo", [A], sequence=1, status=404, now=10.0)
    assert known.status("demo", A, fence, now=10.0 + NEGATIVE_SECONDS_MAX - 0.1) == 404
    assert known.status("demo", A, fence, now=10.0 + NEGATIVE_SECONDS_MAX) is None
    assert len(known) == 0


def test_absence_is_of_this_name_in_this_cloud() -> None:
    known, fence = Negatives(), Fence(applied=1)
    known.learn("demo", [A], sequence=1, status=404, now=0.0)
    assert known.status("demo", B, fence, now=0.0) is None
    assert known.status("else", A, fence, now=0.0) is None


def test_an_entry_that_names_it_ends_it_and_so_does_the_fence_alone() -> None:
    known, fence = Negatives(), Fence(applied=1)
    known.learn("demo", [A, B], sequence=1, status=404, now=0.0)
    said = entry(2, named=(A,))
    fence.apply(said)
    known.on_entry(said)
    assert known.status("demo", A, fence, now=0.0) is None
    assert known.status("demo", B, fence, now=0.0) == 404
    fence.apply(entry(3, kind=Kind.ALL))  # nobody told `known`: what was read before is not believed
    assert known.status("demo", B, fence, now=0.0) is None


def test_what_is_remembered_has_a_bound(monkeypatch) -> None:
    monkeypatch.setattr(names, "NEGATIVES_MAX", 5)
    monkeypatch.setattr(names, "VERDICTS_MAX", 5)
    known, verdicts = Negatives(), Verdicts()
    for number in range(20):
        known.learn("demo", [NameHash(f"{number:032x}")], sequence=1, status=404, now=0.0)
        verdicts.learn("demo", f"/path/{number}")
    assert (len(known), len(verdicts)) == (5, 5)
    assert verdicts.is_good("demo", "/path/19")
    assert not verdicts.is_good("demo", "/path/0")


def test_a_verdict_holds_for_this_path_of_this_tenant_until_its_configuration_moves() -> None:
    verdicts = Verdicts()
    verdicts.learn("demo", "/demo/s--x--/a.jpg?_a=1")
    assert verdicts.is_good("demo", "/demo/s--x--/a.jpg")
    assert not verdicts.is_good("demo", "/demo/s--y--/a.jpg")
    assert not verdicts.is_good("else", "/demo/s--x--/a.jpg")
    verdicts.forget("else")
    assert verdicts.is_good("demo", "/demo/s--x--/a.jpg")
    verdicts.forget("demo")
    assert not verdicts.is_good("demo", "/demo/s--x--/a.jpg")
