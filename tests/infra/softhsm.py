"""A real PKCS#11 token for tests: SoftHSM2 (Debian's softhsm2), one token for a process, in a directory that goes with it.

A module of PKCS#11 belongs to a process, so all tests of one share the token; roots have names of their own.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LABEL = "domicile"
PIN = "fictional-pin-4711"
MODULES = tuple(
    Path(directory) / "softhsm" / "libsofthsm2.so"
    for directory in ("/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
)
CONFIG_VARIABLE = "SOFTHSM2_CONF"
INIT_SECONDS_MAX = 30


@dataclass(frozen=True, slots=True)
class SoftHsm:
    home: Path
    module: Path

    @property
    def pin_file(self) -> Path:
        return self.home / "pin"

    @property
    def config(self) -> Path:
        return self.home / "softhsm2.conf"

    def settings(self) -> dict[str, Any]:
        """Of `TokenSettings`."""
        return {"module": self.module, "token": LABEL, "pin_file": self.pin_file}

    def environment(self, prefix: str = "DOMICILE_ORIGIN_RECORDS_ROOT") -> dict[str, str]:
        """Of an origin whose roots are to lie here."""
        return {
            CONFIG_VARIABLE: str(self.config),
            f"{prefix}_KIND": "pkcs11",
            f"{prefix}_PKCS11_MODULE": str(self.module),
            f"{prefix}_PKCS11_TOKEN": LABEL,
            f"{prefix}_PKCS11_PIN_FILE": str(self.pin_file),
        }


def made() -> SoftHsm:
    """A token of its own, for a process of its own. Skips without the package or the library."""
    module = next((path for path in MODULES if path.is_file()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2 is not installed")
    if importlib.util.find_spec("pkcs11") is None:
        pytest.skip("python-pkcs11 is not installed")
    home = Path(tempfile.mkdtemp(prefix="domicile-softhsm-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / "tokens").mkdir()
    token = SoftHsm(home, module)
    token.config.write_text(
        f"directories.tokendir = {home / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    token.pin_file.touch(mode=0o600)
    token.pin_file.write_text(PIN + "\n")
    command = ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", PIN]
    environment = {**os.environ, CONFIG_VARIABLE: str(token.config)}
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=INIT_SECONDS_MAX)
    return token


@functools.cache
def token() -> SoftHsm:
    """This process' own."""
    found = made()
    os.environ[CONFIG_VARIABLE] = str(found.config)  # the module reads it when it is loaded
    return found
