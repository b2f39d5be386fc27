"""The walls around a decoder, in layers; each reports whether it holds on this machine.

    namespaces     no network device but a downed loopback, no System V IPC of others (where the kernel lets us)
    dies_first     the kernel's out-of-memory killer takes a decoder before anything else
    niceness       runs after the processes that serve, as a process and as a session
    limits         no core file; bounded descriptors, file size, private memory; processor seconds per job
    no_dump        not traceable, not dumpable
    no_new_privs   set-user-id programs give nothing
    landlock       no file opened, no TCP port, no signal to strangers
    seccomp        only the calls in `seccomp.py`: no socket, open, exec, fork; no executable memory

What the layers cannot bound, resident memory and wall time, is watched from outside (`domicile.service.pool`).
User ids are not changed: imports break where the interpreter lives under a 0700 home.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from domicile.imaging import landlock, seccomp
from domicile.imaging.channel import SandboxLimits

LAYERS = ("namespaces", "dies_first", "niceness", "limits", "no_dump", "no_new_privs", "landlock", "seccomp")
DESCRIPTORS_MAX = 32
"""Standard streams, the job socket and two bodies are six; the rest is slack."""
TRIAL_SECONDS_MAX = 30
GROUP_TRIES_MAX, GROUP_RETRY_SECONDS = 20, 0.06
_TRIAL = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import domicile.imaging.sandbox as s; s.print_trial()"
)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NAME, _PR_SET_NO_NEW_PRIVS = 1, 4, 15, 38
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
_OOM_SCORE_WORST = b"1000"
_DATA_SLACK_BYTES = 64 * 1024 * 1024
"""Stacks and arenas of codec threads, which are not pixels."""

_AUTOGROUP, _AUTOGROUP_SWITCH = Path("/proc/self/autogroup"), Path("/proc/sys/kernel/sched_autogroup_enabled")

libc = ctypes.CDLL(None, use_errno=True)


def name_process(name: str) -> None:
    """What `ps -o comm` shows (15 letters)."""
    libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def die_with(parent: int) -> None:
    """Be killed when the process that made us ends, however it ends; at once if it already has."""
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def leave_network() -> bool:
    """Move to a network and an IPC namespace of our own, alone or inside a user namespace. Done once, by the zygote."""
    wanted = _CLONE_NEWNET | _CLONE_NEWIPC
    return bool(libc.unshare(wanted) == 0 or libc.unshare(_CLONE_NEWUSER | wanted) == 0)


def lock_down(limits: SandboxLimits) -> dict[str, bool]:
    """Close every wall around this process, for good. Call it with one thread running and everything imported."""
    holds = _prepare(limits)
    holds["landlock"] = landlock.restrict(libc)
    holds["seccomp"] = seccomp.restrict(libc)
    return holds


def _prepare(limits: SandboxLimits) -> dict[str, bool]:
    return {
        "dies_first": _die_first(),
        "niceness": _step_back(limits.niceness),
        "limits": _limit(limits),
        "no_dump": libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0,
        "no_new_privs": libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
    }


def allow_processor_seconds(seconds: int) -> None:
    """Move the soft processor limit to `seconds` from what is used up by now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    with suppress(ValueError, OSError):  # at the hard limit of a whole life the old one stays
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def _die_first() -> bool:
    try:
        Path("/proc/self/oom_score_adj").write_bytes(_OOM_SCORE_WORST)
    except OSError:
        return False
    return True


def step_back_as_session(niceness: int) -> None:
    """Make this process and its children stand back behind others: call it once, right after `setsid`.

    With automatic groups (the default of desktop and many server kernels) processor time is shared out among sessions
    first, and niceness counts inside one only: decoders in a session of their own would weigh as much as all of serving.
    """
    for _ in range(GROUP_TRIES_MAX):
        try:
            _AUTOGROUP.write_text(str(niceness), "ascii")
        except BlockingIOError:  # the kernel takes one such change in a tenth of a second from all users together
            time.sleep(GROUP_RETRY_SECONDS)
        except OSError:
            return
        else:
            return


def _step_back(niceness: int) -> bool:
    try:
        os.nice(niceness)
        return _group_niceness() is None or _group_niceness() == niceness
    except OSError:
        return False


def _group_niceness() -> int | None:
    """Of this session as a group; None where sessions are no groups."""
    try:
        if _AUTOGROUP_SWITCH.read_text("ascii").strip() != "1":
            return None
        found = re.search(r" nice (-?\d+)$", _AUTOGROUP.read_text("ascii").strip())
    except OSError:
        return None
    return int(found[1]) if found else None


def _private_bytes() -> int:
    found = re.search(r"^VmData:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _limit(limits: SandboxLimits) -> bool:
    data = _private_bytes() + _DATA_SLACK_BYTES + limits.memory_bytes_max
    life = (limits.cpu_seconds_max + 1) * limits.jobs_max
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: DESCRIPTORS_MAX,
        resource.RLIMIT_FSIZE: limits.result_bytes_max,
        resource.RLIMIT_DATA: data,  # not RLIMIT_AS: numpy and codecs reserve much more than they touch
        resource.RLIMIT_CPU: life,
    }
    try:
        for what, bound in bounds.items():
            resource.setrlimit(what, (bound, bound))
    except (OSError, ValueError):
        return False
    return True


# --- the trial: what really happens behind the walls ------------------------------------------------------------------


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def trial() -> dict[str, bool]:
    """Lock this process down and try to get out. For a throw-away process: there is no way back."""
    limits = SandboxLimits(
        memory_bytes_max=1 << 30, cpu_seconds_max=10, jobs_max=1, result_bytes_max=1 << 20, niceness=1
    )
    step_back_as_session(limits.niceness)
    holds = {"namespaces": leave_network(), **_prepare(limits)}
    holds["landlock"] = landlock.restrict(libc) and _refused(lambda: os.open("/etc/passwd", os.O_RDONLY))
    escapes: tuple[Callable[[], object], ...] = (socket.socket, _fork, lambda: os.execv("/bin/true", ["true"]))  # noqa: S606 - it must fail
    holds["seccomp"] = seccomp.restrict(libc) and all(map(_refused, escapes))
    return holds


def layers() -> dict[str, bool]:
    """Which layers hold on this machine, by trial in a process of its own. Raises OSError when none can be started."""
    command = [sys.executable, "-c", _TRIAL, json.dumps(sys.path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TRIAL_SECONDS_MAX, start_new_session=True)
    found: dict[str, bool] = dict.fromkeys(LAYERS, False)
    with suppress(ValueError):
        found.update(json.loads(done.stdout))
    return found


def print_trial() -> None:
    """Write the result of `trial` to standard output as JSON."""
    os.write(1, json.dumps(trial()).encode())
