"""Jobs with layers: more than one body, and whose fault it is when one of them ends a decoder."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domicile.imaging.job import LayerInput
from domicile.media.errors import LimitExceeded, UndecodableMedia
from domicile.media.layer import LAYERS_MAX
from domicile.service.pool_files import SourceFile

from .conftest import JOB, Bench, descriptors


async def test_layers_reach_the_decoder_by_name_and_in_order(bench: Bench) -> None:
    assert await bench.lay("a", "b", "c", under="layers") == "upload/0=a upload/1=b upload/2=c"


async def test_as_many_as_may_be_reach_a_locked_in_decoder_again_and_again(bench: Bench) -> None:
    words = [str(number) for number in range(LAYERS_MAX)]
    for _ in range(3):
        assert (await bench.lay(*words, under="layers")).count("=") == LAYERS_MAX


async def test_more_meet_no_decoder(bench: Bench) -> None:
    with pytest.raises(LimitExceeded, match="Too many layers"):
        await bench.lay(*["x"] * (LAYERS_MAX + 1), under="layers")
    assert not bench.counted.jobs


async def test_a_layer_over_the_limit_meets_no_decoder(bench: Bench) -> None:
    limits = msgspec.structs.replace(JOB.limits, source_bytes_max=6)
    job = msgspec.structs.replace(JOB, limits=limits, layers=(LayerInput(name="upload/a"),))
    with pytest.raises(LimitExceeded, match="File size too large"):
        await bench.pool.render(b"layers", job, tenant="acme", layers=[b"x" * 7])
    assert not bench.counted.jobs


async def test_a_job_without_the_bodies_of_its_layers_is_a_bug(bench: Bench) -> None:
    job = msgspec.structs.replace(JOB, layers=(LayerInput(name="upload/a"),))
    with pytest.raises(ValueError, match="one body for each"):
        await bench.pool.render(b"layers", job, tenant="acme")


async def test_no_descriptor_is_left_open_whatever_becomes_of_the_job(bench: Bench) -> None:
    await bench.lay("a", under="layers")
    before = descriptors()
    await bench.lay("a", "b", under="layers")
    with pytest.raises(UndecodableMedia):
        await bench.lay("exit", "b", under="quiet")
    assert await bench.lay("a", under="layers") == "upload/0=a"
    cancelled = asyncio.create_task(bench.lay("nap 5", under="quiet"))
    await asyncio.sleep(0.2)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await bench.lay("a", under="layers") == "upload/0=a"
    assert descriptors() == before


async def test_a_callers_own_files_stay_open(bench: Bench) -> None:
    with SourceFile() as source, SourceFile() as layer:
        source.write(b"layers")
        layer.write(b"mine")
        job = msgspec.structs.replace(JOB, layers=(LayerInput(name="upload/a"),))
        for _ in range(2):
            rendered = await bench.pool.render(source, job, tenant="acme", layers=[layer])
            assert rendered.body == b"upload/a=mine"


async def test_a_combination_that_killed_costs_one_process_and_its_parts_are_free(bench: Bench) -> None:
    for _ in range(3):
        with pytest.raises(UndecodableMedia):
            await bench.lay("exit", under="pid")
    assert bench.counted.killed == {"crash": 1}
    assert int(await bench.say("pid"))
    assert int(await bench.lay("quiet", under="pid"))


async def test_a_hostile_layer_is_refused_over_every_picture_and_condemns_none(bench: Bench) -> None:
    for number in range(6):
        with pytest.raises(UndecodableMedia):
            await bench.lay("exit", under=f"echo {number}")
    assert bench.counted.killed == {"crash": 3}  # two of it over others, and its own trial
    for number in range(6):
        assert await bench.say(f"echo {number}") == str(number)
        assert await bench.lay("quiet", under=f"echo {number}") == str(number)


async def test_a_picture_under_a_hostile_layer_is_tried_once_and_found_innocent(bench: Bench) -> None:
    for number in range(4):
        with pytest.raises(UndecodableMedia):
            await bench.lay("exit", under="echo mine", transformation=f"w_{number}")
    assert bench.counted.killed == {"crash": 3}
    assert await bench.say("echo mine") == "mine"


async def test_a_hostile_picture_condemns_no_layer(bench: Bench) -> None:
    for number in range(4):
        with pytest.raises(UndecodableMedia):
            await bench.lay("quiet", under="exit", transformation=f"w_{number}")
    assert bench.counted.killed == {"crash": 3}
    assert await bench.lay("quiet", under="echo well") == "well"
