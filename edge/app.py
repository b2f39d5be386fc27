"""One request in, one response out: routes, methods, errors, and what is counted about them.

    GET HEAD OPTIONS  /...                    media (OPTIONS only for browsers that ask first)
    GET HEAD          /{cloud}/search/...     a signed search, handed on to the origin
    GET               /healthz                this process answers
    GET               /readyz                 and may serve: the node holds a lease
    GET               /metrics                of the whole node, for whom edge.metrics_networks lets
    POST              /_edge/v1/purge         a signed purge, handed on unread

The target of the request is looked at as received (`message.path`), never through a URL library.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from domicile.media.auth_token import NOTHING, TOKEN_NAME, Shown, tokens_of
from domicile.media.errors import BadUrl, LeaseLost, MediaError, Overloaded, UpstreamUnavailable, WrongPlace
from domicile.media.pending import NO_HINTS, may_follow_hints, read_hints
from domicile.media.search_url import parse_search
from edge.cache.forward import has_come_round
from edge.counters import Counters
from edge.deliver import Delivered, Deliverer
from edge.front import ANYBODY, Asker, Front
from edge.hosts import Hosts
from edge.hot import Hot
from edge.metrics import Cache, Count, Route
from edge.occasionally import Occasionally
from edge.open_responses import InProgress, OpenResponses
from edge.own_probe import FIELD, is_proved
from edge.plain import Door, Plain
from edge.rates import RateLimited, Rates
from edge.respond import Reply, empty, plain, preflight, refusal
from edge.search import Searches
from edge.send import CutOff, TooSlow, send
from edge.store.port import close_body
from edge.upstream import AssetGone
from edge.wording import Wording

PURGE_PATH = "/_edge/v1/purge"
METRICS_PATH = "/metrics"
SERVICE_PATHS = frozenset({"/healthz", "/readyz", METRICS_PATH})
MEDIA_METHODS = frozenset({"GET", "HEAD"})
TIERS = {"memory": Cache.MEMORY, "disk": Cache.DISK, "peer": Cache.PEER, None: Cache.MISS}

log = structlog.get_logger("edge.app")


@dataclass(slots=True)
class _Tally:
    """What is counted when the response is over."""

    started: float
    route: Route = Route.DELIVERY
    cache: Cache = Cache.NONE
    status: int = 500
    body_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The worker's front door."""

    deliverer: Deliverer
    responses: OpenResponses
    counters: Counters
    region: str
    hosts: Hosts
    wording: Wording
    hot: Hot
    progress_seconds_max: float
    requests_max: int
    rates: Rates
    in_progress: InProgress
    probe_key: bytes = field(repr=False)
    """By which this node's own probes are known: the limit of a cloud's rate is not for them."""
    purge: Door
    searches: Searches
    services: dict[str, Door] = field(default_factory=dict)
    """By path; see SERVICE_PATHS."""
    front: Front = ANYBODY
    """Of the listener that this is the door of."""
    failures: Occasionally = field(default_factory=Occasionally)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers everything; raises only ConnectionError, when there is nobody to answer."""
        tally = _Tally(started=time.perf_counter())
        try:
            return await self._answer(request, tally)
        except TooSlow:
            self.counters.add(Count.SLOW)
            raise
        except CutOff:
            self.counters.add(Count.ABORTED)
            raise
        except MediaError as error:
            return await self._refuse(request, error, tally)
        except ConnectionError:
            raise
        except Exception as bug:
            log.exception("request_failed", error=type(bug).__name__)
            return await self._send_empty(request, empty(500, region=self.region), tally)
        finally:
            seconds = time.perf_counter() - tally.started
            self.counters.request(tally.route, tally.cache, tally.status, seconds, tally.body_bytes)

    async def _answer(self, request: web.BaseRequest, tally: _Tally) -> web.StreamResponse:
        self._check_host(request)
        path = request.raw_path.partition("?")[0]
        if path == PURGE_PATH:
            tally.route = Route.PURGE
            if request.method != "POST":
                return await self._send_empty(request, self._wrong_method("POST"), tally)
            return await self._send_plain(request, await self.purge(request), tally)
        if path in SERVICE_PATHS and request.method in MEDIA_METHODS:
            tally.route = Route.SERVICE
            if path == METRICS_PATH and self._is_cdn(request):
                return await self._send_empty(request, empty(404, region=self.region), tally)
            return await self._send_plain(request, await self.services[path](request), tally)
        if request.method == "OPTIONS":
            return await self._send_empty(request, preflight(self.region), tally)
        if request.method not in MEDIA_METHODS:
            return await self._send_empty(request, self._wrong_method("GET, HEAD, OPTIONS"), tally)
        if has_come_round(tuple(("cdn-loop", value) for value in request.headers.getall("CDN-Loop", ()))):
            return await self._send_empty(request, empty(508, region=self.region), tally)
        asker = self.front.asker(request.headers.getall(self.front.secret_field, ()))
        if self.front.refuses(asker):
            return await self._send_empty(request, empty(403, region=self.region), tally)
        return await self._media(request, asker, tally)

    async def _media(self, request: web.BaseRequest, asker: Asker, tally: _Tally) -> web.StreamResponse:
        if self.in_progress.count >= self.requests_max:
            self.counters.add(Count.REQUESTS_REFUSED)
            raise Overloaded("Too many requests; try again")
        path = self._path(request)
        cloud = path[1:].partition("/")[0]
        is_over = cloud in self.deliverer.link.tenants and not self.rates.take(cloud, tally.started)
        if is_over and not is_proved(self.probe_key, request.raw_path, request.headers.getall(FIELD, ())):
            self.counters.add(Count.LIMITED)
            raise RateLimited("This cloud is asked for too often; try again")
        self.in_progress.count += 1
        try:
            searched = parse_search(path)
            if searched is not None:
                tally.route = Route.SEARCH
                return await self._send_plain(request, await self.searches.answer(searched), tally)
            return await self._delivery(request, path, asker, tally)
        finally:
            self.in_progress.count -= 1

    async def _delivery(self, request: web.BaseRequest, path: str, asker: Asker, tally: _Tally) -> web.StreamResponse:
        accept = ",".join(request.headers.getall("Accept", ())).encode("ascii", "ignore").decode()
        hints = read_hints(request.headers) if may_follow_hints(path) else NO_HINTS
        shown = _shown(request)
        delivered = await self.deliverer.deliver(path, accept, hints, shown)
        head = delivered.stored.head
        if request.method == "GET":
            self.hot.learn(path, accept, delivered)  # at once: its marks may change meanwhile
        try:
            with self.responses.entered(head, request.transport), self.deliverer.torn_is_dropped(delivered):
                if not await self.deliverer.confirm(delivered.stored, delivered.leave):
                    raise LeaseLost("The server cannot be sure that its copies are current; try again")
                reply = self._picture(request, asker, delivered, tally)
                tally.status, tally.cache = reply.status, TIERS[delivered.tier]
                tally.body_bytes = reply.body_bytes
                return await send(
                    request,
                    reply,
                    delivered.stored.body,
                    confirm=lambda: self.deliverer.confirm(delivered.stored, delivered.leave),
                    progress_seconds_max=self.progress_seconds_max,
                )
        finally:
            close_body(delivered.stored)

    def _picture(self, request: web.BaseRequest, asker: Asker, delivered: Delivered, tally: _Tally) -> Reply:
        if delivered.collapsed:
            self.counters.add(Count.COALESCED)
        elapsed = time.perf_counter() - tally.started
        return self.wording.picture(
            delivered, asker, method=request.method, asked=request.headers, elapsed_seconds=elapsed
        )

    def _path(self, request: web.BaseRequest) -> str:
        """As it is spelled on a host of all clouds."""
        return self.hosts.path(request.headers.get("Host", ""), request.raw_path)

    def _check_host(self, request: web.BaseRequest) -> None:
        if not self.hosts.has(request.headers.get("Host", "")):
            raise WrongPlace("This host is not served here")

    async def _refuse(self, request: web.BaseRequest, error: MediaError, tally: _Tally) -> web.StreamResponse:
        if isinstance(error, AssetGone) and error.remembered:
            tally.cache = Cache.NEGATIVE
        if isinstance(error, LeaseLost):
            self.counters.add(Count.NOT_SERVING)
        if isinstance(error, UpstreamUnavailable) and (count := self.failures.due()):
            log.info("origin_failed", reason=type(error.__cause__ or error).__name__, count=count)
        origins = () if isinstance(error, BadUrl) else self._timing_allow_origin(request)
        return await self._send_empty(request, refusal(error, region=self.region, timing_allow_origin=origins), tally)

    def _timing_allow_origin(self, request: web.BaseRequest) -> tuple[str, ...]:
        """Of the tenant that the path names first, if it is one; errors are for its pages, too."""
        state = self.deliverer.link.tenants.get(self._path(request)[1:].partition("/")[0])
        return () if state is None else state.policy.timing_allow_origin

    def _wrong_method(self, allowed: str) -> Reply:
        return empty(405, region=self.region, headers=(("Allow", allowed),))

    async def _send_empty(self, request: web.BaseRequest, reply: Reply, tally: _Tally) -> web.StreamResponse:
        tally.status = reply.status
        return await send(request, reply, progress_seconds_max=self.progress_seconds_max)

    def _is_cdn(self, request: web.BaseRequest) -> bool:
        """A CDN asks for anybody."""
        asker = self.front.asker(request.headers.getall(self.front.secret_field, ()))
        return self.front.is_closed or asker is Asker.CDN

    async def _send_plain(self, request: web.BaseRequest, answer: Plain, tally: _Tally) -> web.StreamResponse:
        reply = plain(answer, region=self.region, method=request.method)
        tally.status = reply.status
        tally.body_bytes = reply.body_bytes
        return await send(request, reply, answer.body, progress_seconds_max=self.progress_seconds_max)


def _shown(request: web.BaseRequest) -> Shown:
    """The tokens of a request, and whom the connection is from."""
    cookies = request.headers.getall("Cookie", ())
    if TOKEN_NAME not in request.raw_path and not any(TOKEN_NAME in field for field in cookies):
        return NOTHING
    return Shown(tokens=tokens_of(request.raw_path, cookies), address=request.remote or "")
