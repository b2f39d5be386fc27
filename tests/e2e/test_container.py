"""`domicile serve` starts, serves and stops with nothing writable but what the compose file mounts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.infra import confine
from tests.infra.container import Image, mounts
from tests.infra.ports import free_port

READY_SECONDS_MAX = 60


@pytest.fixture
def root() -> Iterator[Path]:
    """A root directory with the volumes, as a new container finds them."""
    place = Path(tempfile.mkdtemp(prefix="root-", dir="/tmp"))
    for mount in mounts():
        inside = place / mount.relative_to("/")
        inside.mkdir(parents=True)
        inside.chmod(0o700)
    yield place
    shutil.rmtree(place)


@contextmanager
def started(root: Path, writable: list[Path]) -> Iterator[subprocess.Popen[str]]:
    moved = [str(root / path.relative_to("/")) for path in writable]
    command = Image.read().command
    assert command[:2] == ["domicile", "serve"]
    command[command.index("--data") + 1] = str(root / Image.read().data.relative_to("/"))
    for option in ("--edge", "--api"):
        command[command.index(option) + 1] = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            sys.executable,
            confine.__file__,
            *moved,
            "/dev",
            "--",
            sys.executable,
            "-m",
            "domicile.cli.main",
            *command[1:],
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(root / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        process.communicate(timeout=40)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Lines up to the one with `text`, or to the end."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            break
    return said


@pytest.mark.timeout(READY_SECONDS_MAX + 60)
def test_the_mounts_of_the_compose_file_are_all_that_it_writes_to(root: Path) -> None:
    with started(root, mounts()) as process:
        said = read_until(process, "Ctrl-C drains")
        if process.poll() == confine.NO_LANDLOCK:
            pytest.skip("needs a kernel with Landlock")
        assert "is ready" in said, said
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=40)
        assert process.returncode == 0, said


@pytest.mark.timeout(READY_SECONDS_MAX + 60)
@pytest.mark.parametrize("lost", [path for path in mounts() if path != Path("/tmp")], ids=str)
def test_without_one_of_its_volumes_it_does_not_start_and_says_which(root: Path, lost: Path) -> None:
    with started(root, [path for path in mounts() if path != lost]) as process:
        said, _ = process.communicate(timeout=READY_SECONDS_MAX)
    if process.returncode == confine.NO_LANDLOCK:
        pytest.skip("needs a kernel with Landlock")
    assert process.returncode == 2, said
    assert "Traceback" not in said
    assert str(root / lost.relative_to("/")) in said.replace("\n", "")
