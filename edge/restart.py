"""A restart without a gap: on SIGHUP the node goes on by the settings of now, and each worker in turn by the code of now.

    look       a process of the new code reads the new settings and certificates; what cannot change under way, or is wrong, stops
               the restart here
    renew      the agent takes the settings over, and then the supervisor; both stay: the agent holds lease and keys, and keys are
               nowhere else, and the supervisor holds the sockets
    replace    worker 0 drains and ends -> its successor has caught up with the journal and listens -> worker 1 …

While a worker is replaced the others accept its connections; on a node of one, they wait in its socket.

The same happens by itself `edge.node.recycle_seconds` after an erasure (decisions E.5): what a process has freed still holds
pictures, names and keys, and goes when the process ends. Whatever is erased until then goes with it. Nobody asked for this one, so
viewers of long responses are not cut off where others serve: their worker leaves in its own time, within a limit, and no more
than one of a node is leaving.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence

import msgspec
import structlog

from edge import counters, metrics, page
from edge.children import STOP_MARGIN_SECONDS, Child
from edge.messages import Downward, Upward
from edge.page import SharedPage
from edge.settings import EdgeSettings

LOOK_SECONDS_MAX = 30.0
"""For the process that reads the new settings."""
POLL_SECONDS = 0.02
RECYCLE_POLL_SECONDS = 0.25
SAID_CHARACTERS_MAX = 500

log = structlog.get_logger("edge.restart")


class Refused(Exception):
    """The node goes on as it is; the text says why."""


async def due(shared: SharedPage, asked: asyncio.Event, recycle_seconds: float) -> None:
    """Until the operator asks for a restart, or an erasure has been `recycle_seconds` ago (0: never) and old workers are there."""
    loop = asyncio.get_running_loop()
    since: float | None = None
    while not asked.is_set():
        is_owed = bool(recycle_seconds) and shared.forgotten != shared.erased
        since = (since or loop.time()) if is_owed else None
        if since is not None and loop.time() - since >= recycle_seconds:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECYCLE_POLL_SECONDS):
                await asked.wait()


def fixed(settings: EdgeSettings) -> dict[str, str]:
    """What only a stop and a start can change, as text: settings that processes have in common, and the shape of what they share."""
    named = {
        "edge.listen": settings.listen,
        "edge.cdn.listen": settings.cdn.listen,
        "edge.tier.listen": settings.tier.listen,
        "edge.tls.certificate_file": "set" if settings.tls.certificate_file is not None else "empty",
        "edge.region": settings.region,
        "edge.origin.base": settings.origin.base,
        "edge.workers": settings.worker_count,
        "edge.data_dir": settings.data_dir.absolute(),
        "edge.cache_dir": settings.cache_path,
        "edge.run_dir": settings.run_path,
        "edge.passthrough.routes": " ".join(settings.passthrough.routes),
    }
    return {**{name: str(value) for name, value in named.items()}, "the code": shared_shape()}


def shared_shape() -> str:
    """A digest of page, counters and messages: workers of another one would not understand the agent, nor it them."""
    names = [*metrics.Count, *metrics.Gauge, *metrics.Route, *metrics.Cache, *metrics.FORMATS, *metrics.RESULTS]
    spoken = [repr(msgspec.inspect.type_info(kind)) for kind in (Upward, Downward)]
    shape = [page.VERSION, page.PAGE_BYTES, counters.WORDS, *names, *spoken]
    return hashlib.sha256("\n".join(map(str, shape)).encode()).hexdigest()[:16]


def differing(now: dict[str, str], then: dict[str, str]) -> tuple[str, ...]:
    """Names of what the new code or the new settings would change."""
    return tuple(name for name in sorted(now.keys() | then.keys()) if now.get(name) != then.get(name))


def look_words(*, is_asked: bool) -> tuple[str, ...]:
    """What the process that looks is told. Nobody is there to mend a certificate that has ended when an erasure is the cause,
    and what was erased is to go from memory all the same.
    """
    return ("look",) if is_asked else ("look", "--unasked")


async def look(command: list[str], settings: EdgeSettings) -> None:
    """Can workers run with the code and the settings of now? `command` prints their `fixed`. Raises Refused."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as failed:
        raise Refused(f"the new code cannot be started: {failed.strerror}") from failed
    try:
        async with asyncio.timeout(LOOK_SECONDS_MAX):
            said, complaint = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Refused("the new settings could not be read in time") from None
    if process.returncode:
        raise Refused(complaint.decode("utf-8", "replace").strip()[-SAID_CHARACTERS_MAX:])
    try:
        then = msgspec.json.decode(said, type=dict[str, str])
    except msgspec.MsgspecError as odd:
        raise Refused("the new code does not say what it would change") from odd
    _refuse(differing(fixed(settings), then))


def check(now: EdgeSettings, then: EdgeSettings) -> None:
    """Can a process that runs go on by these settings? Raises Refused, naming what it cannot take over."""
    _refuse(differing(fixed(now), fixed(then)))


def _refuse(changed: Sequence[str]) -> None:
    if changed:
        raise Refused(f"{', '.join(changed)} changed: that takes a stop and a start")


def leave_seconds_max(settings: EdgeSettings, *, is_asked: bool) -> float:
    """How long a worker may take to leave by itself; 0: it ends as at a stop. `is_asked`: by the operator, who waits for it."""
    return 0.0 if is_asked or settings.worker_count == 1 else settings.node.recycle_drain_seconds_max


async def replace_all(
    workers: Sequence[Child], shared: SharedPage, settings: EdgeSettings, *, leave: float, hurry: asyncio.Event
) -> None:
    """One after the other. Raises Refused when a successor does not come up; workers after it stay as they are. `leave`: see
    `leave_seconds_max`; none of that is left when somebody is in a `hurry`.
    """
    erased = shared.erased
    for slot, worker in enumerate(workers):
        before = shared.slots[slot].boot
        end = settings.node.drain_seconds_max + STOP_MARGIN_SECONDS
        await worker.replace(end, leave_seconds_max=leave, hurry=hurry)
        try:
            async with asyncio.timeout(settings.node.replace_seconds_max):
                while not shared.slots[slot].listening or shared.slots[slot].boot == before:  # noqa: ASYNC110 - it is in another process
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise Refused(f"{worker.name} did not come up again; the workers after it were left alone") from None
        log.info("worker_replaced", slot=slot)
    shared.forgotten = erased
