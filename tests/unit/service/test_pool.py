"""The decoder pool with real processes. What a job does is written in its source: see decoder_double.py."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest
import uvloop
from structlog.testing import capture_logs

from domicile.imaging.job import LayerInput, MediaLimits
from domicile.media.errors import (
    BadTransformation,
    LimitExceeded,
    MediaError,
    Overloaded,
    ProcessingFailed,
    UndecodableMedia,
)
from domicile.media.layer import LAYERS_MAX
from domicile.service.pool import DecoderPool
from domicile.service.pool_files import SourceFile
from domicile.service.pool_process import CannotFork
from domicile.service.pool_settings import PoolSettings

from .conftest import DOUBLE, JOB, SETTINGS, Bench, descriptors, opened

FLOOD_SECONDS = 2.0
KILLERS: dict[str, tuple[str, type[MediaError]]] = {
    "segfault": ("crash", UndecodableMedia),
    "exit": ("crash", UndecodableMedia),
    "sleep": ("time_limit", LimitExceeded),
    "spin": ("cpu_limit", LimitExceeded),
    "eat": ("memory", LimitExceeded),
    "eat-shared": ("memory", LimitExceeded),
    "memory-error": ("memory", LimitExceeded),
    "raise": ("handler_failed", ProcessingFailed),
    "own-bug": ("handler_failed", ProcessingFailed),
    "close": ("crash", UndecodableMedia),
    "garbage": ("protocol", UndecodableMedia),
    "flood": ("protocol", UndecodableMedia),
    "html": ("protocol", UndecodableMedia),
    "lie": ("protocol", UndecodableMedia),
}


# --- the two jobs -----------------------------------------------------------------------------------------------------


async def test_a_rendition_comes_back_with_its_body_and_its_times(bench: Bench) -> None:
    rendered = await bench.pool.render(b"echo hello", JOB, tenant="acme")
    assert rendered.body == b"hello"
    assert rendered.done.content_type == "image/png"
    assert 0 <= rendered.queued_seconds < 1
    assert rendered.resident_bytes > 1024**2
    assert bench.counted.jobs == [("render", "png", "done")]


async def test_a_probe_comes_back_with_the_facts(bench: Bench) -> None:
    probed = await bench.pool.probe(b"echo", MediaLimits(), tenant="acme")
    assert probed.done.source.format == "png"
    assert bench.counted.jobs == [("probe", "png", "done")]


async def test_the_job_reaches_the_handler(bench: Bench) -> None:
    assert await bench.say("transformation", transformation="c_scale,w_3") == "c_scale,w_3"


async def test_a_body_larger_than_a_piece_arrives_whole(bench: Bench) -> None:
    body = os.urandom(3 * 1024**2 + 17)
    rendered = await bench.pool.render(b"echo " + body, JOB, tenant="acme")
    assert rendered.body == body


async def test_a_source_may_come_as_an_anonymous_file_which_stays_the_callers(bench: Bench) -> None:
    with SourceFile() as source:
        source.write(b"echo from ")
        source.write(b"a file")
        for _ in range(2):
            assert (await bench.pool.render(source, JOB, tenant="acme")).body == b"from a file"
        with pytest.raises(PermissionError):  # sealed: what was judged is what was decoded
            source.write(b"more")


async def test_an_empty_source_is_handed_on(bench: Bench) -> None:
    with pytest.raises(UndecodableMedia):
        await bench.say("")
    assert bench.counted.killed.total() == 0


@pytest.mark.parametrize(
    "code, error",
    [
        ("undecodable_media", UndecodableMedia),
        ("limit_exceeded", LimitExceeded),
        ("bad_transformation", BadTransformation),
    ],
)
async def test_a_refusal_is_raised_as_its_kind_and_costs_no_process(bench: Bench, code: str, error: type) -> None:
    with pytest.raises(error, match="No, thank you"):
        await bench.say(f"refuse {code}")
    assert bench.counted.killed.total() == 0
    assert bench.counted.jobs == [("render", "", code)]


async def test_a_source_over_the_limit_meets_no_process(bench: Bench) -> None:
    limits = MediaLimits(source_bytes_max=10)
    with pytest.raises(LimitExceeded):
        await bench.pool.probe(b"echo 678901", limits, tenant="acme")
    assert bench.counted.jobs == []


async def test_a_transformation_that_fits_no_message_is_refused(bench: Bench) -> None:
    with pytest.raises(LimitExceeded):
        await bench.say("echo", transformation="x" * 70_000)


async def test_a_rendition_over_the_limit_is_refused_and_costs_no_process(bench: Bench) -> None:
    assert len(await bench.say(f"huge {4 * 1024**2}")) == 4 * 1024**2
    with pytest.raises(LimitExceeded):
        await bench.say(f"huge {4 * 1024**2 + 1}")
    assert bench.counted.killed.total() == 0


async def test_a_service_wide_sigterm_lets_the_running_job_finish(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.say("nap 0.3"))
        await asyncio.sleep(0.1)
        for pid in (bench.zygote(), *bench.decoders()):
            os.kill(pid, signal.SIGTERM)
    assert int(running.result()) > 0
    assert bench.counted.killed.total() == 0


# --- walls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    ["socket", "read", "write /tmp/domicile-escape", "fork", "exec", "kill", "memfd", "executable"],
)
async def test_a_decoder_cannot_get_out(bench: Bench, attempt: str) -> None:
    if not (bench.pool.layers["seccomp"] and bench.pool.layers["landlock"]):
        pytest.skip("this machine cannot give seccomp and Landlock")
    assert await bench.say(f"try-{attempt}") == "refused 1"
    assert await bench.say("thread") == "thread"


async def test_a_decoder_inherits_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOMICILE_SECRET", "hunter2")
    async with opened() as other:
        assert "DOMICILE" not in await other.say("surroundings")
        pid = int(await other.say("pid"))
        if os.geteuid() == 0:
            assert len(os.listdir(f"/proc/{pid}/fd")) == 4  # and the job socket
            assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)} == {"/dev/null"}
        else:  # not dumpable: its user may not look into it either
            with pytest.raises(PermissionError):
                os.listdir(f"/proc/{pid}/fd")
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(ours + 10, 19)  # nothing is nicer than 19
        assert other.pool.layers["niceness"]
        if Path("/proc/self/autogroup").exists():
            assert Path(f"/proc/{other.zygote()}/autogroup").read_text().endswith(" nice 10\n")
    assert "'RLIMIT_CORE': 0" in await bench.say("limits")


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", KILLERS)
async def test_a_killer_costs_one_process_once_and_the_pool_still_serves(word: str) -> None:
    reason, error = KILLERS[word]
    async with opened(job_seconds_max=0.5 if reason == "time_limit" else 60.0, cpu_seconds_max=1) as bench:
        before = bench.only_decoder()
        for _ in range(3):
            with pytest.raises(error):
                await bench.say(word)
        assert bench.counted.killed == {reason: 1}
        assert [outcome for _, _, outcome in bench.counted.jobs] == [reason, "known_killer", "known_killer"]
        assert int(await bench.say("pid")) != before
        await _until(lambda: not psutil.pid_exists(before))


async def test_a_killer_is_known_by_source_and_job_together(bench: Bench) -> None:
    with pytest.raises(UndecodableMedia):
        await bench.say("exit")
    with pytest.raises(UndecodableMedia):
        await bench.say("exit", transformation="w_2")
    with pytest.raises(UndecodableMedia):
        await bench.say("exit", transformation="w_2")
    assert bench.counted.killed == {"crash": 2}
    assert await bench.say("echo") == ""  # as long as the killer, and another source


async def test_a_bug_of_ours_is_logged_with_its_place_and_nothing_of_its_text(bench: Bench) -> None:
    with capture_logs() as logs, pytest.raises(ProcessingFailed) as told:
        await bench.say("own-bug")
    (line,) = [line for line in logs if line["event"] == "decoder_handler_failed"]
    assert line["error"] == "PermissionError"
    assert line["where"].startswith("imaging/worker.py:")
    assert "must not travel" not in str(logs) + told.value.message


async def test_processor_seconds_are_limited_inside_too() -> None:
    async with opened(cpu_seconds_max=1, job_seconds_max=60.0) as bench:
        bench.pool._bounds = replace(bench.pool._bounds, cpu_seconds_max=1000)
        with pytest.raises(UndecodableMedia):
            await bench.say("spin")
        assert bench.counted.killed == {"crash": 1}
        assert await bench.say("echo on") == "on"


async def test_a_refusal_cannot_write_headers(bench: Bench) -> None:
    with pytest.raises(UndecodableMedia, match=r"^a\?\?Set-Cookie: b$"):
        await bench.say("header")


async def test_other_jobs_go_on_while_one_is_killed() -> None:
    async with opened(processes=2, job_seconds_max=1.0) as bench, asyncio.TaskGroup() as group:
        with_nap = group.create_task(bench.say("nap 0.6"))
        with pytest.raises(UndecodableMedia):
            await bench.say("exit")
        assert int(await with_nap) > 0


async def test_the_loop_is_not_held_up(bench: Bench) -> None:
    late = 0.0

    async def tick() -> None:
        nonlocal late
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            late = max(late, time.monotonic() - before - 0.005)

    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(tick())
        await bench.say("nap 0.5")
        ticking.cancel()
    assert late < 0.25  # a job of half a second does not run here


# --- cancelling -------------------------------------------------------------------------------------------------------


async def test_cancelling_a_running_job_ends_its_process_and_blames_nobody(bench: Bench) -> None:
    victim = int(await bench.say("pid"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await bench.say("sleep")
    assert bench.counted.killed == {"cancelled": 1}
    assert await bench.say("echo on") == "on"
    assert not psutil.pid_exists(victim)
    with pytest.raises(TimeoutError):  # not remembered: it runs again
        async with asyncio.timeout(0.1):
            await bench.say("sleep")


async def test_cancelling_at_any_moment_leaks_nothing() -> None:
    async with opened(processes=2) as bench:
        await bench.say("pid")
        open_before = descriptors()
        for number in range(60):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(number * 0.0002):
                    await bench.say("sleep", tenant=f"t{number % 3}")
        bench.pool.retire()
        assert await bench.say("echo on", tenant="last") == "on"
        await _until(lambda: len(bench.decoders()) == 1)
        assert descriptors() == open_before


# --- queue ------------------------------------------------------------------------------------------------------------


async def test_a_full_queue_is_overload_at_once_and_waiting_is_measured() -> None:
    async with opened(queue_length_max=1) as bench, asyncio.TaskGroup() as group:
        await bench.say("pid")
        first = group.create_task(bench.say("nap 0.4"))
        await asyncio.sleep(0.1)
        second = group.create_task(bench.pool.render(b"echo 2", JOB, tenant="acme"))
        await asyncio.sleep(0.05)
        assert bench.pool._line.waiting == 1
        started = time.monotonic()
        with pytest.raises(Overloaded):
            await bench.say("echo 3")
        assert time.monotonic() - started < 0.1
        assert int(await first) > 0
        assert 0.15 < (await second).queued_seconds < 1
    assert max(bench.counted.depths) == 1
    assert bench.counted.depths[-1] == 0


async def test_a_flood_of_one_cloud_costs_another_one_turn_and_not_all() -> None:
    """With real processes: forty jobs wait, and the other cloud's only one is the next to start."""
    async with opened(queue_length_max=64, queue_length_tenant_max=40) as bench, asyncio.TaskGroup() as group:
        order: list[str] = []

        async def ask(tenant: str, seconds: float = 0.02) -> None:
            await bench.say(f"nap {seconds}", tenant=tenant)
            order.append(tenant)

        for number in range(41):  # none of them has ended before the other cloud comes
            group.create_task(ask("flood", FLOOD_SECONDS if number == 0 else 0.02))
        async with asyncio.timeout(FLOOD_SECONDS):
            while bench.pool._line.waiting < 40:
                await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await asyncio.gather(*(bench.say("echo", tenant="flood") for _ in range(5)))
        group.create_task(ask("lone"))
    assert order.index("lone") <= 4
    assert bench.counted.turned_away.keys() == {"tenant"}
    assert len(bench.counted.waits) >= 42
    assert max(bench.counted.depths) == 41


async def test_pixels_in_work_are_bounded_and_what_is_larger_works_alone() -> None:
    async with opened(processes=3, pixels_in_work_max=10_000_000) as bench:
        for pixels, together in ((3_000_000, 3), (5_000_000, 2), (50_000_000, 1)):
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(bench.pool.render(b"nap 0.2", JOB, tenant="acme", pixels=pixels))
                await asyncio.sleep(0.1)
                assert bench.pool._line.working == together


async def test_a_probe_counts_for_as_much_as_its_length_lets_fear() -> None:
    async with opened(processes=2, pixels_in_work_max=10_000_000) as bench, asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(bench.pool.probe(b"nap 0.2" + b" " * 2_000_000, MediaLimits(), tenant="acme"))
        await asyncio.sleep(0.1)
        assert (bench.pool._line.working, bench.pool._line.waiting) == (1, 1)


async def test_waiting_too_long_is_overload() -> None:
    async with opened(queue_seconds_max=0.1) as bench, asyncio.TaskGroup() as group:
        group.create_task(bench.say("nap 0.6"))
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded):
            await bench.say("echo")
        assert bench.pool._line.waiting == 0


async def test_never_more_processes_than_set() -> None:
    async with opened(processes=2, queue_length_max=100) as bench, asyncio.TaskGroup() as group:
        tasks = [group.create_task(bench.say("nap 0.02", tenant=f"t{number % 5}")) for number in range(30)]
        most = 0
        while not all(task.done() for task in tasks):
            most = max(most, len(bench.pool._decoders._busy) + len(bench.pool._decoders._idle))
            await asyncio.sleep(0.001)
    assert most == 2


# --- one tenant between two recycles ----------------------------------------------------------------------------------


async def test_a_process_serves_one_tenant_only(bench: Bench) -> None:
    pids = [await bench.say("pid", tenant=tenant) for tenant in ("acme", "acme", "bolt", "bolt", "acme")]
    assert pids[0] == pids[1]
    assert pids[2] == pids[3]
    assert len({pids[0], pids[2], pids[4]}) == 3


async def test_tenants_keep_their_processes_while_there_is_room() -> None:
    async with opened(processes=2) as bench:
        pids = [await bench.say("pid", tenant=tenant) for tenant in ("acme", "bolt", "acme", "bolt")]
    assert pids[:2] == pids[2:]
    assert pids[0] != pids[1]


async def test_a_process_is_replaced_after_its_jobs() -> None:
    async with opened(jobs_per_process_max=2) as bench:
        pids = [await bench.say("pid") for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert bench.counted.killed.total() == 0


async def test_an_idle_process_ends() -> None:
    async with opened(idle_seconds_max=0.1) as bench:
        pid = int(await bench.say("pid"))
        await _until(lambda: pid not in bench.decoders())
        assert await bench.say("echo on") == "on"


async def test_after_an_erase_the_tenants_processes_go() -> None:
    async with opened(processes=2) as bench:
        acme, bolt = int(await bench.say("pid", tenant="acme")), int(await bench.say("pid", tenant="bolt"))
        bench.pool.retire("acme")
        await _until(lambda: acme not in bench.decoders())
        assert int(await bench.say("pid", tenant="bolt")) == bolt
        async with asyncio.TaskGroup() as group:
            working = group.create_task(bench.say("nap 0.2", tenant="bolt"))
            await asyncio.sleep(0.1)
            bench.pool.retire("bolt")
        assert int(working.result()) == bolt
        await _until(lambda: bolt not in bench.decoders())


async def test_switching_tenants_forks_one_zygote_and_starts_no_interpreter(bench: Bench) -> None:
    zygote = bench.pool._decoders._zygote
    pids = [int(await bench.say("pid", tenant=str(number))) for number in range(20)]
    assert len(set(pids)) == 20
    assert bench.pool._decoders._zygote is zygote
    assert bench.counted.killed.total() == 0


# --- life -------------------------------------------------------------------------------------------------------------


async def test_closing_leaves_no_process_and_no_descriptor() -> None:
    async with opened():  # what the interpreter opens once is open now
        pass
    before, children = descriptors(), psutil.Process().children(recursive=True)
    async with opened(processes=2, job_seconds_max=0.3) as bench:
        zygote = bench.zygote()
        pids = {int(await bench.say("pid", tenant=str(number))) for number in range(3)}
        for word in ("exit", "sleep", "garbage"):
            with pytest.raises((UndecodableMedia, LimitExceeded)):
                await bench.say(word)
        pids |= bench.decoders()
    assert not [pid for pid in {zygote, *pids} if psutil.pid_exists(pid)]
    assert psutil.Process().children(recursive=True) == children
    assert descriptors() == before


async def test_closing_ends_running_jobs_as_overload() -> None:
    async with opened() as bench, asyncio.TaskGroup() as group:
        running = group.create_task(_overloaded(bench.say("sleep")))
        waiting = group.create_task(_overloaded(bench.say("echo")))
        await asyncio.sleep(0.1)
        pids = bench.decoders()
        await bench.pool.close()
        assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert running.result()
    assert waiting.result()
    with pytest.raises(Overloaded):
        await bench.say("echo")


async def test_a_lost_zygote_is_replaced_and_no_input_is_blamed(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_overloaded(bench.say("nap 3")))
        await asyncio.sleep(0.1)
        os.kill(bench.zygote(), signal.SIGKILL)
    assert running.result()
    assert int(await bench.say("nap 0")) > 0
    assert len(bench.pool._killers) == 0


async def test_all_ends_when_the_serving_process_is_killed() -> None:
    script = f"""
import asyncio, sys
from pathlib import Path
from domicile.media.layer import LAYERS_MAX
from domicile.service.pool import DecoderPool
from domicile.service.pool_settings import PoolSettings
from tests.unit.service.conftest import JOB
async def main():
    pool = DecoderPool(PoolSettings(processes=1), handlers=Path({str(DOUBLE)!r}))
    await pool.start()
    pid = (await pool.render(b"pid", JOB, tenant="t")).body.decode()
    print(pool._decoders._zygote._process.pid, pid, flush=True)
    await pool.render(b"spin", JOB, tenant="t")
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=DOUBLE.parents[3]) as serving:
        assert serving.stdout is not None
        words: list[str] = []
        for line in serving.stdout:  # a log line may come first
            words = line.decode().split()
            if len(words) == 2 and words[0].isdigit():
                break
        await asyncio.sleep(0.2)
        assert all(psutil.pid_exists(int(word)) for word in words)
        serving.kill()
    await _until(lambda: not any(_lives(int(word)) for word in words))


async def test_a_required_layer_that_does_not_hold_stops_the_start() -> None:
    before = psutil.Process().children(recursive=True)
    with pytest.raises(CannotFork, match="moat"):
        async with opened(layers_required=("no_new_privs", "moat")):
            pass
    assert psutil.Process().children(recursive=True) == before


async def test_handlers_that_cannot_be_loaded_stop_the_start(capfd: pytest.CaptureFixture[str]) -> None:
    pool = DecoderPool(PoolSettings(**SETTINGS), handlers=DOUBLE.with_name("absent.py"))
    with pytest.raises(CannotFork):
        await pool.start()
    assert "absent.py" in capfd.readouterr().err


def test_the_pool_works_under_uvloop() -> None:
    async def story() -> None:
        async with opened(processes=2, job_seconds_max=0.5) as bench:
            assert await bench.say("echo on") == "on"
            for word in ("segfault", "sleep"):
                with pytest.raises((UndecodableMedia, LimitExceeded)):
                    await bench.say(word)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await bench.say("nap 3")
            assert await bench.say("echo on") == "on"

    uvloop.run(story())


def test_the_pool_works_from_a_thread_among_threads() -> None:
    said: list[str] = []
    stop = threading.Event()
    others = [threading.Thread(target=stop.wait) for _ in range(4)]

    async def story() -> None:
        async with opened() as bench:
            said.append(await bench.say("echo on"))

    serving = threading.Thread(target=lambda: asyncio.run(story()))
    for thread in (*others, serving):
        thread.start()
    serving.join()
    stop.set()
    for thread in others:
        thread.join()
    assert said == ["on"]


def test_the_serving_side_imports_no_picture_library() -> None:
    script = "import sys, domicile.service.pool; print([n for n in ('PIL', 'numpy', 'simplejpeg') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=DOUBLE.parents[3])
    assert done.stdout.strip() == b"[]"


def test_half_the_processors_are_the_default() -> None:
    assert PoolSettings().processes_or_default() == max(1, len(os.sched_getaffinity(0)) // 2)
    assert PoolSettings(processes=7).processes_or_default() == 7


async def _overloaded(answer) -> bool:
    with pytest.raises(Overloaded):
        await answer
    return True


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _until(holds) -> None:
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.02)
    pytest.fail("did not come true in four seconds")


# --- several bodies, and whose fault it is ----------------------------------------------------------------------------


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
