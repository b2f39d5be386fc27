"""Landlock: from here on no file can be opened, made, removed or run, no TCP port bound or reached, no stranger signalled.

The ruleset handles every right that the running kernel knows and grants none. Descriptors that are open stay open.
See Documentation/userspace-api/landlock.rst; the numbers of the three calls are the same on every machine.
"""

from __future__ import annotations

import ctypes
import os

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION_FLAG = 1

_FILE_RIGHTS_BY_VERSION = ((1, 13), (2, 14), (3, 15), (5, 16))  # (since version, how many low bits are rights)
_NET_SINCE, _NET_RIGHTS = 4, 0b11
_SCOPE_SINCE, _SCOPES = 6, 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("file", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


def ruleset_for(version: int) -> tuple[int, int, int, int]:
    """(file rights, network rights, scopes, size of the struct) that a kernel of this Landlock version understands."""
    bits = max(count for since, count in _FILE_RIGHTS_BY_VERSION if since <= version)
    net = _NET_RIGHTS if version >= _NET_SINCE else 0
    scopes = _SCOPES if version >= _SCOPE_SINCE else 0
    return (1 << bits) - 1, net, scopes, 24 if scopes else 16 if net else 8


def version(libc: ctypes.CDLL) -> int:
    """Landlock version of the running kernel; 0 or less when there is none."""
    return int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG))


def restrict(libc: ctypes.CDLL) -> bool:
    """Lock this thread and all that it will start, for good. Needs no_new_privs. True when it holds."""
    known = version(libc)
    if known < 1:
        return False
    file, net, scopes, size = ruleset_for(known)
    attributes = _Ruleset(file, net, scopes)
    ruleset = int(libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0))
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)
