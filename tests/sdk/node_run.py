"""Node's own test runner over the files of `tests/sdk/node`, with the packages of npm that they need."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.infra.packages import npm

HERE = Path(__file__).parent / "node"
PACKAGES = ("cloudinary@2.11.0", "@cloudinary/url-gen@1.22.0")
RUN_SECONDS_MAX = 120.0


def packages() -> Path:
    """The directory that has them. Raises OSError or SubprocessError when they cannot be had."""
    return npm("node-sdks-" + "-".join(re.sub(r"[^0-9.]", "", one) for one in PACKAGES), *PACKAGES)


def run(file: str, installed: Path, directory: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """How many tests passed and what was said. Raises AssertionError, with what failed."""
    place = directory / "node"
    place.mkdir(exist_ok=True)
    if not (place / "node_modules").exists():
        (place / "node_modules").symlink_to(installed / "node_modules")
    script = shutil.copy(HERE / file, place)
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(script)],
        cwd=place,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None, done.stdout[-2000:]
    return int(passed[1]), done.stdout
