"""Bounds of the decoder pool."""

from __future__ import annotations

import os
from dataclasses import dataclass

from domicile.service.settings import MIB, setting

POLL_SECONDS = 0.025
"""How often the resident memory and the age of a running job are looked at."""
START_SECONDS_MAX = 30.0
"""From starting the zygote (interpreter, codecs) to the greeting of the first worker."""
FORK_SECONDS_MAX = 10.0
"""From asking the zygote for a worker to its greeting, on a loaded machine."""
FACES_BYTES = 64 * MIB
"""Resident bytes of the runtime and the model of faces (42 MiB, mostly shared among decoders), added to their budgets."""
END_SECONDS_MAX = 5.0
"""How long `close` waits for killed processes to be gone."""
PIXELS_A_PROCESS = 40_000_000
"""Each decoder may have a picture of this size at once; of larger ones, fewer are worked on at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """Decoder processes of one serving process."""

    processes: int = setting(
        0, "Decoder processes; 0 means half the processors, at least one.", at_least=0, at_most=256
    )
    queue_length_max: int = setting(64, "Jobs that may wait for a decoder; more are answered as overload.", at_least=0)
    queue_length_tenant_max: int = setting(
        32,
        "Jobs of one cloud that may wait for a decoder; what it asks beyond is overload, of that cloud alone.",
        at_least=0,
    )
    pixels_in_work_max: int = setting(
        0,
        "Pixels (frames x width x height, by estimate) that all decoders of a process may work on at a time; a larger"
        f" picture works alone. 0 means {PIXELS_A_PROCESS:,} for each decoder.",
        at_least=0,
    )
    queue_seconds_max: float = setting(10.0, "Seconds that a job may wait for a decoder.", at_least=0.01)
    job_seconds_max: float = setting(
        25.0,
        "Seconds that one job may take before its process is killed. More than cpu_seconds_max: the rest is the time"
        " for which a busy machine lets it wait, and overrunning it so is answered as overload.",
        at_least=0.05,
    )
    cpu_seconds_max: int = setting(
        15, "Processor seconds that one job may take before its process is killed and the input refused.", at_least=1
    )
    memory_bytes_max: int = setting(
        700 * MIB + FACES_BYTES,
        "Resident bytes of a decoder process, shared libraries included; above, it is killed.",
        at_least=64 * MIB,
    )
    warm_bytes_max: int = setting(
        128 * MIB + FACES_BYTES,
        "Resident bytes that a decoder process may still hold when its next job starts; with more, a fresh one does it.",
        at_least=1,
    )
    result_bytes_max: int = setting(128 * MIB, "Bytes of one rendition.", at_least=1024)
    jobs_per_process_max: int = setting(200, "Jobs after which a decoder process is replaced.", at_least=1)
    idle_seconds_max: float = setting(
        30.0, "Seconds that a decoder process may sit idle between two jobs of a tenant before it ends.", at_least=0.01
    )
    killers_max: int = setting(
        4096, "Inputs remembered because they crashed or overran a decoder; they are refused at once.", at_least=0
    )
    niceness: int = setting(
        10, "How far decoders stand back behind the serving processes (nice).", at_least=0, at_most=19
    )
    layers_required: tuple[str, ...] = setting(
        (), "Layers of the sandbox without which the pool does not start, e.g. seccomp,landlock. See domicile doctor."
    )

    def processes_or_default(self) -> int:
        return self.processes or max(1, len(os.sched_getaffinity(0)) // 2)

    def pixels_in_work_or_default(self) -> int:
        return self.pixels_in_work_max or self.processes_or_default() * PIXELS_A_PROCESS
