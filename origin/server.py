"""One origin process, from opened records to a drained end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from socket import socket
from ssl import SSLContext

from aiohttp import web

from domicile.media.keys import name_hash
from domicile.service import logging
from domicile.service.gate.cdn import CdnClient
from domicile.service.gate.probe import ProbeClient
from domicile.service.gate.remote import RemoteClient, authorities
from domicile.service.pool import DecoderPool
from domicile.service.profile import installed_engines, refuse_unsafe_engines
from domicile.service.settings import blamed
from domicile.service.tasks import Background
from origin import case_clock, cdn_worker, eager_worker, notice_worker, probe_worker
from origin.api.archive_turns import ArchiveTurns
from origin.api.budget import Budget
from origin.api.limits import Limits
from origin.app import ROUTE_NAMES, api_app
from origin.certificates import Certificate, certificates_of, reread_certificate
from origin.credentials import write_credentials
from origin.demo import prepare_demo
from origin.fetched import Fetched
from origin.http import QuietRunner
from origin.keys import Origin
from origin.metrics import Metrics
from origin.operator_app import operator_app
from origin.policy import BadPolicyFile
from origin.rates import Rates
from origin.records import Records
from origin.settings import OriginSettings
from origin.sites import TlsSite, api_tls, tcp_socket, unix_socket, wire_tls
from origin.wire_app import wire_app

Listener = tuple[socket, SSLContext | None]

DRAIN_STEP_SECONDS = 0.02
CUT_SECONDS_MAX = 2.0
"""How long a connection may take to close after the drain: a long poll of an edge notices within a second."""

log = logging.get()


@asynccontextmanager
async def opened(settings: OriginSettings, *, tells_features: bool = False) -> AsyncIterator[Origin]:
    """Records open, decoders running. Raises BadSetting."""
    refuse_unsafe_engines(installed_engines())
    metrics = Metrics(region=settings.records.region, routes=ROUTE_NAMES)
    with blamed("origin.remote.authority", settings.remote.authority, "a PEM file"):
        believed = authorities(settings.remote.authority)
    remote, webhooks = (
        RemoteClient(limits, private_hosts=settings.remote.private, authorities=believed)
        for limits in (settings.remote.limits(), settings.notices.limits())
    )
    async with Records.open(settings.records) as records:
        pool = DecoderPool(settings.pool, observer=metrics)
        await pool.start(tells_features=tells_features)
        try:
            origin = Origin(
                settings=settings,
                records=records,
                pool=pool,
                metrics=metrics,
                now=time.time,
                budget=Budget(settings.upload.in_flight_bytes_max),
                limits=Limits(admin_calls_max=settings.admin_calls_max, lookups_max=settings.subjects.lookups_max),
                remote=remote,
                webhooks=webhooks,
                unsigned_rates=Rates(settings.upload.unsigned_calls_max),
                archives=ArchiveTurns(settings.upload.archives_max),
            )
            async with Background(log) as background:
                origin.fetched = Fetched(origin, background, clock=time.monotonic)
                yield origin
        finally:
            await pool.close()


class CataloguePutBack(Exception):
    """It is older than what this process knows. The next start brings it up to date."""


async def serve(settings: OriginSettings, stop: asyncio.Event, *, tells_features: bool = False) -> None:
    """Serve until `stop`, then drain: nothing new is accepted, what runs may end. `tells_features`: the line that says that it is
    ready says what its decoders can do, too. Raises BadSetting, CataloguePutBack.
    """
    listener = tcp_socket(settings.listen, "origin.listen")
    host, port = listener.getsockname()[:2]
    settings = replace(settings, listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    async with AsyncExitStack() as stack:
        stack.callback(listener.close)
        origin = await stack.enter_async_context(opened(settings, tells_features=tells_features))
        cdns = await stack.enter_async_context(CdnClient.open(authorities(settings.remote.authority)))
        prober = await stack.enter_async_context(ProbeClient.open(authorities(settings.remote.authority)))
        runners: list[web.BaseRunner] = []
        stack.push_async_callback(_end, origin, runners)
        if settings.demo:
            await prepare_demo(origin)
        wire = wire_tls(settings) if settings.wire_listen else None
        await _start(wire_app(origin), _wire_listeners(settings, wire), runners)
        if settings.admin_socket is not None:
            door = unix_socket(settings.admin_socket, "origin.admin_socket")
            await _start(operator_app(origin), [(door, None)], runners)
        tls = api_tls(settings.tls)
        await _start_api(origin, listener, tls, runners)
        changed = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, changed.set)
        _say_ready(settings, origin.pool.features)
        async with asyncio.TaskGroup() as group:
            loops = (
                _reread(origin, certificates_of(settings, api=tls, wire=wire), changed),
                eager_worker.run(origin),
                notice_worker.run(origin),
                cdn_worker.run(origin, cdns),
                probe_worker.run(origin, prober),
                case_clock.run(origin),
            )
            beside = [group.create_task(loop) for loop in loops]
            beside.append(group.create_task(_end_if(origin.records.put_back, stop)))
            await stop.wait()
            for work in beside:
                work.cancel()
        log.info("origin_draining")
    if origin.records.put_back.is_set():
        raise CataloguePutBack


async def _end_if(put_back: asyncio.Event, stop: asyncio.Event) -> None:
    await put_back.wait()
    stop.set()


def _wire_listeners(settings: OriginSettings, tls: SSLContext | None) -> list[Listener]:
    listeners: list[Listener] = []
    if settings.wire_socket is not None:
        listeners.append((unix_socket(settings.wire_socket, "origin.wire_socket"), None))
    if tls is not None:
        listeners.append((tcp_socket(settings.wire_listen, "origin.wire_listen"), tls))
    return listeners


async def _start(app: web.Application, listeners: list[Listener], runners: list[web.BaseRunner]) -> None:
    runner = QuietRunner(app, drain_seconds_max=CUT_SECONDS_MAX)
    runners.append(runner)
    await runner.setup()
    for listener, tls in listeners:
        await web.SockSite(runner, listener, ssl_context=tls).start()


async def _start_api(origin: Origin, listener: socket, tls: SSLContext | None, runners: list[web.BaseRunner]) -> None:
    if tls is None:
        await _start(api_app(origin), [(listener, None)], runners)
        return
    await _start(api_app(origin), [], runners)
    await TlsSite(runners[-1], listener, tls, origin.settings.tls).start()


async def _end(origin: Origin, runners: list[web.BaseRunner]) -> None:
    """The API ends first, so that edges hear of its last changes.

    aiohttp drops what arrives once it begins to shut a connection down, so uploads that are under way end before that.
    """
    origin.draining = True
    for site in [site for runner in runners[-1:] for site in runner.sites]:
        await site.stop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(origin.settings.drain_seconds_max):
            while origin.running:  # noqa: ASYNC110 - looked at for seconds, once in a process's life
                await asyncio.sleep(DRAIN_STEP_SECONDS)
    for runner in reversed(runners):
        await runner.cleanup()
    for path in (origin.settings.wire_socket, origin.settings.admin_socket):
        if path is not None and path.is_socket():  # a start that failed may leave here what is somebody else's
            path.unlink(missing_ok=True)
    log.info("origin_stopped")


def _say_ready(settings: OriginSettings, features: Mapping[str, object] | None) -> None:
    """Tell the parent: one JSON line on stdout, and the file if one is wished for."""
    said = {"event": "ready", "ready": True, "tier": "origin", "api": settings.api_base}
    line = json.dumps(said if features is None else {**said, "features": features})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if settings.ready_file is not None:
        with blamed("origin.ready_file", settings.ready_file, "a file that can be written"):
            write_credentials(settings.ready_file, line)
    log.info("origin_ready", region=settings.records.region)


async def _reread(origin: Origin, certificates: list[Certificate], told: asyncio.Event) -> None:
    """SIGHUP: the policy files have changed, or certificates."""
    while True:
        await told.wait()
        told.clear()
        await reread_policies(origin.records)
        for certificate in certificates:
            reread_certificate(certificate)


async def reread_policies(records: Records) -> None:
    """Take what the policy files say now. A file that is not a policy changes nothing, for nobody, and is logged.

    Raises nothing: with a policy in force that can be kept, no mistake in a file is worth the end of an installation.
    """
    try:
        changed = await records.reload_policies()
    except BadPolicyFile as bad:
        tenant = records.tenant(bad.cloud)
        cloud = None if tenant is None else name_hash(tenant.name_key, "cloud", bad.cloud)
        log.warning("policies_not_reread", cloud=cloud, kind=type(bad.__cause__).__name__, setting=bad.field)
    except Exception as failed:  # a full disk, a busy database: the next SIGHUP tries again
        log.exception("policies_not_reread", kind=type(failed).__name__)
    else:
        log.info("policies_reread", changed=len(changed))


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
