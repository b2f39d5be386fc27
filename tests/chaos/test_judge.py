"""The controls of the chaos run: an oracle that lets everything pass, a bound that nothing exceeds, and a plan without
partitions prove nothing."""

from __future__ import annotations

import pytest

from origin.probe_steps import EDGE_RETRY_SECONDS_MAX
from origin.records.opening import MAINTENANCE_SECONDS
from tests.chaos.__main__ import LEAST, MINUTES, PARTS, least
from tests.chaos.book import LEARNED_SECONDS_MAX, Answer, Book, Life, Question, Upload
from tests.chaos.bounds import Absence, fenced_by, hung, latest, over, silent_seconds, verified_by, worst
from tests.chaos.outage import Sample, recovered_after, wrong_meanwhile
from tests.chaos.plan import EDGE_LENGTH, PARTITIONS, Kind, Wanted, counted, plan
from tests.soak.oracle import Wrong

IMAGE, RAW = 8, 7
PATH = "/path"


def answer(upload: Upload | None = None, status: int = 200, etag: str = "", body: bytes | None = None) -> Answer:
    sent = upload.body() if body is None and upload is not None else body or b""
    return Answer(status=status, etag=etag, body=sent, is_whole=True)


def cut(upload: Upload, length: int) -> Answer:
    return Answer(status=200, etag="", body=upload.body()[:length], is_whole=False)


def book(slot: int, **times: float | None) -> Book:
    """One that was there at 10 and fenced at 50, unless said otherwise."""
    made = Book()
    life = made.begin(slot, 1.0)
    life.there_at, life.erasing_at, life.answered_at, life.fenced_at, life.verified_at = 10.0, 40.0, 41.0, 50.0, 51.0
    for name, value in times.items():
        setattr(life, name, value)
    return made


@pytest.mark.parametrize("slot", [IMAGE, RAW])
def test_what_is_asked_for_before_it_is_fenced_may_come(slot: int) -> None:
    given = book(slot)
    upload = Upload(slot, 0)
    assert given.check(Question(slot, 49.0), 60.0, PATH, answer(upload, etag='"a"')) == "whole"
    assert given.check(Question(slot, 49.0), 60.0, PATH, answer(upload, 206)) == "in part"
    assert given.check(Question(slot, 49.0), 60.0, PATH, answer(status=304, etag='"a"')) == "unchanged"
    assert given.check(Question(slot, 49.0), 60.0, PATH, cut(upload, 40)) == "broken off"
    assert given.check(Question(slot, 51.0), 60.0, PATH, answer(status=404)) == "absent"
    assert given.check(Question(slot, 51.0), 60.0, PATH, answer(status=503)) == "refused"


@pytest.mark.parametrize("slot", [IMAGE, RAW])
@pytest.mark.parametrize(
    "given",
    [
        answer,
        lambda upload: answer(upload, 206),
        lambda upload: answer(status=304, etag='"a"'),
        lambda upload: answer(status=304, etag='"unknown"'),
        lambda upload: cut(upload, 1),
        lambda upload: cut(upload, 0),
    ],
    ids=["whole", "in part", "unchanged", "of an unknown validator", "one byte", "a head alone"],
)
def test_one_byte_of_it_after_that_is_found(slot: int, given) -> None:
    of = book(slot)
    with pytest.raises(Wrong, match="all that ever had this name had been fenced"):
        of.check(Question(slot, 50.1), 60.0, PATH, given(Upload(slot, 0)))


@pytest.mark.parametrize("slot", [IMAGE, RAW])
def test_the_one_before_is_found_under_a_name_that_has_another(slot: int) -> None:
    of = book(slot)
    of.begin(slot, 55.0)
    old, new = Upload(slot, 0), Upload(slot, 1)
    of.etags['"old"'] = old
    for wrong in (answer(old), answer(old, 206), answer(status=304, etag='"old"')):
        with pytest.raises(Wrong, match="there could be"):
            of.check(Question(slot, 56.0), 60.0, PATH, wrong)
    assert of.check(Question(slot, 56.0), 60.0, PATH, answer(new)) == "whole"


def test_what_is_nothing_of_ours_is_found() -> None:
    of = book(RAW, erasing_at=None, fenced_at=None)
    for wrong in (answer(body=b"x" * 100), answer(Upload(IMAGE, 0))):
        with pytest.raises(Wrong):
            of.check(Question(RAW, 20.0), 21.0, PATH, wrong)


def test_nobody_is_told_that_what_is_there_is_not() -> None:
    of = book(RAW, erasing_at=None, fenced_at=None, verified_at=None)
    early, late = 10.0 + LEARNED_SECONDS_MAX, 10.1 + LEARNED_SECONDS_MAX
    assert of.check(Question(RAW, early), 90.0, PATH, answer(status=404)) == "absent"
    with pytest.raises(Wrong, match="404"):
        of.check(Question(RAW, late), 90.0, PATH, answer(status=404))
    of.lives[RAW][-1].erasing_at = 80.0
    assert of.check(Question(RAW, late), 90.0, PATH, answer(status=404)) == "absent"


def test_a_statement_says_when_it_is_fenced_and_when_it_is_verified() -> None:
    life = Life(Upload(RAW, 0), 1.0)

    def statement(state: str, outcome: str, probe: str = "verified", given: int = 0) -> dict[str, object]:
        edges = {"place": "edges", "state": state, "probe": {"state": probe, "given": given}}
        return {"places": [{"place": "origin store"}, edges], "outcome": outcome}

    for now, said in ((2.0, ("pending", "partial")), (3.0, ("fenced", "partial")), (4.0, ("pending", "partial"))):
        life.told(statement(*said), now)
    for lie in (("fenced", "erased", "pending"), ("fenced", "erased", "verified", 1)):
        with pytest.raises(Wrong):
            life.told(statement(*lie), 4.5)
    life.told(statement("fenced", "erased"), 5.0)
    assert (life.answered_at, life.fenced_at, life.verified_at) == (2.0, 3.0, 5.0)


def test_the_bound_is_a_lease_after_the_commit_or_the_last_start() -> None:
    life = Life(Upload(RAW, 0), 1.0, 2.0, 10.0, 11.0, 40.0, 50.0)
    lease, silent = 2.0, silent_seconds(2.0)
    assert silent == pytest.approx(2.27)
    assert fenced_by(life, lease, []) == 11.0 + silent
    assert (
        fenced_by(life, lease, [Absence(5.0, 9.0, is_start=True), Absence(41.0, 42.0, is_start=True)]) == 11.0 + silent
    )
    assert fenced_by(life, lease, [Absence(10.5, 30.0, is_start=True)]) == 30.0 + silent
    assert fenced_by(life, lease, [Absence(12.0, 30.0)]) == 30.0
    assert verified_by(life, lease, []) == 11.0 + 2 * silent + EDGE_LENGTH[1] * lease
    assert verified_by(life, lease, [Absence(41.0, 45.0, is_database=True)]) == 45.0 + MAINTENANCE_SECONDS
    by = verified_by(life, lease, [])
    anew = Absence(41.0, 45.0, is_start=True)
    assert fenced_by(life, lease, [anew]) == fenced_by(life, lease, [])
    assert verified_by(life, lease, [anew]) == pytest.approx(45.0 + 2 * silent + EDGE_LENGTH[1] * lease), "after fenced"
    assert verified_by(life, lease, [Absence(50.0, 60.0, is_start=True)]) == by, "after it was verified"
    assert verified_by(life, lease, [], [over(by - 0.5, lease)]) == by - 0.5 + silent
    assert verified_by(life, lease, [], [hung(by - 3.0, by + 1.0)]) == by + 1.0 + EDGE_RETRY_SECONDS_MAX
    assert verified_by(life, lease, [], [hung(by - 3.0, by - 2.0 - EDGE_RETRY_SECONDS_MAX)]) == by
    assert verified_by(life, lease, [], [over(by + 0.5, lease)]) == by, "nobody had to wait any more"
    was = worst([life], lease, [])
    assert (was.fenced, was.verified) == (30.0, 40.0)
    assert was.fenced_late == pytest.approx(40.0 - 11.0 - silent)
    sooner = Life(Upload(RAW, 1), 1.0, 2.0, 20.0, 21.0, 30.0, 31.0)
    assert latest([sooner, life, sooner], lease, []) is life


def test_a_plan_is_its_seeds_and_has_what_is_wanted() -> None:
    for share, lease, is_on_server in PARTS:
        wanted = Wanted(
            seconds=60 * MINUTES * share, lease_seconds=lease, edges=3, partitions_min=least(1.0).partitions,
            is_on_server=is_on_server,
        )  # fmt: skip
        lanes = plan(1, wanted)
        assert lanes == plan(1, wanted) != plan(2, wanted)
        edges = [lane for name, lane in lanes.items() if name.startswith("edge")]
        assert all(sum(event.pause + event.seconds for event in lane) >= wanted.seconds for lane in edges)
        assert counted(edges, PARTITIONS) >= LEAST.partitions
        happens = {event.kind for lane in lanes.values() for event in lane}
        assert happens == set(Kind) - {Kind.KILL_NODE} - (set() if is_on_server else {Kind.FAIL_OVER})


def test_an_outage_is_over_when_every_answer_of_every_edge_is_a_hit() -> None:
    def every(start: float, end: float, *, is_hit: bool, edge: int) -> list[Sample]:
        return [Sample(edge, start + n * 0.1, 200, is_hit) for n in range(round((end - start) * 10))]

    good = [*every(10, 14, is_hit=True, edge=0), *every(10, 14, is_hit=True, edge=1)]
    assert recovered_after(good, 10.0, 2) == 0.0
    late = [
        *every(10, 12, is_hit=False, edge=0),
        *every(12, 14, is_hit=True, edge=0),
        *every(10, 14, is_hit=True, edge=1),
    ]
    assert recovered_after(sorted(late, key=lambda one: one.at), 10.0, 2) == pytest.approx(1.9)
    assert recovered_after(every(10, 14, is_hit=True, edge=0), 10.0, 2) is None
    assert recovered_after([*good, *every(14, 18, is_hit=False, edge=1)], 13.5, 2) is None
    begun = [*every(10, 11, is_hit=True, edge=0), *every(10, 11, is_hit=True, edge=1)]
    assert recovered_after(begun, 10.0, 2) is None, "a window that is not over yet"


def test_while_the_origin_is_away_leases_that_last_are_of_use_and_others_are_not() -> None:
    def every(start: int, end: int, *, status: int = 200) -> list[Sample]:
        return [Sample(0, float(at), status, is_hit=status == 200) for at in range(start, end)]

    assert not wrong_meanwhile(every(0, 45), 0.0, 45.0, 120.0)
    assert wrong_meanwhile([*every(0, 44), *every(44, 45, status=503)], 0.0, 45.0, 120.0) == "no lease had run out"
    assert "had no answer" in wrong_meanwhile([*every(0, 44), *every(44, 45, status=0)], 0.0, 45.0, 120.0)
    assert not wrong_meanwhile([*every(0, 30), *every(30, 45, status=503)], 0.0, 45.0, 30.0)
    assert "something was served" in wrong_meanwhile(every(0, 45), 0.0, 45.0, 30.0)
