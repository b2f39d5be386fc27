"""Where a running installation keeps its sockets; the same answer for `serve` and for the verbs that call it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from domicile.cli.failure import Failure
from domicile.service.settings import blamed

SOCKET_DIRECTORY_BYTES_MAX = 80
"""Linux allows 108 bytes in a socket's path; the tiers put names of up to 20 below this directory."""


def run_directory(data: Path) -> Path:
    """DATA/run, or a short directory of this user's in the temporary one when that path is too long for sockets."""
    wanted = data.absolute() / "run"
    if len(os.fsencode(wanted)) <= SOCKET_DIRECTORY_BYTES_MAX:
        return wanted
    digest = hashlib.blake2b(os.fsencode(wanted), digest_size=6).hexdigest()
    return Path(tempfile.gettempdir()) / f"domicile-{os.getuid()}-{digest}"


def make_run_directory(data: Path) -> Path:
    """Create DATA and it for this user alone. Raises BadSetting, and Failure when somebody else's lies there."""
    directory = run_directory(data)
    with blamed("serve.data", data, "a directory that can be made and written to"):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = directory.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or directory.is_symlink():
        if facts.st_uid != os.getuid() or directory.is_symlink():
            raise Failure(f"{directory}: belongs to somebody else; allowed: a directory of our own", 2)
        directory.chmod(0o700)
    return directory


def wire_socket(data: Path) -> Path:
    return run_directory(data) / "origin.sock"


def admin_socket(data: Path) -> Path:
    return run_directory(data) / "admin.sock"


def keys_directory(data: Path) -> Path:
    """Beside DATA, never in it, so that a copy of DATA is ciphertext."""
    data = data.absolute()
    return data.with_name(data.name + ".keys")


def mirror_directory(data: Path) -> Path:
    """Beside DATA, so that a DATA of yesterday cannot bring back what was erased since."""
    data = data.absolute()
    return data.with_name(data.name + ".mirror")


def credentials_file(data: Path) -> Path:
    """Written by the origin at first start, mode 0600: one line, the CLOUDINARY_URL of the cloud `demo`."""
    return data.absolute() / "cloudinary-url"
