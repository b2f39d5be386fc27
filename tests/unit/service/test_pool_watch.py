"""Gauges of a process, read from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from domicile.service import pool_watch
from domicile.service.pool_watch import Gauges, out_of_memory_kills


def test_a_process_is_seen_to_compute_and_to_hold_memory() -> None:
    gauges = Gauges(os.getpid())
    before, _ = gauges.activity()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    after, is_runnable = gauges.activity()
    gauges.close()
    assert after - before >= 0.08
    assert is_runnable
    assert gauges.resident_bytes() == 0  # closed
    assert gauges.activity() == (0.0, False)


def test_a_process_that_sleeps_wants_nothing_and_one_that_ended_is_not_mistaken_for_its_successor() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"], stdout=-1
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        gauges = Gauges(child.pid)
        while psutil.Process(child.pid).status() != psutil.STATUS_SLEEPING:
            pass
        assert not gauges.activity()[1]
        assert gauges.resident_bytes() > 1024**2
        child.kill()
    assert gauges.resident_bytes() == 0
    assert gauges.activity() == (0.0, False)
    gauges.close()


def test_the_kernels_own_kills_are_counted_where_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_watch, "_VMSTAT", tmp_path / "vmstat")
    assert out_of_memory_kills() == 0
    (tmp_path / "vmstat").write_text("nr_free 5\noom_kill 17\n")
    assert out_of_memory_kills() == 17
