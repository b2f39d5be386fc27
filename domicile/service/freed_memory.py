"""What a process frees is overwritten, where the C library can do that: glibc's `perturb`.

A process that outlives an erasure (the origin, an edge's agent) had names, keys and pictures in memory that it has freed since;
they would stay there until something else happens to be written over them. With `perturb` glibc fills memory when it is freed,
also what moves when it grows. Two things would keep some from it: Python's own allocator, which frees to itself, and the caches
that threads have of small pieces, which are filled only when they leave these. Both are off. All of it has to stand in the
environment before the process begins, so it begins anew.

What it does not reach: memory in use, what other libraries keep by themselves, registers and stacks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

TUNABLES = "GLIBC_TUNABLES"
_WANTED = {"glibc.malloc.perturb": "85", "glibc.malloc.tcache_count": "0"}
_ALLOCATOR = "PYTHONMALLOC"


def is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (ValueError, OSError):
        return False


def overwriting(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with which freed memory is overwritten; what else it says of malloc stays."""
    tunables = dict(pair.partition("=")[::2] for pair in environment.get(TUNABLES, "").split(":") if pair)
    joined = ":".join(f"{name}={value}" for name, value in {**tunables, **_WANTED}.items())
    return {**environment, _ALLOCATOR: "malloc", TUNABLES: joined}


def overwrite_freed(environment: Mapping[str, str]) -> None:
    """Begin this process, whose environment it is, anew, unless it was begun so or cannot be; arguments and number stay. Who sets
    PYTHONMALLOC has decided otherwise.
    """
    if is_glibc() and _ALLOCATOR not in environment:
        os.execve(sys.executable, sys.orig_argv, overwriting(environment))  # noqa: S606 - ourselves
