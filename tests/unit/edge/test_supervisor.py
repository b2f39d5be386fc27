"""Children of a node are kept running, freed of their slot, given up when they cannot run, and stopped in order."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from domicile.service.settings import BadSetting
from edge import children, messages, restart, supervisor
from edge.children import BAD_SETTING, SOON_ENDS_MAX, Child, GivenUp
from edge.frames import Frames
from edge.page import SharedPage
from edge.settings import EdgeSettings, NodeSettings, OriginSettings
from edge.sockets import Sockets
from edge.supervisor import refuse_foreign_packages

ROOT = Path(__file__).parents[3]
SECONDS_MAX = 20.0


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "PAUSE_SECONDS_MIN", 0.001)
    monkeypatch.setattr(children, "PAUSE_SECONDS_MAX", 0.001)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[SharedPage]:
    made = SharedPage.create(tmp_path / "page", workers=1)
    yield made
    made.close()


class Kept:
    """A child whose starts are counted: each writes a line."""

    def __init__(self, directory: Path, page: SharedPage, code: str, *, slot: int | None = None) -> None:
        self._starts = directory / "starts"
        script = f"echo $$ >> {self._starts}; {code}"
        self.child = Child("child", ["sh", "-c", script], page, slot)
        self.keeping = asyncio.get_running_loop().create_task(self.child.keep())

    def pids(self) -> list[int]:
        return [int(line) for line in self._starts.read_text().split()] if self._starts.exists() else []

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while not true():
                await asyncio.sleep(0.005)


async def test_a_child_that_ends_is_started_again_and_its_slot_is_free_meanwhile(
    tmp_path: Path, page: SharedPage
) -> None:
    kept = Kept(tmp_path, page, "exec sleep 600", slot=0)
    await kept.until(lambda: len(kept.pids()) == 1)
    page.slots[0].claim(kept.pids()[0], boot=5)
    os.kill(kept.pids()[0], 9)
    await kept.until(lambda: len(kept.pids()) == 2)
    assert (page.slots[0].pid, page.slots[0].boot) == (0, 0)
    await kept.child.stop(SECONDS_MAX)
    await kept.keeping
    assert len(kept.pids()) == 2


async def test_a_child_that_ends_at_once_again_and_again_is_given_up(tmp_path: Path, page: SharedPage) -> None:
    kept = Kept(tmp_path, page, "exit 1")
    with pytest.raises(GivenUp, match="child ended with 1"):
        await kept.keeping
    assert len(kept.pids()) == SOON_ENDS_MAX + 1
    assert kept.child.ended.is_set()


async def test_a_child_that_cannot_be_started_is_tried_again_before_it_is_given_up(page: SharedPage) -> None:
    with pytest.raises(GivenUp, match="child ended with"):
        await Child("child", ["./no-such-python"], page, None).keep()


async def test_one_that_ran_for_a_while_before_is_not(
    tmp_path: Path, page: SharedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "SOON_SECONDS", 0.0)
    kept = Kept(tmp_path, page, "exit 1")
    await kept.until(lambda: len(kept.pids()) > SOON_ENDS_MAX + 2)
    await kept.child.stop(SECONDS_MAX)
    await kept.keeping


async def test_a_child_with_a_bad_setting_is_not_tried_twice(tmp_path: Path, page: SharedPage) -> None:
    kept = Kept(tmp_path, page, f"exit {BAD_SETTING}")
    with pytest.raises(GivenUp):
        await kept.keeping
    assert len(kept.pids()) == 1


async def test_a_child_that_does_not_heed_the_request_to_end_is_killed(tmp_path: Path, page: SharedPage) -> None:
    deaf = tmp_path / "deaf"
    kept = Kept(tmp_path, page, f"trap '' TERM; echo $$ >> {deaf}; while :; do sleep 1; done")
    await kept.until(deaf.exists)
    await kept.child.stop(0.2)
    await kept.keeping
    with pytest.raises(ProcessLookupError):
        os.kill(kept.pids()[0], 0)


async def test_a_cancelled_keeper_leaves_no_process(tmp_path: Path, page: SharedPage) -> None:
    kept = Kept(tmp_path, page, "exec sleep 600")
    await kept.until(lambda: len(kept.pids()) == 1)
    kept.keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kept.keeping
    assert kept.child._process is not None
    assert await kept.child._process.wait() == -9


# --- whose code it is -----------------------------------------------------------------------------------------------


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A working directory that has packages of our names in it; each leaves a trace when it is run or imported."""
    for name in ("edge", "origin", "domicile"):
        package = tmp_path / "foreign" / name
        package.mkdir(parents=True)
        for file in ("__init__.py", "__main__.py"):
            (package / file).write_text(
                f"open({str(tmp_path / 'trace')!r}, 'a').write({name!r})\nraise SystemExit(7)\n"
            )
    return tmp_path / "foreign"


def test_the_command_of_a_child_runs_our_code_wherever_it_stands(foreign: Path) -> None:
    command = [*supervisor._ours(), "--help"]
    done = subprocess.run(
        command, cwd=foreign, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "One edge node of Domicile" in done.stdout) == (0, True), done.stderr
    assert not (foreign.parent / "trace").exists()


def test_packages_of_our_names_on_the_path_are_refused(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_foreign_packages()
    monkeypatch.setattr(supervisor, "_home_of", lambda name: foreign if name == "origin" else ROOT)
    with pytest.raises(BadSetting, match="'origin'"):
        refuse_foreign_packages()


def test_a_second_node_in_the_same_run_directory_is_refused(tmp_path: Path) -> None:
    with (
        supervisor._run_directory(tmp_path / "run"),
        pytest.raises(BadSetting, match="in use"),
        supervisor._run_directory(tmp_path / "run"),
    ):
        raise AssertionError("two nodes in one directory")


def test_a_port_that_is_taken_is_refused_with_its_setting(tmp_path: Path) -> None:
    free = EdgeSettings(data_dir=tmp_path, listen="127.0.0.1:0")
    with Sockets.opened(free) as sockets:
        taken = EdgeSettings(data_dir=tmp_path, listen=f"127.0.0.1:{sockets.port}")
        with pytest.raises(BadSetting, match=r"edge\.listen"), Sockets.opened(taken):
            raise AssertionError("two nodes on one port")


async def test_a_restart_stops_before_its_workers_when_the_agent_does_not_take_the_settings(tmp_path: Path) -> None:
    before = EdgeSettings(data_dir=tmp_path, run_dir=tmp_path, node=NodeSettings(drain_seconds_max=1.0))
    after = EdgeSettings(data_dir=tmp_path, run_dir=tmp_path, node=NodeSettings(drain_seconds_max=2.0))
    answers: list[messages.Answer] = [
        messages.Failed(code="bad_request", message="no such file"),
        messages.Yes(ok=True),
    ]

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames: Frames[messages.Upward, messages.Downward] = Frames(reader, writer, messages.Upward)
        asked = await frames.receive()
        assert isinstance(asked, messages.Call)
        assert asked.request == messages.Renew()
        await frames.send(messages.Reply(id=asked.id, answer=answers.pop(0)))
        frames.close()

    nothing: Any = None
    made = supervisor._Node(
        settings=before, load=lambda: after, passed_on=[], page=nothing, sockets=nothing, agent=nothing, workers=[]
    )
    with pytest.raises(restart.Refused, match="the agent does not answer"):
        await made.renew()
    async with await asyncio.start_unix_server(agent, before.agent_socket):
        with pytest.raises(restart.Refused, match="no such file"):
            await made.renew()
        assert made.settings is before
        await made.renew()
    assert made.settings is after, "how long it waits for workers to end, for one"


def test_what_a_process_that_runs_cannot_take_over_is_named(tmp_path: Path) -> None:
    now = EdgeSettings(data_dir=tmp_path, workers=2)
    restart.check(now, EdgeSettings(data_dir=tmp_path, workers=2, log_level="debug"))
    with pytest.raises(restart.Refused, match=r"^edge\.region, edge\.workers changed: that takes a stop and a start$"):
        restart.check(now, EdgeSettings(data_dir=tmp_path, workers=3, region="eu-fr"))


# --- a restart --------------------------------------------------------------------------------------------------------


async def test_a_child_is_replaced_at_once_and_that_is_no_failure(
    tmp_path: Path, page: SharedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "PAUSE_SECONDS_MIN", SECONDS_MAX)
    monkeypatch.setattr(children, "PAUSE_SECONDS_MAX", SECONDS_MAX)
    kept = Kept(tmp_path, page, "exec sleep 600")

    def runs(starts: int) -> bool:
        process, pids = kept.child._process, kept.pids()
        return process is not None and len(pids) == starts and process.pid == pids[-1]

    for starts in (1, 2, 3):
        await kept.until(partial(runs, starts))
        await kept.child.replace(SECONDS_MAX)
    await kept.until(lambda: len(kept.pids()) == 4)
    await kept.child.stop(SECONDS_MAX)
    await kept.keeping


async def test_a_child_leaves_by_itself_and_is_told_to_stop_when_its_time_is_over_or_somebody_is_in_a_hurry(
    tmp_path: Path, page: SharedPage
) -> None:
    told, may_go, hurry = tmp_path / "told", tmp_path / "may-go", asyncio.Event()
    trap = f"trap 'echo leave >> {told}' USR1; trap 'echo stop >> {told}; exit' TERM; echo ready >> {told}"
    kept = Kept(tmp_path, page, f"{trap}; while ! test -e {may_go}; do sleep 0.02; done; rm {may_go}")

    def heard() -> list[str]:
        return told.read_text().split() if told.exists() else []

    def has_heard(*words: str) -> bool:
        """By now; and the last of them is known to its keeper."""
        process, pids = kept.child._process, kept.pids()
        return heard() == list(words) and process is not None and process.pid == pids[-1]

    await kept.until(lambda: has_heard("ready"))
    leaving = asyncio.create_task(kept.child.replace(SECONDS_MAX, leave_seconds_max=SECONDS_MAX, hurry=hurry))
    await kept.until(lambda: has_heard("ready", "leave"))
    assert len(kept.pids()) == 1, "its successor waits"
    may_go.touch()
    await leaving
    await kept.until(lambda: has_heard("ready", "leave", "ready"))
    told.write_text("")
    leaving = asyncio.create_task(kept.child.replace(SECONDS_MAX, leave_seconds_max=SECONDS_MAX, hurry=hurry))
    await kept.until(lambda: has_heard("leave"))
    hurry.set()
    await leaving
    await kept.until(lambda: has_heard("leave", "stop", "ready"))
    told.write_text("")
    await kept.child.replace(SECONDS_MAX, leave_seconds_max=SECONDS_MAX, hurry=hurry)
    await kept.until(lambda: has_heard("stop", "ready"))
    told.write_text("")
    hurry.clear()
    await kept.child.replace(SECONDS_MAX, leave_seconds_max=0.001, hurry=hurry)
    await kept.until(lambda: heard()[-2:] == ["stop", "ready"])
    await kept.child.stop(SECONDS_MAX)
    await kept.keeping


@pytest.mark.parametrize("code", [1, BAD_SETTING])
async def test_a_successor_that_cannot_run_is_tried_until_it_can_and_ends_no_node(
    tmp_path: Path, page: SharedPage, code: int
) -> None:
    spoilt = tmp_path / "certificate.pem"
    kept = Kept(tmp_path, page, f"test -e {spoilt} && exit {code}; exec sleep 600", slot=0)
    await kept.until(lambda: len(kept.pids()) == 1)
    spoilt.touch()
    await kept.child.replace(SECONDS_MAX)
    await kept.until(lambda: kept.keeping.done() or len(kept.pids()) > SOON_ENDS_MAX + 3)
    assert not kept.keeping.done()
    spoilt.unlink()
    await kept.child.stop(SECONDS_MAX)
    await kept.keeping


async def test_what_cannot_change_under_way_or_cannot_be_read_refuses_a_restart(tmp_path: Path) -> None:
    settings = EdgeSettings(data_dir=tmp_path, workers=2)
    other = {**restart.fixed(settings), "edge.workers": "3", "the code": "another"}
    with pytest.raises(restart.Refused, match=r"^edge\.workers, the code changed"):
        await restart.look(["echo", json.dumps(other)], settings)
    with pytest.raises(restart.Refused, match="no such setting"):
        await restart.look(["sh", "-c", "echo no such setting >&2; exit 2"], settings)
    await restart.look(["echo", json.dumps(restart.fixed(settings))], settings)


def test_the_origin_is_the_agents_too_and_does_not_change_under_way(tmp_path: Path) -> None:
    """Its lease and journal are one origin's: what workers would read at another, no purge of that one would reach."""
    before, after = (
        restart.fixed(EdgeSettings(data_dir=tmp_path, workers=2, origin=OriginSettings(base=base)))
        for base in ("unix:/run/one.sock", "unix:/run/two.sock")
    )
    assert restart.differing(before, after) == ("edge.origin.base",)


@pytest.mark.parametrize("command", [["./no-such-python"], ["echo", "a line of a library"], ["echo", "[]"]])
async def test_a_new_code_that_cannot_even_be_started_refuses_a_restart(tmp_path: Path, command: list[str]) -> None:
    with pytest.raises(restart.Refused):
        await restart.look(command, EdgeSettings(data_dir=tmp_path))


async def test_a_restart_stops_at_a_worker_that_does_not_come_up(tmp_path: Path, page: SharedPage) -> None:
    settings = EdgeSettings(data_dir=tmp_path, node=NodeSettings(replace_seconds_max=0.1, drain_seconds_max=1.0))
    kept = Kept(tmp_path, page, "exec sleep 600", slot=0)
    untouched = Child("untouched", ["false"], page, 0)
    await kept.until(lambda: len(kept.pids()) == 1)
    with pytest.raises(restart.Refused, match="child did not come up again"):
        await restart.replace_all([kept.child, untouched], page, settings, leave=0.0, hurry=asyncio.Event())
    await kept.child.stop(SECONDS_MAX)
    await kept.keeping
