"""Packages that tests use and the project does not: fetched by name with their ordinary clients, once a machine.

npm("url-gen", "@cloudinary/url-gen@1.22.0")    # a directory with node_modules
source_package("cloudinary", "1.46.3")          # the file of its source package
environment("cli", "cloudinary-cli==1.17.0")    # the Python of an environment of their own
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

INSTALL_SECONDS_MAX = 300.0


def cache_directory(name: str) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "domicile-tests" / name


def npm(name: str, *packages: str) -> Path:
    """The directory in which they are. Raises OSError or SubprocessError when they cannot be had."""

    def install(fresh: Path) -> None:
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        _run(*command, "--prefix", str(fresh), *packages)

    return once(name, install)


def source_package(name: str, version: str) -> Path:
    """The file. Raises OSError or SubprocessError when it cannot be had."""

    def download(fresh: Path) -> None:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
        _run(*command, "--no-deps", "--no-binary", ":all:", "--dest", str(fresh), f"{name}=={version}")

    (found,) = once(f"{name}-{version}-source", download).iterdir()
    return found


def environment(name: str, *requirements: str) -> Path:
    """The Python of an environment with them. Raises OSError or SubprocessError when they cannot be had."""

    def install(fresh: Path) -> None:
        _run(sys.executable, "-m", "venv", str(fresh))
        _run(
            str(fresh / "bin" / "python"),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            "install",
            *requirements,
        )

    return once(name, install) / "bin" / "python"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The directory of this name, once a machine: `make` it beside its place and put it there when it is whole; processes may try at once."""
    directory = cache_directory(name)
    if not directory.is_dir():
        fresh = directory.with_name(f"{directory.name}.{os.getpid()}")
        fresh.mkdir(parents=True)
        try:
            make(fresh)
            if not directory.exists():
                fresh.rename(directory)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return directory


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX)
