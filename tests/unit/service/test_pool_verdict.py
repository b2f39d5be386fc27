"""Who is to blame for a decoder's end: decided, then seen with real processes (decoder_double.py says what a word does)."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from domicile.media.errors import LimitExceeded, MediaError, Overloaded, ProcessingFailed, UndecodableMedia
from domicile.service import pool_process
from domicile.service.pool_verdict import Bounds, Death, Guilty, Seen, Verdict, answer_to, overrun, verdict_on
from domicile.service.settings import MIB

from .conftest import Bench, opened

BOUNDS = Bounds(seconds_max=20.0, cpu_seconds_max=10.0, memory_bytes_max=100)
MACHINES = {"closed", "zygote_lost", "starved", "cancelled"}


def seen(*, seconds: float = 0, cpu: float = 0, still: float = 0, resident: int = 0) -> Seen:
    return Seen(seconds=seconds, cpu_seconds=cpu, still_seconds=still, resident_bytes=resident)


@pytest.mark.parametrize(
    "what, death",
    [
        (seen(), None),
        (seen(seconds=19.9, cpu=10.0, still=19.9, resident=100), None),
        (seen(resident=101), "memory"),
        (seen(seconds=10.1, cpu=10.1), "cpu_limit"),
        (seen(seconds=20, cpu=2, still=0.1), "starved"),
        (seen(seconds=20, cpu=9, still=9.9), "starved"),
        (seen(seconds=20, cpu=2, still=10), "time_limit"),
        (seen(seconds=20, cpu=10.1, still=20), "cpu_limit"),
    ],
)
def test_a_bound_is_broken_by_what_the_job_did_and_not_by_what_it_had_to_wait_for(
    what: Seen, death: str | None
) -> None:
    assert overrun(what, BOUNDS) == death


@pytest.mark.parametrize("death", get_args(Death))
def test_a_process_that_has_worked_before_proves_nothing(death: Death) -> None:
    assert verdict_on(death, was_fresh=False) is (Verdict.OVERLOADED if death in MACHINES else Verdict.AGAIN)


@pytest.mark.parametrize("death", get_args(Death))
def test_a_fresh_process_proves_all_but_what_the_machine_does(death: Death) -> None:
    expected = Verdict.OVERLOADED if death in MACHINES else Verdict.GUILTY
    if death == "out_of_memory":
        expected = Verdict.SUSPECT
    assert verdict_on(death, was_fresh=True) is expected


@pytest.mark.parametrize(
    "death, error",
    [
        ("crash", UndecodableMedia),
        ("protocol", UndecodableMedia),
        ("memory", LimitExceeded),
        ("cpu_limit", LimitExceeded),
        ("time_limit", LimitExceeded),
        ("handler_failed", ProcessingFailed),
    ],
)
def test_a_bug_of_ours_is_not_called_the_users_bad_file(death: Death, error: type[MediaError]) -> None:
    assert type(Guilty(death, is_proved=True).answer()) is type(answer_to(death)) is error
    assert type(Guilty(death, is_proved=False).answer()) is Overloaded


# --- with real processes ----------------------------------------------------------------------------------------------


async def test_what_kills_a_warm_process_is_judged_by_a_fresh_one(bench: Bench) -> None:
    await bench.say("hoard 1")
    assert await bench.say("once") == "well"
    assert bench.counted.killed == {"crash": 1}
    assert [outcome for _, _, outcome in bench.counted.jobs] == ["done", "crash", "done"]
    assert len(bench.pool._killers) == 0
    with pytest.raises(UndecodableMedia):  # and a real killer after a warm process is found out by the second
        await bench.say("exit")
    assert bench.counted.killed == {"crash": 3}
    with pytest.raises(UndecodableMedia):
        await bench.say("exit")
    assert bench.counted.killed == {"crash": 3}


async def test_an_honest_job_is_not_blamed_for_the_heap_that_others_left() -> None:
    async with opened(warm_bytes_max=4096 * MIB) as bench:
        warm = int(await bench.say("hoard 70"))
        assert await bench.say("use 80") == str(80 * MIB)  # 150 MiB and the interpreter are over the limit of 160
        assert bench.counted.killed == {"memory": 1}
        assert len(bench.pool._killers) == 0
        assert warm not in bench.decoders()


async def test_a_process_that_kept_much_does_no_other_job() -> None:
    async with opened(warm_bytes_max=64 * MIB) as bench:
        light, still_light = int(await bench.say("hoard 1")), int(await bench.say("hoard 60"))
        assert light == still_light
        assert int(await bench.say("pid")) != light
        assert await bench.say("use 80") == str(80 * MIB)
        assert bench.counted.killed.total() == 0


async def test_memory_that_a_warm_process_cannot_get_is_asked_of_a_fresh_one() -> None:
    # 160 MiB and a slack of 64 may be had by a process (RLIMIT_DATA)
    async with opened(memory_bytes_max=160 * MIB, warm_bytes_max=4096 * MIB) as bench:
        await bench.say("hoard 90")
        assert await bench.say("allocate 120") == str(120 * MIB)
        assert bench.counted.killed == {"memory": 1}
        with pytest.raises(LimitExceeded):
            await bench.say("allocate 1000")


async def test_a_job_that_the_machine_gave_no_time_is_overload_and_not_remembered() -> None:
    async with opened(job_seconds_max=0.3, cpu_seconds_max=60) as bench:
        for _ in range(2):
            with pytest.raises(Overloaded):
                await bench.say("spin")
        assert bench.counted.killed == {"starved": 2}
        assert len(bench.pool._killers) == 0


async def test_a_death_by_the_kernels_choice_is_overload_until_it_happens_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kills = itertools.count()
    monkeypatch.setattr(pool_process, "out_of_memory_kills", lambda: next(kills))
    async with opened() as bench:
        for _ in range(2):
            with pytest.raises(Overloaded):
                await bench.say("exit")
        with pytest.raises(LimitExceeded):
            await bench.say("exit")
        assert bench.counted.killed == {"out_of_memory": 2}


async def test_a_source_that_kills_with_every_job_is_refused_after_two_and_a_trial(bench: Bench) -> None:
    for number in range(8):
        with pytest.raises(UndecodableMedia):
            await bench.say("exit", transformation=f"w_{number}")
    assert bench.counted.killed == {"crash": 3}


async def test_a_source_of_which_too_much_was_asked_is_not_refused_altogether(bench: Bench) -> None:
    word = "only-plain-is-well"
    for number in range(4):
        with pytest.raises(UndecodableMedia):
            await bench.say(word, transformation=f"w_{number}")
    assert bench.counted.killed == {"crash": 5}  # the third met the process of the trial first
    assert [outcome for _, _, outcome in bench.counted.jobs].count("done") == 1  # tried once, and not again
    assert await bench.say(word, transformation="c_limit,h_16,w_16") == "well"
