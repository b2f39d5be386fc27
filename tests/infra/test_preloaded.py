"""An origin that is forked is one: it says that it is ready, answers, ends in order, and tells how it ended."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.infra import preloaded
from tests.integration.origin_process import OriginProcess, running_origin


def test_it_runs_with_its_own_environment_and_ends_in_order(tmp_path: Path) -> None:
    with running_origin(tmp_path, DOMICILE_ORIGIN_DEMO="false") as origin:
        assert isinstance(origin.process, preloaded.Preloaded)
        assert origin.process.poll() is None
        assert origin.request("GET", "/healthz").status == 200
        assert not (origin.data / "cloudinary-url").exists(), "that is what this variable says"
        with pytest.raises(subprocess.TimeoutExpired):
            origin.process.wait(0.01)
        assert origin.stop() == 0
        assert "origin_stopped" in origin.log.read_text("utf-8")


def test_it_says_in_its_log_what_is_wrong_and_another_one_starts_all_the_same(tmp_path: Path) -> None:
    for port, code in (("nowhere", 2), ("127.0.0.1:0", -signal.SIGKILL)):
        with (tmp_path / "log").open("wb") as log:
            process = preloaded.origin(
                {"DOMICILE_ORIGIN_LISTEN": port, "DOMICILE_ORIGIN_RECORDS_DATA": str(tmp_path / "data")}, log
            )
        assert process.stdout is not None
        with process.stdout as said:
            if code == 2:
                assert said.read() == b""
            else:
                assert said.readline()
                process.kill()
        assert (process.wait(30), process.poll()) == (code, code)
        assert not psutil.pid_exists(process.pid)
        assert ("'nowhere' is not HOST:PORT" in (tmp_path / "log").read_text("utf-8")) is (code == 2)


def test_one_that_begins_anew_is_a_command_of_its_own(tmp_path: Path) -> None:
    origin = OriginProcess(tmp_path, {}, anew=True)
    with (tmp_path / "log").open("wb") as log:
        process = origin._begun({"DOMICILE_ORIGIN_LISTEN": "nowhere"}, log)
    assert isinstance(process, subprocess.Popen)
    assert process.communicate(timeout=50)[0] == b""
    assert process.returncode == 2
