"""Damaged pictures through the real pool: a picture, a refusal or a dead decoder, and never our bug, a hang or a leak.

Sources are files of the corpus, where there is one, and pictures and small bombs made here. Each is cut, flipped,
overwritten or spliced with another of its kind, then probed, or rendered with one of a few transformations.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil

from domicile.imaging.job import LayerInput, MediaLimits, RenderJob
from domicile.media.analysis import BLURHASH, COLORS, FACES, METADATA, PHASH, THUMBHASH
from domicile.media.errors import BadTransformation, LimitExceeded, UndecodableMedia
from domicile.service.pool import DecoderPool
from domicile.service.pool_settings import PoolSettings
from domicile.service.pool_values import NoObserver
from domicile.service.settings import MIB
from tests.corpus import CORPUS
from tests.pictures import bombs
from tests.pictures.synthetic import animation, pages, quadrants, ramp, saved, turned, veiled

REFUSALS = (UndecodableMedia, LimitExceeded, BadTransformation)
"""Each is answered with 400. Anything else would be a 5xx: a bug of ours, or overload, of which this run makes none."""
SEED_BYTES_MAX = 400_000
"""Of a file of the corpus: what is larger takes long and shows little more."""
JOB_SECONDS_MAX, CPU_SECONDS_MAX = 120.0, 10
"""A busy machine may let a job wait; what spins meets the other bound, and what stands still is a finding."""
FINDINGS = frozenset({"time_limit", "protocol", "handler_failed"})
"""Ends of a process that no bytes should bring about. A crash of a codec is counted, and told."""
PROCESSES = 2
HANG_SECONDS_MAX = 2 * JOB_SECONDS_MAX + 10.0
"""A job may end a process that has worked before, and is then tried on a fresh one."""
GROWTH_BYTES_MAX = 16 * MIB
"""Of the zygote and of this process between the end of the warm-up and the end."""
WARM_SHARE = 0.25
WISHES = (FACES, COLORS, PHASH, METADATA, BLURHASH, THUMBHASH)
VISITS = 0.02
"""Share of jobs for which a process must be replaced."""
LIMITS = MediaLimits()
RENDITIONS = (
    ("", None, ""),
    ("c_fill,g_auto,h_40,w_60", "jpg", ""),
    ("c_scale,w_50/a_30/e_blur:200", "png", ""),
    ("f_auto,q_auto/c_limit,w_200", None, "avif"),
    ("c_pad,b_auto,h_90,w_90", "webp", ""),
    ("e_trim/c_thumb,h_20,w_20", "gif", ""),
    ("pg_2/w_30", "jpg", ""),
    ("c_fill,g_faces,h_40,w_40", "jpg", ""),
    ("e_pixelate_faces:9", "webp", ""),
    ("l_over,w_20/fl_layer_apply,g_north_west", "png", ""),
    ("c_scale,w_60/l_text:Arial_12:Hi/fl_layer_apply", "webp", ""),
)  # fmt: skip


OVER = LayerInput(name="upload/over")


class Finding(AssertionError):
    """A damaged picture that did more than it may."""


@dataclass
class Seen(NoObserver):
    """Outcomes, and what became of processes."""

    outcomes: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)

    def on_worker_killed(self, reason: str) -> None:
        self.killed[reason] += 1


def sources() -> list[bytes]:
    """What is damaged."""
    found = [saved(ramp(90, 60), format_) for format_ in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "ICO")]
    found += [saved(ramp(300, 200), "JPEG", progressive=True), saved(ramp(64, 64).convert("CMYK"), "JPEG")]
    found += [saved(quadrants(80, 80), "TIFF", compression=kind) for kind in ("tiff_lzw", "tiff_deflate", "packbits")]
    found += [saved(veiled(60, 40), format_) for format_ in ("PNG", "WEBP", "AVIF")]
    found += [animation(format_) for format_ in ("GIF", "WEBP", "PNG")]
    found += [pages(40, 30), turned(quadrants(40, 20), 6, "JPEG"), turned(quadrants(40, 20), 6, "TIFF")]
    found += [
        bombs.jpeg_scans(20),
        bombs.png_chunks(b"zTXt", 5, 10_000),
        bombs.gif_frames(50, canvas=50),
        bombs.tiff_directories(9),
        bombs.avif_tiles(640, 640),
        bombs.ico_entries(5),
        bombs.bmp_rle(64, 64, b"\x40\x01\0\0" * 64 + b"\0\x01"),
    ]
    if CORPUS is not None:
        files = sorted(file for file in (CORPUS / "media").rglob("*") if file.is_file())
        found += [file.read_bytes() for file in files if file.stat().st_size <= SEED_BYTES_MAX]
    return found


def damaged(rng: random.Random, seeds: list[bytes]) -> bytes:
    """One source, changed in one to four ways."""
    body = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        if not body:
            break
        at = min(int(rng.expovariate(1) * len(body) / 4), len(body) - 1)  # headers more often than pixels
        match rng.randrange(6):
            case 0:
                del body[rng.randrange(len(body)) :]
            case 1:
                for _ in range(rng.randint(1, 16)):
                    body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
            case 2:
                body[at] ^= 1 << rng.randrange(8)
            case 3:
                body[at : at + 4] = rng.choice(
                    (b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\1")
                )
            case 4:
                other = rng.choice(seeds)
                body[at : at + 64] = other[at : at + rng.choice((16, 64, 4096))]
            case _:
                body[at:at] = body[at : at + rng.choice((4, 64, 1024))]
    return bytes(body)


async def check(pool: DecoderPool, seen: Seen, rng: random.Random, seeds: list[bytes], *, tenant: str) -> None:
    """One damaged picture, one job, now and then of another tenant. Raises Finding."""
    tenant = "visitor" if rng.random() < VISITS else tenant
    body = damaged(rng, seeds)
    transformation, extension, bucket = rng.choice(RENDITIONS)
    started = time.monotonic()
    try:
        if rng.random() < 0.4:
            wishes = WISHES if rng.random() < 0.2 else ()
            await pool.probe(body, LIMITS, tenant=tenant, wishes=wishes)
        else:
            over = (OVER,) if "l_over" in transformation else ()
            job = RenderJob(
                transformation=transformation, extension=extension, bucket=bucket, limits=LIMITS, layers=over
            )
            await pool.render(body, job, tenant=tenant, layers=[damaged(rng, seeds) for _ in over])
        outcome = "done"
    except REFUSALS as refused:
        outcome = type(refused).__name__
    if (seconds := time.monotonic() - started) > HANG_SECONDS_MAX:
        raise Finding(f"took {seconds:.0f} s")
    if wrong := FINDINGS & seen.killed.keys():
        raise Finding(f"a process ended by {', '.join(wrong)}")
    seen.outcomes[outcome] += 1


@dataclass(frozen=True)
class Memory:
    """Resident bytes."""

    zygote: int
    parent: int

    @classmethod
    def now(cls, pool: DecoderPool) -> Memory:
        zygote = pool._decoders._zygote
        assert zygote is not None
        return cls(psutil.Process(zygote._process.pid).memory_info().rss, psutil.Process().memory_info().rss)

    def since(self, before: Memory) -> int:
        return max(self.zygote - before.zygote, self.parent - before.parent)


@dataclass(frozen=True)
class Report:
    """What a run was."""

    jobs: int
    seen: Seen
    growth_bytes: int


async def run(seconds: float, *, seed: int, first: int = 0, jobs_max: int | None = None) -> Report:
    """Damaged pictures for so long, `PROCESSES` at a time. Raises Finding, or what should not have been raised, with the
    number of the job in a note; that job alone runs again with `first` and `jobs_max=1`.
    """
    seeds, seen, number = sources(), Seen(), first
    settings = PoolSettings(
        processes=PROCESSES, job_seconds_max=JOB_SECONDS_MAX, cpu_seconds_max=CPU_SECONDS_MAX, niceness=0
    )
    pool = DecoderPool(settings, observer=seen)
    await pool.start()
    began = time.monotonic()
    warm: Memory | None = None

    async def work(tenant: str) -> None:
        nonlocal number, warm
        while time.monotonic() - began < seconds and (jobs_max is None or number - first < jobs_max):
            mine, number = number, number + 1
            if warm is None and time.monotonic() - began > seconds * WARM_SHARE:
                warm = Memory.now(pool)
            try:
                await check(pool, seen, random.Random(f"{seed}:{mine}"), seeds, tenant=tenant)
            except Exception as wrong:
                wrong.add_note(f"repeat it with: python -m tests.fuzz media --seed {seed} --only {mine}")
                raise

    try:
        async with asyncio.TaskGroup() as group:
            for worker in range(PROCESSES):
                group.create_task(work(f"t{worker}"))
        growth = Memory.now(pool).since(warm) if warm is not None else 0
    finally:
        await pool.close()
    if growth > GROWTH_BYTES_MAX:
        raise Finding(f"memory grew by {growth / MIB:.1f} MiB")
    return Report(jobs=number - first, seen=seen, growth_bytes=growth)
