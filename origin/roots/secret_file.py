"""A secret in a file that its owner alone can read: the PIN of a token, the token of Vault. Read anew at each use, so that it can
be changed under a running origin; never a setting of its own, for settings are shown and copied.
"""

from __future__ import annotations

import stat
from pathlib import Path

from domicile.service.plain_file import plain_only

SECRET_BYTES_MAX = 4096


class BadSecretFile(OSError):
    """The text says what is wrong with the file, and nothing of what is in it."""


def read_secret(path: Path) -> str:
    """One line of text. Raises BadSecretFile."""
    try:
        with open(path, "rb", opener=plain_only) as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            raw = file.read(SECRET_BYTES_MAX + 1)
    except OSError as bad:
        raise BadSecretFile(f"{str(path)!r} cannot be read ({bad.strerror})") from bad
    if mode & 0o077:
        raise BadSecretFile(f"{str(path)!r} can be read by others; allowed: mode 0600")
    text = raw.rstrip(b"\r\n")
    if not text or len(raw) > SECRET_BYTES_MAX or not text.isascii() or not text.decode("ascii").isprintable():
        raise BadSecretFile(f"{str(path)!r} is not one line of text")
    return text.decode("ascii")
