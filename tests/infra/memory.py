"""What lies in the memory of running processes: every mapping that a process can have written to, looked through for needles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PIECE_BYTES = 16 * 1024 * 1024
NEEDLE_BYTES_MAX = 64
CONTEXT_BYTES = 40
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)")


@dataclass(frozen=True, slots=True)
class Region:
    start: int
    end: int
    file: str


@dataclass(frozen=True, slots=True)
class Found:
    """One needle in one process; `where` says in which mapping, between what."""

    role: str
    needle: str
    where: str


def role_of(pid: int) -> str:
    """Of a process of ours, by its command line; a decoder is forked and shows its zygote's."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if any(b"domicile.imaging.worker" in word for word in words):
        return "decoder"
    if b"origin" in words:
        return "origin"
    for part in (b"agent", b"worker"):
        if part in words:
            return part.decode()
    return "supervisor" if b"edge" in words else "domicile"


def mappings(pid: int) -> Iterator[Region]:
    """Those that may hold what the process has written, and that the kernel has given pages to."""
    text = Path(f"/proc/{pid}/smaps").read_text("utf-8", "replace")
    current: Region | None = None
    for line in text.splitlines():
        if told := _MAPPING.fullmatch(line):
            start, end, rights, file = told.groups()
            is_code = file.startswith("/") and "w" not in rights and "s" not in rights
            is_kernels = file in {"[vvar]", "[vdso]", "[vsyscall]", "[vvar_vclock]"}
            current = None if "r" not in rights or is_code or is_kernels else Region(int(start, 16), int(end, 16), file)
        elif current is not None and line.startswith(("Rss:", "Swap:")) and int(line.split()[1]):
            yield current
            current = None


def pieces(pid: int) -> Iterator[tuple[Region, bytes]]:
    """Of its memory; each begins with the end of the one before."""
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for mapping in mappings(pid):
            at, tail = mapping.start, b""
            while at < mapping.end:
                try:
                    piece = os.pread(descriptor, min(PIECE_BYTES, mapping.end - at), at)
                except OSError:  # it was let go of meanwhile, or is a device's
                    break
                if not piece:
                    break
                yield mapping, tail + piece
                at, tail = at + len(piece), piece[-NEEDLE_BYTES_MAX:]
    finally:
        os.close(descriptor)


def sweep(pids: list[int], needles: Mapping[str, bytes]) -> Iterator[Found]:
    """All needles in all processes, one after the other; of each the first place. A process that has ended has no memory."""
    for pid in pids:
        left = dict(needles)
        try:
            role = role_of(pid)
            for mapping, piece in pieces(pid):
                for name, needle in tuple(left.items()):
                    if (at := piece.find(needle)) >= 0:
                        del left[name]
                        around = piece[max(0, at - CONTEXT_BYTES) : at + len(needle) + CONTEXT_BYTES]
                        yield Found(role, name, f"pid {pid} {mapping.file or 'anonymous'}: {around!r}")
        except (FileNotFoundError, ProcessLookupError):
            continue
