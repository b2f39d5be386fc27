"""The profile simd: pillow-simd is built without codecs, bytes are met by the patched Pillow, the golden table holds."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from domicile.imaging import features
from domicile.imaging.sandbox import layers
from tests.corpus import require_corpus
from tests.infra.packages import once
from tests.infra.told import TOLD

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "simd.py"
BUILD_SECONDS_MAX = 400
GOLDEN_SECONDS_MAX = 170

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(BUILD_SECONDS_MAX + GOLDEN_SECONDS_MAX)]


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that, first on the path, makes any environment the profile."""
    if platform.machine() != "x86_64":
        pytest.skip("pillow-simd is for x86_64 alone")
    if shutil.which("cc") is None or not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        pytest.skip("needs a compiler and headers: apt-get install -y gcc libc6-dev python3-dev")
    place = tmp_path_factory.mktemp("simd")
    wheels = shutil.copytree(once(f"pillow-simd-{of_this_machine()}", into), place / "wheels")
    return overlaid(place / "overlay", wheels)


def of_this_machine() -> str:
    """What the built engine depends on: how it is built, for which Python, on which processor."""
    told = [
        SCRIPT.read_text("utf-8"),
        sys.version,
        "avx2" if "avx2" in Path("/proc/cpuinfo").read_text("ascii", "replace") else "",
    ]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]


def into(wheels: Path) -> None:
    """Half a minute of a processor."""
    with tempfile.TemporaryDirectory() as overlay:
        overlaid(Path(overlay), wheels)


def overlaid(overlay: Path, wheels: Path) -> Path:
    command = [sys.executable, str(SCRIPT), "--overlay", str(overlay), "--wheels", str(wheels)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stderr
    return overlay


def run(overlay: Path, *words: str, seconds_max: float = 50) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(overlay), str(ROOT)])
    command = [sys.executable, *words]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds_max, check=False
    )


def test_pillow_simd_can_open_nothing_and_the_patched_pillow_everything(overlay: Path) -> None:
    looked = run(
        overlay,
        "-c",
        "import json, PIL.features as engine; from domicile.imaging import patched\n"
        "codecs = ('jpg', 'zlib', 'webp', 'avif', 'libtiff', 'jpg_2000', 'littlecms2', 'raqm')\n"
        "print(json.dumps([patched.NAME, patched.Pixels.__version__, patched.Image.__version__,"
        " [engine.check(one) for one in codecs]]))",
    )
    assert looked.returncode == 0, looked.stderr
    name, engine, patched, codecs = json.loads(looked.stdout)
    assert (name, "post" in engine) == ("patched_pillow", True)
    assert tuple(map(int, patched.split(".")[:2])) >= (13, 0)
    assert not any(codecs)


def test_the_profile_reads_and_writes_what_the_default_does_behind_the_same_walls(overlay: Path) -> None:
    looked = run(overlay, "-m", "domicile.imaging.features", "--layers")
    assert looked.returncode == 0, looked.stderr
    found, usual = json.loads(looked.stdout), features.installed()
    assert (found["reads"], found["writes"]) == (usual["reads"], usual["writes"])
    assert found["codecs"] == usual["codecs"]
    assert found["engine"] != usual["engine"]
    assert found["layers"] == layers()


@pytest.mark.corpus
def test_one_row_in_four_of_the_golden_table_holds_with_pillow_simd(
    overlay: Path, record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make test IMAGING=simd` runs all of it."""
    require_corpus()
    monkeypatch.setenv("GOLDEN_EVERY", "4")
    golden = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_golden.py")
    done = run(overlay, *golden, seconds_max=GOLDEN_SECONDS_MAX)
    assert done.returncode == 0, done.stdout
    told = re.search(r"golden: (\d+) rows without doubt run, (\d+) right", done.stdout)
    assert told is not None
    record_property(TOLD, f"simd {told[0]}")
    assert int(told[1]) > 60
