"""`python confine.py DIR… -- COMMAND…`: run a command that can write below these directories alone, by Landlock.

What a container with a read-only root does to it, without a container. Exit code 77: this kernel has no Landlock.
"""

from __future__ import annotations

import ctypes
import os
import sys

NO_LANDLOCK = 77

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PR_SET_NO_NEW_PRIVS = 38
_PATH_BENEATH = 1
_WRITE_FILE = 1 << 1
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))


class _Ruleset(ctypes.Structure):
    _fields_ = (("file", ctypes.c_uint64),)


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def confine(directories: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    rights = _WRITE_FILE | _REMOVE_AND_MAKE
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(_Ruleset(rights)), ctypes.c_size_t(8), 0)
    if ruleset < 0:
        sys.exit(NO_LANDLOCK)
    for directory in directories:
        handle = os.open(directory, os.O_PATH | os.O_CLOEXEC)
        rule = _PathBeneath(rights, handle)
        assert libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0) == 0, directory
    assert libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0


if __name__ == "__main__":
    split = sys.argv.index("--")
    confine(sys.argv[1:split])
    os.execv(sys.argv[split + 1], sys.argv[split + 1 :])
