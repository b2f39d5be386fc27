"""pycloudinary's own tests, from its published source package, against a server: fetched by name, run in a process of their own.

results = run(laid_out(directory), cloudinary_url, remote_image, suffix="c0ffee")
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from tests.infra.packages import source_package
from tests.sdk.files import logo

HERE = Path(__file__).parent
RUN_SECONDS_MAX = 280.0


@dataclass(frozen=True, slots=True)
class Result:
    outcome: str
    """passed, failed or skipped."""
    asked: bool
    """Whether it sent a request to a server."""
    said: str
    seconds: float

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"


def laid_out(directory: Path) -> Path:
    """The suite as its authors run it: their tests, and in place of what their package lacks, ours."""
    tests = directory / "test"
    package = source_package("cloudinary", version("cloudinary"))
    with tarfile.open(package) as archive:
        root = archive.getnames()[0].partition("/")[0]
        archive.extractall(directory, [one for one in archive if one.name.startswith(f"{root}/test/")], filter="data")
    shutil.move(directory / root / "test", tests)
    shutil.copy(HERE / "helper.py", tests / "helper_test.py")
    shutil.copy(HERE / "inside.py", directory / "conftest.py")
    storage = tests / "cache" / "storage"
    storage.mkdir(parents=True)
    for package_directory in (tests, tests / "cache", storage):
        (package_directory / "__init__.py").touch()
    shutil.copy(HERE / "storage.py", storage / "dummy_cache_storage.py")
    (directory / "pytest.ini").write_text("[pytest]\n", "utf-8")
    files = directory / "files"
    files.mkdir()
    logo(files / "logo.png")
    shutil.copy(files / "logo.png", files / "üni_näme_lögö.png")
    Image.new("RGBA", (16, 16), (40, 80, 160, 255)).save(files / "favicon.ico")
    (files / "docx.docx").write_bytes(b"PK\x03\x04 not a document, but kept as it is")
    return directory


def run(directory: Path, cloudinary_url: str, remote_image: str, *, suffix: str) -> dict[str, Result]:
    """Every test once, by node id without the directory; `suffix` is in the names and tags that it uses.

    Raises CalledProcessError when the suite could not be run, or TimeoutExpired.
    """
    results = directory / "results.json"
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "CLOUDINARY_URL": cloudinary_url,
        "RUN_SEARCH_TESTS": "1",
        "SUITE_FILES": str(directory / "files"),
        "SUITE_REMOTE_IMAGE": remote_image,
        "SUITE_RESULTS": str(results),
        "SUITE_SUFFIX": suffix,
    }
    options = ("-q", "--no-header", "-p", "no:xdist", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, "test"]
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False
    )
    if done.returncode not in {0, 1} or not results.exists():
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout[-4000:], done.stderr[-4000:])
    rows: Mapping[str, Mapping[str, object]] = json.loads(results.read_text("utf-8"))
    return {node.removeprefix("test/"): Result(**row) for node, row in rows.items()}  # type: ignore[arg-type]
