from __future__ import annotations

import hashlib

import pytest

from domicile.imaging.job import MediaLimits
from domicile.media.grammar import build_transformation, parse_transformation
from domicile.service import killers as subject
from domicile.service.killers import INNOCENT, SOURCE_KILLS_MAX, STRIKES_MAX, Killers, Record, plainest
from domicile.service.pool_files import SourceFile, digest, source_file, with_job

CRASHED = Record(death="crash")


async def test_what_killed_is_known_by_its_bytes_and_its_job_and_by_how_it_ended() -> None:
    killers = Killers(10)
    with await source_file(b"bad") as bad, await source_file(b"bad") as same, await source_file(b"sad") as other:
        await killers.remember([bad], b"job", "cpu_limit")
        assert await killers.look_up([same], b"job") == Record(death="cpu_limit")
        assert await killers.look_up([same], b"another job") == INNOCENT
        assert await killers.look_up([other], b"job") == INNOCENT


async def test_what_the_machine_may_have_done_counts_when_it_happens_again() -> None:
    killers = Killers(10)
    with await source_file(b"big") as big:
        for _ in range(STRIKES_MAX):
            assert (await killers.look_up([big], b"job")).death is None
            await killers.remember([big], b"job", "out_of_memory", is_proved=False)
        assert await killers.look_up([big], b"job") == Record(death="out_of_memory")


async def test_a_source_that_killed_with_several_jobs_is_suspect_until_it_was_tried() -> None:
    killers = Killers(10)
    with await source_file(b"bad") as bad, await source_file(b"sad") as other:
        for number in range(SOURCE_KILLS_MAX):
            assert await killers.look_up([bad], b"new") == INNOCENT
            await killers.remember([bad], b"%d" % number, "crash")
        assert await killers.look_up([bad], b"new") == Record(suspects=(bad,))
        assert await killers.look_up([bad], b"0") == CRASHED  # what is known is not tried
        assert await killers.look_up([other], b"new") == INNOCENT
        await killers.judge(bad, None)
        assert await killers.look_up([bad], b"new") == INNOCENT
        assert await killers.look_up([bad], b"0") == CRASHED


async def test_a_source_that_was_condemned_is_refused_whatever_is_asked_of_it() -> None:
    killers = Killers(10)
    with await source_file(b"bad") as bad:
        await killers.judge(bad, "crash")
        assert await killers.look_up([bad], b"anything") == CRASHED


async def test_a_layered_job_is_known_by_all_its_sources_in_order() -> None:
    killers = Killers(10)
    with await source_file(b"base") as base, await source_file(b"over") as over, await source_file(b"othr") as other:
        await killers.remember([base, over], b"job", "crash")
        assert await killers.look_up([base, over], b"job") == CRASHED
        for sources in ([base], [over], [over, base], [base, other], [other, over], [base, over, other]):
            assert await killers.look_up(sources, b"job") == INNOCENT


async def test_each_source_of_jobs_that_killed_is_tried_for_itself_and_an_innocent_one_stays_innocent() -> None:
    killers = Killers(10)
    with await source_file(b"good") as good, await source_file(b"bad") as bad, await source_file(b"third") as third:
        for number in range(SOURCE_KILLS_MAX):
            await killers.remember([good, bad], b"%d" % number, "crash")
        assert await killers.look_up([good, bad], b"new") == Record(suspects=(good, bad))
        await killers.judge(good, None)
        await killers.judge(bad, "crash")
        assert await killers.look_up([good], b"new") == INNOCENT
        assert await killers.look_up([good, third], b"new") == INNOCENT
        for sources in ([bad], [good, bad], [bad, good]):
            assert await killers.look_up(sources, b"new") == CRASHED


async def test_a_source_that_is_its_own_layer_counts_once() -> None:
    killers = Killers(10)
    with await source_file(b"both") as both, await source_file(b"both") as again:
        await killers.remember([both, again], b"job", "crash")
        assert await killers.look_up([both, again], b"new") == INNOCENT
        assert len(killers._sources) == 1


async def test_the_memory_is_bounded_and_forgets_who_was_longest_away() -> None:
    killers = Killers(2)
    files = [await source_file(b"x" * (number + 1)) for number in range(3)]
    await killers.remember([files[0]], b"", "crash")
    await killers.remember([files[1]], b"", "crash")
    assert await killers.look_up([files[0]], b"") == CRASHED  # met again: 1 is now the oldest
    await killers.remember([files[2]], b"", "crash")
    assert len(killers) == len(killers._sources) == 2
    assert [await killers.look_up([file], b"") for file in files] == [CRASHED, INNOCENT, CRASHED]
    for file in files:
        file.close()


async def test_many_jobs_of_one_source_are_bounded_too() -> None:
    killers = Killers(2)
    with await source_file(b"a") as file:
        for number in range(5):
            await killers.remember([file], b"%d" % number, "crash")
        assert len(killers) == 2
        assert len(killers._sources) == 1


async def test_remembering_twice_counts_once_and_forgetting_forgets_the_length_too() -> None:
    killers = Killers(1)
    with await source_file(b"a") as first, await source_file(b"bb") as second:
        await killers.remember([first], b"", "crash")
        await killers.remember([first], b"", "crash")
        await killers.remember([second], b"", "crash")
        assert not killers._sizes[1]
        assert killers._sizes[2] == 1


async def test_a_memory_of_nothing_remembers_nothing() -> None:
    killers = Killers(0)
    with await source_file(b"a") as file:
        await killers.remember([file], b"", "crash")
        await killers.judge(file, "crash")
        assert await killers.look_up([file], b"") == INNOCENT
        assert len(killers) == len(killers._sources) == len(killers._sizes) == 0


async def test_a_source_of_an_innocent_length_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(source: SourceFile) -> bytes:
        raise AssertionError("hashed")

    killers = Killers(10)
    with await source_file(b"bad") as bad, await source_file(b"innocent") as good:
        await killers.remember([bad], b"", "crash")
        monkeypatch.setattr(subject, "digest", never)
        assert await killers.look_up([good], b"") == INNOCENT


async def test_the_keys_are_sha256() -> None:
    with await source_file(b"x" * 3_000_000) as file:
        expected = hashlib.sha256(b"x" * 3_000_000).digest()
        assert await digest(file) == expected
        assert with_job(expected, b"job") == hashlib.sha256(expected + b"job").digest()


def test_the_plainest_job_is_a_canonical_transformation() -> None:
    limits = MediaLimits(components_max=3)
    job = plainest(limits)
    assert job.limits == limits
    assert build_transformation(parse_transformation(job.transformation, limits)) == job.transformation
