"""The decoder pool: untrusted media is decoded in processes that can be killed, never in this one.

    probe / render -> turn (`line.py`: bounded, cloud by cloud) -> known killer? -> a process of this tenant -> job
    -> checked reply

A process serves one tenant between two recycles (decisions N): a worker that an earlier picture has taken over sees
nobody else's. A job that crashes its process, overruns its time or its memory there is done once more on a fresh one;
if that ends too the job is refused, and the same bytes with the same job are refused at once from then on
(`killers.py`). What the machine is to blame for is answered as overload (`pool_verdict.py`). This module imports no
picture library: an idle serving process stays small.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from domicile.imaging.channel import MESSAGE_BYTES_MAX, Broken, Reply, encode
from domicile.imaging.job import Done, FilmParts, GatherJob, Job, MediaLimits, ProbeJob, RenderJob, Wants
from domicile.media.cost import PIXELS_MIN, pixels_of_bytes
from domicile.media.errors import LimitExceeded, Overloaded
from domicile.media.layer import LAYERS_MAX
from domicile.service.killers import Killers, plainest
from domicile.service.line import Line
from domicile.service.pool_decoders import Decoders
from domicile.service.pool_files import Body, ResultFile, SourceFile, as_files, size_of
from domicile.service.pool_process import Decoder, DecoderGone
from domicile.service.pool_replies import done_of, is_plausible, label_of
from domicile.service.pool_settings import PoolSettings
from domicile.service.pool_values import NoObserver, PoolObserver, Probed, Rendered
from domicile.service.pool_verdict import Bounds, Guilty, Verdict, answer_to, verdict_on
from domicile.service.turns import TurnLimits

OUT_OF_MEMORY = "MemoryError"
"""What a handler raises when the allocator refuses: as much the fault of what the process has kept as of the job."""

log = structlog.get_logger()


class DecoderPool:
    """Decoder processes of one serving process. Use from one event loop; `start` first, `close` last."""

    def __init__(
        self,
        settings: PoolSettings,
        *,
        observer: PoolObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
        handlers: Path | None = None,
    ) -> None:
        """`handlers`: a Python file with other `probe` and `render`, for tests."""
        self._settings = settings
        self._observer: PoolObserver = observer or NoObserver()
        self._clock = clock
        self._bounds = Bounds(
            seconds_max=settings.job_seconds_max,
            cpu_seconds_max=settings.cpu_seconds_max,
            memory_bytes_max=settings.memory_bytes_max,
        )
        self._line = Line(
            TurnLimits(
                turns=settings.processes_or_default(),
                cost_max=settings.pixels_in_work_or_default(),
                waiting_max=settings.queue_length_max,
                waiting_tenant_max=settings.queue_length_tenant_max,
            ),
            seconds_max=settings.queue_seconds_max,
            complaint="Too many images are being processed",
            observer=self._observer,
            clock=clock,
        )
        self._decoders = Decoders(settings, handlers=handlers, on_killed=self._observer.on_worker_killed)
        self._killers = Killers(settings.killers_max)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self, *, tells_features: bool = False) -> None:
        """`tells_features`: so that `features` has something to tell, which takes a moment longer. Raises CannotFork, also when a
        layer of `layers_required` does not hold.
        """
        await self._decoders.start(tells_features=tells_features)

    async def close(self) -> None:
        """Kill all processes, and wait until they are gone. Running jobs end as Overloaded."""
        await self._decoders.close()

    @property
    def layers(self) -> Mapping[str, bool]:
        """Which layers of the sandbox hold here, as the first decoder reported."""
        return self._decoders.layers

    @property
    def features(self) -> Mapping[str, object] | None:
        """What decoders read and write here (`domicile.imaging.features`), if `start` was told to ask."""
        return self._decoders.features

    def retire(self, tenant: str | None = None) -> None:
        """After an erase: idle decoders of this tenant (of all) end now, working ones after their job."""
        self._decoders.retire(tenant)

    # --- the three jobs -----------------------------------------------------------------------------------------------

    async def probe(
        self, source: Body, limits: MediaLimits, *, tenant: str, wishes: tuple[str, ...] = (), pdf: bool = False
    ) -> Probed:
        """Facts of `source`, every frame decoded once; `wishes`: what else to tell of it (`media/analysis.py`). Without
        `pdf` no PDF is opened.

        Raises UndecodableMedia, LimitExceeded, BadTransformation (no faces here), Overloaded, ProcessingFailed.
        """
        cost = pixels_of_bytes(size_of(source), limits.source_pixels_max)
        job = ProbeJob(limits=limits, wishes=wishes, pdf=pdf)
        reply, _, queued = await self._run("probe", [source], job, tenant, cost)
        return Probed(done=done_of(reply), queued_seconds=queued, resident_bytes=reply.resident_bytes)

    async def probe_film(self, parts: Body, said: FilmParts, *, tenant: str) -> Done | Wants:
        """What parts of a film tell of it, or which part is needed, too. Raises UndecodableMedia, LimitExceeded, Overloaded."""
        job = ProbeJob(limits=MediaLimits(), film=said)
        reply, _, _ = await self._run("probe", [parts], job, tenant, PIXELS_MIN)
        return reply.outcome if isinstance(reply.outcome, Wants) else done_of(reply)

    async def render(
        self, source: Body, job: RenderJob, *, tenant: str, layers: Sequence[Body] = (), pixels: int = PIXELS_MIN
    ) -> Rendered:
        """One rendition; `layers` are the bodies of `job.layers`, in that order. `pixels`: what it costs, they included
        (`media/cost.py`).

        Raises UndecodableMedia, LimitExceeded, BadTransformation, Overloaded, ProcessingFailed.
        """
        if len(layers) != len(job.layers):
            raise ValueError("a job needs one body for each of its layers")
        reply, body, queued = await self._run("render", [source, *layers], job, tenant, pixels)
        return Rendered(done=done_of(reply), body=body, queued_seconds=queued, resident_bytes=reply.resident_bytes)

    async def gather(self, pieces: Sequence[bytes], job: GatherJob, *, tenant: str) -> Rendered:
        """One picture of many, in the order of the job. Raises as `render`."""
        sheets = len(job.places) if job.duration_ms else 1
        pixels = max(PIXELS_MIN, sheets * job.canvas[0] * job.canvas[1])
        reply, body, queued = await self._run("gather", [b"".join(pieces)], job, tenant, pixels)
        return Rendered(done=done_of(reply), body=body, queued_seconds=queued, resident_bytes=reply.resident_bytes)

    async def _run(
        self, kind: str, bodies: Sequence[Body], job: Job, tenant: str, pixels: int
    ) -> tuple[Reply, bytes, float]:
        if len(bodies) > 1 + LAYERS_MAX:
            raise LimitExceeded(f"Too many layers. Maximum is {LAYERS_MAX}")
        if any(size_of(body) > job.limits.source_bytes_max for body in bodies):
            raise LimitExceeded(f"File size too large. Maximum is {job.limits.source_bytes_max} bytes")
        message = encode(job)
        if len(message) > MESSAGE_BYTES_MAX:
            raise LimitExceeded("Transformation is too long")
        arrived = self._clock()
        async with self._turn(tenant, pixels), as_files(bodies) as sources:
            record = await self._killers.look_up(sources, message)
            if record.death is not None:
                self._observer.on_job(kind, "", 0.0, "known_killer")
                raise answer_to(record.death)
            for suspect in record.suspects:
                await self._try_source(suspect, job, tenant)
            try:
                reply, result, started = await self._attempt(kind, sources, message, tenant)
            except Guilty as guilty:
                await self._killers.remember(sources, message, guilty.death, is_proved=guilty.is_proved)
                raise guilty.answer() from guilty
        return reply, result, started - arrived

    async def _try_source(self, source: SourceFile, job: Job, tenant: str) -> None:
        """Other jobs of this source ended their processes: does the plainest one, of it alone? Then it is the source,
        whatever is asked of it, and it is refused from now on; else it was what was asked, or what lay over it or
        under it. Raises the refusal, or Overloaded.
        """
        try:
            await self._attempt("render", [source], encode(plainest(job.limits)), tenant, must_be_fresh=True)
        except Guilty as guilty:
            if guilty.is_proved:
                log.warning("decoder_source_refused", death=guilty.death)
                await self._killers.judge(source, guilty.death)
            raise guilty.answer() from guilty
        await self._killers.judge(source, None)

    async def _attempt(
        self, kind: str, sources: Sequence[SourceFile], message: bytes, tenant: str, *, must_be_fresh: bool = False
    ) -> tuple[Reply, bytes, float]:
        """Run a job until its outcome means something: what ends a process that has worked before is tried again on a
        fresh one. Also says when the job that counted was started. Raises Guilty, Overloaded.
        """
        while True:
            decoder = await self._decoders.get(tenant, must_be_fresh=must_be_fresh, working=self._line.working)
            must_be_fresh = was_fresh = decoder.jobs == 0
            started = self._clock()
            try:
                return (*await self._work(decoder, kind, sources, message), started)
            except DecoderGone as gone:
                verdict = verdict_on(gone.reason, was_fresh=was_fresh)
                if verdict is Verdict.OVERLOADED:
                    raise Overloaded("No image can be processed now") from gone
                if verdict is not Verdict.AGAIN:
                    raise Guilty(gone.reason, is_proved=verdict is Verdict.GUILTY) from gone
                must_be_fresh = True

    async def _work(
        self, decoder: Decoder, kind: str, sources: Sequence[SourceFile], message: bytes
    ) -> tuple[Reply, bytes]:
        """Run one job and keep the books. The decoder is idle or dead afterwards."""
        started, outcome, format_ = self._clock(), "cancelled", ""
        try:
            with ResultFile() as result_file:
                bodies = [*(source.fileno() for source in sources), result_file.fileno()]
                reply = await decoder.run(message, bodies, self._bounds)
                result = await self._checked(decoder, reply, result_file, kind)
            outcome, format_ = label_of(reply)
        except DecoderGone as gone:
            outcome = gone.reason
            raise
        finally:
            self._decoders.put(decoder, outcome)
            self._observer.on_job(kind, format_, self._clock() - started, outcome)
        return reply, result

    async def _checked(self, decoder: Decoder, reply: Reply, result_file: ResultFile, kind: str) -> bytes:
        """The body, when the reply can be believed. Raises DecoderGone; the decoder is killed then."""
        outcome = reply.outcome
        if isinstance(outcome, Broken) and is_plausible(outcome):
            if outcome.error == OUT_OF_MEMORY:
                raise DecoderGone("memory")
            log.error("decoder_handler_failed", kind=kind, error=outcome.error, where=outcome.where)
            raise DecoderGone("handler_failed")
        result: bytes | None = None
        if is_plausible(outcome) and 0 <= reply.body_bytes <= self._settings.result_bytes_max:
            result = await result_file.read(reply.body_bytes)
        if result is None:
            decoder.kill("protocol")
            raise DecoderGone("protocol")
        return result

    @asynccontextmanager
    async def _turn(self, tenant: str, pixels: int) -> AsyncIterator[None]:
        """One of as many turns as there are processes. Raises Overloaded: the line is full, or the wait too long."""
        if not self._decoders.are_there:
            raise Overloaded("The server is shutting down")
        async with self._line.turn(tenant, pixels):
            yield
