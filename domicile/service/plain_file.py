"""Files that an operator writes by hand and a running process reads again: a pipe or a device in such a place holds nobody up."""

from __future__ import annotations

import errno
import os
import stat


def plain_only(path: str, flags: int) -> int:
    """An opener for `open`: of regular files. Raises OSError for what is none."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "it is no plain file", path)
