"""Which system calls a decoder may make: an allow-list compiled to a classic BPF program, without a compiler.

Everything not named here answers EPERM: no socket, open, exec, fork, ptrace, mount, keyctl, memfd_create, kill.
Threads may be made (AVIF and WebP codecs do), processes not; memory may never be executable. Numbers are from the
kernel's tables for x86_64 and arm64; on another machine the layer does not hold and says so.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_RET_ALLOW, _RET_KILL_PROCESS, _RET_ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _IF_EQUAL, _IF_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JSET|K, BPF_RET|K
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_CLONE_THREAD, _PROT_EXEC, _AT_EMPTY_PATH = 0x10000, 4, 0x1000
_F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC = 1, 2, 3, 1030

_AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}

_PLAIN: dict[str, tuple[int, int]] = {  # name: (x86_64, arm64)
    # bodies, the job socket, and nothing that makes a new descriptor
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "ftruncate": (77, 46),
    "close": (3, 57),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "poll": (7, 73),  # arm64 has ppoll only
    "ppoll": (271, 73),
    # memory
    "brk": (12, 214),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    # threads of the codecs
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "gettid": (186, 178),
    "getpid": (39, 172),
    # signals to oneself, time, chance, the end
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "nanosleep": (35, 101),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "gettimeofday": (96, 169),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "exit": (60, 93),
    "exit_group": (231, 94),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _When:
    """Allowed when an argument has a bit set, has it clear, or equals one of some values."""

    numbers: tuple[int, int]
    argument: int
    bit_set: int = 0
    bit_clear: int = 0
    equals: tuple[int, ...] = ()


_CONDITIONAL: dict[str, _When] = {
    "clone": _When(numbers=(56, 220), argument=0, bit_set=_CLONE_THREAD),
    "mmap": _When(numbers=(9, 222), argument=2, bit_clear=_PROT_EXEC),
    "mprotect": _When(numbers=(10, 226), argument=2, bit_clear=_PROT_EXEC),
    "prlimit64": _When(numbers=(302, 261), argument=0, equals=(0,)),  # only its own limits
    "newfstatat": _When(numbers=(262, 79), argument=3, bit_set=_AT_EMPTY_PATH),  # how glibc spells fstat
    "fcntl": _When(numbers=(72, 25), argument=1, equals=(_F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC)),
}
_CLONE3 = 435
"""Its flags lie behind a pointer, where a filter cannot look; on ENOSYS the C library falls back to clone."""


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _allow_if_number(number: int, body: Iterable[bytes]) -> list[bytes]:
    code = list(body)
    return [_instruction(_IF_EQUAL, number, 0, len(code)), *code]


def _condition(when: _When) -> list[bytes]:
    """Load the low half of the argument and return; the upper half carries no flag of ours."""
    allow, deny = _instruction(_RETURN, _RET_ALLOW), _instruction(_RETURN, _RET_ERRNO | _EPERM)
    code = [_instruction(_LOAD, _ARGUMENTS + 8 * when.argument)]
    if when.bit_set:
        return [*code, _instruction(_IF_BITS, when.bit_set, 0, 1), allow, deny]
    if when.bit_clear:
        return [*code, _instruction(_IF_BITS, when.bit_clear, 0, 1), deny, allow]
    for value in when.equals:
        code += [_instruction(_IF_EQUAL, value, 0, 1), allow]
    return [*code, deny]


def program(machine: str) -> bytes:
    """The filter as an array of struct sock_filter. Raises KeyError for a machine without a table."""
    column = _COLUMN[machine]
    allow = _instruction(_RETURN, _RET_ALLOW)
    code = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_IF_EQUAL, _AUDIT_ARCHITECTURES[machine], 1, 0),
        _instruction(_RETURN, _RET_KILL_PROCESS),  # a 32-bit call has other numbers: nobody honest makes one
        _instruction(_LOAD, _NUMBER),
    ]
    for numbers in _PLAIN.values():
        code += _allow_if_number(numbers[column], [allow])
    for when in _CONDITIONAL.values():
        code += _allow_if_number(when.numbers[column], _condition(when))
    code += _allow_if_number(_CLONE3, [_instruction(_RETURN, _RET_ERRNO | _ENOSYS)])
    code.append(_instruction(_RETURN, _RET_ERRNO | _EPERM))
    return b"".join(code)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict(libc: ctypes.CDLL) -> bool:
    """Put this thread and all that it will start under the filter, for good. Needs no_new_privs. True when it holds."""
    machine = platform.machine()
    if machine not in _COLUMN:
        return False
    code = program(machine)
    filter_program = _Program(len(code) // 8, code)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_program), 0, 0) == 0)
