"""The service routes of a worker: is this process alive, may the node serve, and the numbers of the whole node."""

from __future__ import annotations

import msgspec
from aiohttp import web

from domicile.media.errors import MediaError
from domicile.service.health import RETRY_AFTER_SECONDS, Health
from domicile.service.networks import Network, may_scrape
from edge.link import NodeLink
from edge.plain import Door, Plain

NO_STORE = ("Cache-Control", "no-store")
JSON = ("Content-Type", "application/json")
METRICS_TYPE = ("Content-Type", "text/plain; version=0.0.4; charset=utf-8")


def doors(link: NodeLink, metrics_networks: tuple[Network, ...]) -> dict[str, Door]:
    """What answers each service path. `metrics_networks`: who may read the numbers."""
    health = Health()
    health.add("lease", lambda: None if link.serving() else "no_lease")
    health.add("listening", lambda: None if link.slot.listening else "stopping")

    async def healthz(_: web.BaseRequest) -> Plain:
        return Plain(status=200, headers=(NO_STORE, JSON), body=msgspec.json.encode({"status": "alive"}))

    async def readyz(_: web.BaseRequest) -> Plain:
        report = await health.report()
        body = msgspec.json.encode({"status": "ready" if report.ready else "not_ready", "checks": report.checks})
        later = () if report.ready else (("Retry-After", str(RETRY_AFTER_SECONDS)),)
        return Plain(status=200 if report.ready else 503, headers=(NO_STORE, JSON, *later), body=body)

    async def metrics(request: web.BaseRequest) -> Plain:
        if not may_scrape(request.remote, request.headers, metrics_networks):
            return Plain(status=404, headers=(NO_STORE,), body=b"")
        try:
            text = await link.metrics_text()
        except MediaError:  # the agent is away; its own alarm is that this page is missing
            return Plain(status=503, headers=(NO_STORE,), body=b"")
        return Plain(status=200, headers=(NO_STORE, METRICS_TYPE), body=text)

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
