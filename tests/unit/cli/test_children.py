"""Tiers are waited for, watched and drained; a tier that ends by itself is told, and nothing outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domicile.cli.children import Child, Signals, Stopped, check_alive, end_all, wait_ready, watch
from domicile.cli.failure import Failure

GOOD = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("chatter", flush=True)
print('{"event": "good_ready", "port": 1}', flush=True)
time.sleep(60)
"""
STUBBORN = GOOD.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN").replace("good_ready", "ready")

Start = Callable[[str, str], Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    children: list[Child] = []

    def run(name: str, source: str) -> Child:
        (tmp_path / f"{name}.py").write_text(source, "utf-8")
        children.append(Child.start(name, config=None, environment={"PYTHONPATH": str(tmp_path)}))
        return children[-1]

    yield run
    for child in children:
        child.process.kill()
        child.process.wait()
        assert child.process.stdout is not None
        child.process.stdout.close()


def wait(child: Child, signals: Signals | None = None, *, seconds_max: float = 10) -> None:
    wait_ready(child, [], seconds_max=seconds_max, signals=signals or Signals())


def test_a_ready_line_is_taken_and_the_rest_is_handed_on(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    child = start("good", GOOD)
    wait(child)
    assert child.ready == {"event": "good_ready", "port": 1}
    assert end_all([child], seconds_max=5, signals=Signals()) == []
    assert child.exit_code == 0
    assert "chatter" in capfd.readouterr().err


@pytest.mark.parametrize("code, ours", [(1, 1), (2, 2), (3, 1)])
def test_a_tier_that_ends_early_is_a_failure_and_bad_configuration_stays_2(start: Start, code: int, ours: int) -> None:
    child = start("early", f"raise SystemExit({code})")
    with pytest.raises(Failure, match=f"the early ended with exit code {code}") as failed:
        wait(child)
    assert failed.value.code == ours


def test_a_tier_that_is_killed_is_named_with_the_signal(start: Start) -> None:
    child = start("good", GOOD)
    wait(child)
    child.process.kill()
    child.process.wait()
    with pytest.raises(Failure, match="the good was ended by SIGKILL"):
        check_alive([child])
    with pytest.raises(Failure, match="SIGKILL"):
        watch([child], Signals())


def test_waiting_ends_with_the_named_limit(start: Start) -> None:
    with pytest.raises(Failure, match=r"not ready after 0\.3 s"):
        wait(start("slow", "import time; time.sleep(60)"), seconds_max=0.3)


def test_a_signal_ends_the_waiting(start: Start) -> None:
    signals = Signals()
    signals.count = 1
    with pytest.raises(Stopped):
        wait(start("slow", "import time; time.sleep(60)"), signals)


def test_a_tier_that_does_not_drain_is_killed_and_named(start: Start) -> None:
    child = start("stubborn", STUBBORN)
    wait(child)
    assert end_all([child], seconds_max=0.2, signals=Signals()) == ["stubborn"]
    assert child.exit_code == -signal.SIGKILL


def test_a_second_signal_hurries(start: Start) -> None:
    child, signals = start("stubborn", STUBBORN), Signals()
    wait(child)
    signals.count = 2
    began = time.monotonic()
    end_all([child], seconds_max=30, signals=signals)
    assert time.monotonic() - began < 10


def test_a_tier_leads_its_own_group_in_our_session(start: Start) -> None:
    child = start("good", GOOD)
    wait(child)
    assert os.getpgid(child.process.pid) == child.process.pid
    assert os.getsid(child.process.pid) == os.getsid(0)


def test_tiers_end_when_we_are_killed(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD, "utf-8")
    parent = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            (
                "import time\n"
                "from domicile.cli.children import Child\n"
                f"child = Child.start('good', config=None, environment={{'PYTHONPATH': {str(tmp_path)!r}}})\n"
                "while not child.is_ready: time.sleep(0.05)\n"
                "print(child.process.pid, flush=True); time.sleep(60)"
            ),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
