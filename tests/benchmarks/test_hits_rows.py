"""What a row of `hits` says, and when it may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.hits_rows import (
    ERASED_PER_SECOND,
    OURS,
    P99_OF_QUIET_MAX,
    WITHOUT_TRANSFORMS,
    Kind,
    Situation,
    Taken,
    quiet,
    rows,
    servers,
    situations,
)
from benchmarks.load import Run
from benchmarks.measured import Counted
from benchmarks.probe import Probed
from benchmarks.scrape import Scrape

SIZES = ["2 KB", "20 KB", "100 KB"]
NAMES = [OURS, "nginx", "varnish", "aiohttp"]


def run(*, per_second: float = 1000.0, p99_ms: float = 1.0, cpu_us: float = 10.0, errors: int = 0) -> Run:
    return Run(requests=100, per_second=per_second, p50_ms=0.5, p99_ms=p99_ms, cpu_us=cpu_us, errors=errors)


def counted(*, hits: int = 100, fills: int = 0, purges: int = 0, disk: int = 0, failed: int = 0) -> Counted:
    return Counted(
        edge=Scrape.read(
            "# TYPE domicile_edge_requests_total counter\n"
            f'domicile_edge_requests_total{{route="delivery",cache="memory",status="2xx"}} {hits}\n'
            f'domicile_edge_requests_total{{route="delivery",cache="disk",status="2xx"}} {disk}\n'
            f'domicile_edge_requests_total{{route="purge",cache="none",status="2xx"}} {purges}\n'
            "# TYPE domicile_edge_fills_total counter\n"
            f'domicile_edge_fills_total{{result="stored"}} {fills}\n'
            f'domicile_edge_fills_total{{result="failed"}} {failed}\n'
            "# TYPE domicile_edge_request_seconds histogram\n"
            f'domicile_edge_request_seconds_bucket{{route="delivery",cache="memory",le="0.001"}} {hits}\n'
            f'domicile_edge_request_seconds_bucket{{route="delivery",cache="memory",le="+Inf"}} {hits}\n'
            f'domicile_edge_request_seconds_count{{route="delivery",cache="memory"}} {hits}\n'
            f'domicile_edge_request_seconds_sum{{route="delivery",cache="memory"}} {hits / 10_000}\n'
        )
    )


def ours(**said: Any) -> Taken:
    return Taken(run=run(**said), seen=counted())


def made(situation: Situation, taken: Mapping[str, list[Taken]], **more: Any) -> list[dict[str, Any]]:
    return rows(situation, 20_000, taken, notes={"nginx": "sendfile off"}, **more)


# --- what is measured -------------------------------------------------------------------------------------------------


def test_every_size_is_hit_in_every_way_and_p99_in_one() -> None:
    found = situations(SIZES)
    for kind in (Kind.REPEATED, Kind.UNIQUE, Kind.BUSY, Kind.TWO_WORKERS):
        assert [each.size for each in found if each.kind is kind] == SIZES
    assert [each.size for each in found if each.kind is Kind.TRANSFORMS] == ["20 KB"]
    assert all(found.index(quiet(each)) <= found.index(each) for each in found), "the quiet one comes first"


def test_what_is_held_against_a_quiet_one_brings_it_along() -> None:
    kinds = [each.kind for each in situations(SIZES, only="transforms")]
    assert kinds[:2] == [Kind.PACED, Kind.TRANSFORMS]
    assert set(kinds) == WITHOUT_TRANSFORMS.keys() | set(WITHOUT_TRANSFORMS.values())
    assert [each.kind for each in situations(SIZES, only="probe, transforms")] == [Kind.PROBE, Kind.PROBE_TRANSFORMS]
    assert [each.label for each in situations(SIZES, only="100 KB, purges")] == [
        "hit 100 KB",
        "hit 100 KB, purges and fills",
    ]
    assert [each.kind for each in situations(SIZES, only="30 erasures")] == [Kind.NO_ERASURES, Kind.ERASURES]
    assert situations(SIZES, only="nothing of the kind") == []


def test_who_takes_part() -> None:
    assert servers(Kind.REPEATED, NAMES) == NAMES
    assert servers(Kind.BUSY, NAMES) == [OURS, "nginx", "varnish"], "aiohttp alone has nothing to fill"
    assert servers(Kind.PACED, NAMES) == [OURS, "nginx"]
    assert servers(Kind.PROBE_PACED, NAMES) == [OURS, "nginx"]
    assert {tuple(servers(kind, NAMES)) for kind in (*WITHOUT_TRANSFORMS, *ERASED_PER_SECOND)} == {(OURS,)}


# --- what is compared -------------------------------------------------------------------------------------------------


def test_a_ratio_is_the_median_of_rounds_and_is_held_against_its_target() -> None:
    mine = [ours(per_second=each) for each in (100, 150, 300)]
    theirs = [Taken(run=run(per_second=100)) for _ in range(3)]
    first, nginx = made(Situation("20 KB", Kind.REPEATED), {OURS: mine, "nginx": theirs})
    assert (first["what"], nginx["what"]) == ("hit 20 KB", "hit 20 KB, nginx")
    assert "ratio" not in first
    assert (nginx["ratio"], nginx["ratio_min"], nginx["ratio_max"]) == (1.5, 1.0, 3.0)
    assert (nginx["target"], nginx["met"], nginx["note"]) == (1.2, True, "sendfile off")


def test_a_miss_of_a_target_stands_as_it_is_and_makes_no_row_unbelievable() -> None:
    _, aiohttp = made(
        Situation("2 KB", Kind.REPEATED), {OURS: [ours(per_second=499)], "aiohttp": [Taken(run=run(per_second=100))]}
    )
    assert (aiohttp["target"], aiohttp["met"], aiohttp["within"]) == (5.0, False, True)


@pytest.mark.parametrize(("kind", "ratio"), [(Kind.REPEATED, 2.0), (Kind.TWO_WORKERS, 3.0), (Kind.PACED, 4.0)])
def test_what_compares_depends_on_the_situation(kind: Kind, ratio: float) -> None:
    mine, other = ours(per_second=200, cpu_us=10, p99_ms=1), Taken(run=run(per_second=100, cpu_us=30, p99_ms=4))
    assert made(Situation("20 KB", kind), {OURS: [mine], "nginx": [other]})[1]["ratio"] == ratio


def test_no_processor_time_seen_is_no_infinite_ratio() -> None:
    peer = Taken(run=run())
    assert made(Situation("2 KB", Kind.TWO_WORKERS), {OURS: [ours(cpu_us=0)], "nginx": [peer]})[1]["ratio"] == 0


@pytest.mark.parametrize(("p99_ms", "is_met"), [(P99_OF_QUIET_MAX, True), (P99_OF_QUIET_MAX + 0.1, False)])
def test_p99_with_transforms_is_held_against_the_quiet_one(p99_ms: float, is_met: bool) -> None:
    for kind in WITHOUT_TRANSFORMS:
        (row,) = made(Situation("20 KB", kind), {OURS: [ours(p99_ms=p99_ms)]}, before=[ours(p99_ms=1.0)])
        assert row["p99_of_quiet"] == pytest.approx(p99_ms)
        assert row["met"] is is_met


def test_a_row_says_how_far_its_probe_waited_for_nothing_but_answers() -> None:
    def probed(*, late: float, realtime: bool) -> Taken:
        said = Probed(
            requests=100,
            per_second=200,
            p50_ms=0.1,
            p99_ms=0.2,
            max_ms=late,
            late_p99_ms=late,
            realtime=realtime,
            errors=0,
        )
        return Taken(run=run(), seen=counted(hits=150), beside=50, probed=said)

    both = [probed(late=0.1, realtime=True), probed(late=0.3, realtime=False)]
    (row,) = made(Situation("20 KB", Kind.PROBE_PACED), {OURS: both})
    assert (row["probe_realtime"], row["probe_late_p99_ms"], row["probe_max_ms"]) == (False, pytest.approx(0.2), 0.3)
    assert (row["client_requests"], row["beside"], row["within"]) == (200, 100, True)


def test_a_row_beside_erasures_says_how_many_there_really_were_and_what_is_left_of_the_rate() -> None:
    quick, slow = ours(per_second=100), Taken(run=run(per_second=50), seen=counted(), done={"erasures": 40})
    (row,) = made(Situation("20 KB", Kind.ERASURES), {OURS: [slow]}, before=[quick])
    assert (row["erasures_s"], row["rate_of_quiet"], row["within"]) == (20.0, 0.5, True)


# --- what is believed -------------------------------------------------------------------------------------------------

BUSY = {"fills": 9, "purges": 3}


@pytest.mark.parametrize(
    ("taken", "is_honest"),
    [
        (Taken(run=run(), seen=counted()), True),
        (Taken(run=run(errors=1), seen=counted()), False),
        (Taken(run=run(), seen=counted(hits=99)), False),
        (Taken(run=run(), seen=counted(fills=1)), False),
        (Taken(run=run(), seen=counted(), beside=1), False),
        (Taken(run=run(), seen=counted(hits=101), beside=1), True),
        (Taken(run=run(), seen=counted(purges=1)), False),
        (Taken(run=run(), seen=counted(fills=9, purges=3), done=BUSY), True),
        (Taken(run=run(), seen=counted(fills=10, purges=3), done=BUSY), True),  # made again after a purge
        (Taken(run=run(), seen=counted(fills=8, purges=3), done=BUSY), False),
        (Taken(run=run(), seen=counted(fills=9, purges=2), done=BUSY), False),
        (Taken(run=run(), seen=counted(fills=9, purges=3), done=BUSY, failures=["503"]), False),
        (Taken(run=run(), seen=counted(), done={"fills": 0, "purges": 0}), False),
        (Taken(run=run(), seen=counted(fills=4), done={"transforms": 4}, other_core_busy=0.95), True),
        (Taken(run=run(), seen=counted(fills=4), done={"transforms": 4}, other_core_busy=0.5), False),
        (Taken(run=run(), seen=counted(hits=99, disk=1), done={"erasures": 5}), True),  # by a worker that was replaced
        (Taken(run=run(), seen=counted(hits=99), done={"erasures": 5}), False),
        (Taken(run=run(), seen=counted(failed=6), done={"erasures": 5}), True),  # what the edge asked itself
        (Taken(run=run(), seen=counted(fills=1, failed=6), done={"erasures": 5}), False),
        (Taken(run=run(), seen=counted(failed=1)), False),
        (Taken(run=run(), seen=counted(hits=99, disk=1)), False),
        (Taken(run=run(), seen=counted(), done={"erasures": 0}), False),
        (Taken(run=run()), True),
        (Taken(run=run(), passed_on=1), False),
        (Taken(run=run(), passed_on=9, done={"fills": 9}), True),
        (Taken(run=run(), passed_on=8, done={"fills": 9}), False),
    ],
)
def test_a_run_is_believed_when_both_sides_tell_the_same(taken: Taken, is_honest: bool) -> None:
    assert taken.is_honest is is_honest


def test_one_run_that_is_not_believed_makes_the_row_so_and_its_reasons_are_kept() -> None:
    bad = Taken(run=run(), seen=counted(), failures=["503", "503"])
    (row,) = made(Situation("2 KB", Kind.UNIQUE), {OURS: [ours(), bad]})
    assert (row["within"], row["errors"], row["failures"]) == (False, 2, ["503"])
