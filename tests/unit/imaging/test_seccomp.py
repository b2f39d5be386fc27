from __future__ import annotations

import struct

import pytest

from domicile.imaging import seccomp

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
X86_64, ARM64, I386 = 0xC000003E, 0xC00000B7, 0x40000003


def run(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """A small machine for classic BPF: what the kernel would answer."""
    arch = architecture if architecture is not None else {"x86_64": X86_64, "aarch64": ARM64}[machine]
    data = struct.pack("<IIQ6Q", number, arch, 0, *(*arguments, *[0] * (6 - len(arguments))))
    code = seccomp.program(machine)
    at = accumulator = 0
    while True:
        kind, if_true, if_false, value = struct.unpack_from("=HBBI", code, at * 8)
        at += 1
        match kind:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x45:
                at += if_true if accumulator & value else if_false
            case 0x06:
                return value
            case _:
                raise AssertionError(kind)


@pytest.mark.parametrize(
    "machine, read, socket, openat, execve, fork_clone, clone3",
    [("x86_64", 0, 41, 257, 59, 56, 435), ("aarch64", 63, 198, 56, 221, 220, 435)],
)
def test_reading_is_allowed_and_getting_out_is_not(
    machine: str, read: int, socket: int, openat: int, execve: int, fork_clone: int, clone3: int
) -> None:
    assert run(machine, read) == ALLOW
    for number in (socket, openat, execve):
        assert run(machine, number) == EPERM
    assert run(machine, fork_clone, 17) == EPERM  # SIGCHLD: a process
    assert run(machine, fork_clone, 0x10000 | 0x100) == ALLOW  # CLONE_THREAD
    assert run(machine, clone3) == ENOSYS


def test_calls_of_another_architecture_end_the_process() -> None:
    assert run("x86_64", 0, architecture=I386) == KILL
    assert run("x86_64", 0x40000000 | 41) == EPERM  # x32


def test_arguments_decide() -> None:
    assert run("x86_64", 9, 0, 4096, 3) == ALLOW  # mmap read-write
    assert run("x86_64", 9, 0, 4096, 5) == EPERM  # executable
    assert run("x86_64", 10, 0, 4096, 4) == EPERM  # mprotect
    assert run("x86_64", 302, 0) == ALLOW  # prlimit64 of itself
    assert run("x86_64", 302, 1234) == EPERM
    assert run("x86_64", 262, 3, 0, 0, 0x1000) == ALLOW  # fstat as newfstatat
    assert run("x86_64", 262, 3, 0, 0, 0) == EPERM  # stat of a path
    assert run("x86_64", 72, 3, 1030) == ALLOW  # F_DUPFD_CLOEXEC
    assert run("x86_64", 72, 3, 8) == EPERM  # F_SETOWN


@pytest.mark.parametrize("number", [57, 58, 62, 101, 105, 157, 165, 272, 319, 321, 329, 425, 434, 438, 440])
def test_dangerous_calls_of_x86_64_are_refused(number: int) -> None:
    """fork vfork kill ptrace setuid prctl mount unshare memfd_create bpf pkey_mprotect io_uring pidfd_open _getfd madvise."""
    assert run("x86_64", number, 0x10000, 0x10000, 0, 0x1000) == EPERM


def test_a_machine_without_a_table_says_so() -> None:
    with pytest.raises(KeyError):
        seccomp.program("sparc")
