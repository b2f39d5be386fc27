"""A whole worker in this process: real delivery, real sockets, a played agent, a played origin, a played decoder pool.

    async with Rig.open(tmp_path) as rig:
        rig.origin.upload("pic", b"the bytes")
        reply = await rig.get("/demo/image/upload/w_10/pic.png")

The played origin can be held back before it answers `resolve`, before the head of a blob, and in the middle of its body.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from domicile.imaging.job import Done, RenderJob, Timings
from domicile.media import keys
from domicile.media.access import Access, AccessRule, judge
from domicile.media.asset import Aid, AssetName, NameHash
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.errors import BadSignature
from domicile.media.facts import SourceFacts
from domicile.media.film import Film
from domicile.media.grammar import DEFAULT_LIMITS
from domicile.media.journal import Entry, Fence, Kind
from domicile.media.layer import LayerName
from domicile.media.pending import NO_HINTS, Hints
from domicile.media.policy import ResidencyPolicy
from domicile.media.policy_file import from_mapping
from domicile.media.sealed import SealContext, seal
from domicile.media.url import parse
from domicile.media.wire import (
    CONTENT_TYPE,
    PREFIX,
    Absent,
    Rendition,
    ResolveAnswer,
    Resolved,
    ResolvedLayer,
    ResolveRequest,
    WireError,
)
from domicile.service.gate.peer import PeerClient
from domicile.service.gate.wire import WireClient
from domicile.service.pool import DecoderPool
from domicile.service.pool_files import SourceFile
from domicile.service.pool_values import Rendered
from edge.bounds import bounds_of
from edge.cdn_settings import CdnSettings
from edge.connection_settings import ConnectionSettings
from edge.counters import Counters
from edge.delivery_settings import CacheSettings, DeliverySettings
from edge.entrance import entrance
from edge.flight import Flights
from edge.following import TenantState
from edge.keys import Terms, wanted
from edge.link import NodeLink
from edge.listener import Listener
from edge.messages import Applied, Event, Granted, KeyRecord, Numbered, StoredObject, TenantGrant
from edge.page import SharedPage, boottime_ns
from edge.parts import Outside, Parts, assemble
from edge.plain import Plain
from edge.settings import EdgeSettings
from edge.sockets import VIEWERS, Sockets
from edge.store.disk import DiskStore
from edge.store.guard import bind_directory
from edge.store.room import Marks, Room
from edge.tier_listener import parent_client, tier_entrances
from edge.tier_settings import TierSettings
from edge.wanted import Wanted

CLOUD = "demo"
REGION = "eu-de"
HOME = "eu-de"
NAME_KEY, FILE_KEY, TOKEN_KEY = b"n" * 32, b"f" * 32, b"t" * 32


def policy(**changes: Any) -> ResidencyPolicy:
    return from_mapping({"tenant": CLOUD, "interpretation": "strict-eu", **changes}, home=HOME)


def name_of(public_id: str, *, delivery_type: str = "upload") -> AssetName:
    return AssetName(cloud=CLOUD, resource_type="image", delivery_type=delivery_type, public_id=public_id)


def hash_of(public_id: str, *, delivery_type: str = "upload", kind: str = "name") -> NameHash:
    return keys.name_hash(NAME_KEY, kind, name_of(public_id, delivery_type=delivery_type).text)


@dataclass(slots=True)
class Asset:
    aid: Aid
    body: bytes
    data_key: bytes
    sealed: bytes
    tags: tuple[str, ...] = ()
    coordinates: Coordinates = NOWHERE
    format: str = "png"
    rules: tuple[AccessRule, ...] = ()
    film: Film | None = None

    @property
    def facts(self) -> SourceFacts:
        return SourceFacts(
            format=self.format, width=40, height=30, frames=1, has_alpha=False, orientation=1,
            body_bytes=len(self.body), md5=hashlib.md5(self.body).hexdigest(), film=self.film,
        )  # fmt: skip


@dataclass(slots=True)
class Gate:
    """Open unless `close` was called; `reached` says that somebody waits there."""

    _open: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()
        self.reached.clear()

    def open(self) -> None:
        self._open.set()

    async def passed(self) -> None:
        if not self._open.is_set():
            self.reached.set()
            await self._open.wait()


class PlayedOrigin:
    """One tenant's assets behind `resolve` and `blobs`."""

    def __init__(self) -> None:
        self.assets: dict[str, Asset] = {}
        self.sequence = 1
        self.epoch = 1
        self.config_revision = 1
        self.resolves = 0
        self.blobs = 0
        self.resolve_gate, self.head_gate, self.body_gate = Gate(), Gate(), Gate()
        self.good_signature = "goodsign"
        self.fetch_needs_signature = False
        self.transforms = True
        self.absent_status = 404
        self.breaks_off = False
        """Does the connection end in the middle of a body?"""
        self.behind: dict[str, int] = {}
        """By how many entries the place that a version is read from lags."""
        self.asked: list[ResolveRequest] = []
        self.now: Callable[[], float] = time.time

    def upload(self, public_id: str, body: bytes, *, delivery_type: str = "upload") -> Asset:
        aid, data_key = Aid(os.urandom(16).hex()), os.urandom(32)
        context = SealContext.original(tenant=CLOUD, aid=aid, region=HOME)
        sealed = seal(keys.subkey(data_key, "original"), context, header=b"", body=body, salt=os.urandom(32))
        asset = Asset(aid=aid, body=body, data_key=data_key, sealed=sealed)
        self.assets[f"{delivery_type}/{public_id}"] = asset
        return asset

    def rewrite(self, public_id: str, body: bytes) -> Asset:
        """Other bytes of the same version: who has read the old ones goes on with them."""
        old = self.assets[f"upload/{public_id}"]
        context = SealContext.original(tenant=CLOUD, aid=old.aid, region=HOME)
        sealed = seal(keys.subkey(old.data_key, "original"), context, header=b"", body=body, salt=os.urandom(32))
        new = self.assets[f"upload/{public_id}"] = replace(old, body=body, sealed=sealed)
        return new

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post(PREFIX + "/resolve", self._resolve)
        app.router.add_get(PREFIX + "/blobs/{aid}", self._blob)
        return app

    async def _resolve(self, request: web.Request) -> web.Response:
        self.resolves += 1
        asked = msgspec.msgpack.decode(await request.read(), type=ResolveRequest)
        self.asked.append(asked)
        answer = self._answer(asked)  # the snapshot is taken when the question arrives
        await self.resolve_gate.passed()
        if isinstance(answer, WireError):
            return web.Response(body=msgspec.msgpack.encode(answer), status=401, content_type=CONTENT_TYPE)
        return web.Response(body=msgspec.msgpack.encode(answer), content_type=CONTENT_TYPE)

    def _answer(self, asked: ResolveRequest) -> ResolveAnswer | WireError:
        is_signed_fetch = asked.delivery_type == "fetch" and self.fetch_needs_signature
        needs = (
            is_signed_fetch
            or asked.delivery_type == "authenticated"
            or (asked.delivery_type == "private" and not asked.transformed)
        )
        if (asked.signature is not None and asked.signature != self.good_signature) or (
            needs and asked.signature is None and (is_signed_fetch or not asked.token)
        ):
            return WireError(code="bad_signature", message="Invalid signature")
        restricted = any(layer.delivery_type != "upload" for layers in asked.layers for layer in layers)
        if restricted and asked.signature is None:
            return WireError(code="bad_signature", message="Invalid signature")
        missing = [
            hash_of(public_id, delivery_type=asked.delivery_type)
            for public_id in asked.public_ids
            if f"{asked.delivery_type}/{public_id}" not in self.assets
        ]
        for index, public_id in enumerate(asked.public_ids):
            asset = self.assets.get(f"{asked.delivery_type}/{public_id}")
            if asset is None:
                continue
            layers = asked.layers[index] if asked.layers else ()
            for layer in layers:
                if layer.text not in self.assets:
                    missing.append(hash_of(layer.public_id, delivery_type=layer.delivery_type))
                    return self._absent(missing, layer)
            try:
                access = Access(own=asset.rules, shown=tuple(self.assets[layer.text].rules for layer in layers))
                judge(access, now=self.now(), token_until=self.now() + 1 if asked.token else 0.0)
            except BadSignature as denied:
                return WireError(code="bad_signature", message=denied.message)
            resolved = self._resolved(
                index, public_id, asked.delivery_type, asset, layers, reads_coordinates=asked.coordinates
            )
            if asked.labels:
                resolved = msgspec.structs.replace(resolved, tags=asset.tags)
            if asked.coordinates:
                over = tuple(
                    msgspec.structs.replace(told, coordinates=self.assets[layer.text].coordinates)
                    for told, layer in zip(resolved.layers, layers, strict=True)
                )
                resolved = msgspec.structs.replace(resolved, coordinates=asset.coordinates, layers=over)
            return ResolveAnswer(resolved=resolved)
        return self._absent(missing)

    def _absent(self, names: list[NameHash], layer: LayerName | None = None) -> ResolveAnswer:
        return ResolveAnswer(
            absent=Absent(
                epoch=self.epoch, sequence=self.sequence, names=tuple(names), status=self.absent_status, layer=layer
            )
        )

    def _resolved(
        self,
        index: int,
        public_id: str,
        delivery_type: str,
        asset: Asset,
        layers: tuple[LayerName, ...],
        *,
        reads_coordinates: bool,
    ) -> Resolved:
        over = [self.assets[layer.text] for layer in layers]
        rendition_keys = {one.aid: keys.subkey(one.data_key, "rendition") for one in (asset, *over)}
        return Resolved(
            index=index,
            aid=asset.aid,
            asset_id="0" * 32,
            name=hash_of(public_id, delivery_type=delivery_type),
            epoch=self.epoch,
            sequence=self.sequence,
            config_revision=self.config_revision,
            version=1,
            facts=asset.facts,
            contributors=tuple(sorted(rendition_keys)),
            original_key=keys.subkey(asset.data_key, "original") if self.transforms else None,
            rendition_key=keys.content_key(rendition_keys),
            access=Access(own=asset.rules, shown=tuple(one.rules for one in over if one.rules)),
            layers=tuple(
                ResolvedLayer(
                    aid=one.aid,
                    name=hash_of(layer.public_id, delivery_type=layer.delivery_type),
                    facts=one.facts,
                    original_key=keys.subkey(one.data_key, "original") if self.transforms else None,
                    coordinates=one.coordinates if reads_coordinates else NOWHERE,
                )
                for layer, one in zip(layers, over, strict=True)
            ),
        )

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        self.blobs += 1
        aid = request.match_info["aid"]
        asset = next((asset for asset in self.assets.values() if asset.aid == aid), None)
        stated = f"{self.epoch}:{self.sequence - self.behind.get(aid, 0)}"
        await self.head_gate.passed()
        if asset is None:
            gone = msgspec.msgpack.encode(WireError(code="asset_not_found", message="Resource not found"))
            return web.Response(body=gone, status=404, content_type=CONTENT_TYPE)
        start, end, size = 0, len(asset.sealed), len(asset.sealed)
        headers, asked = {"Domicile-Sequence": stated}, request.http_range
        if "Range" in request.headers:
            start, end = asked.start or 0, min(size, asked.stop or size)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        response = web.StreamResponse(headers=headers, status=206 if "Range" in request.headers else 200)
        response.content_length = end - start
        await response.prepare(request)
        half = (start + end) // 2
        await response.write(asset.sealed[start:half])
        await self.body_gate.passed()
        if self.breaks_off and request.transport is not None:
            request.transport.abort()
        await response.write(asset.sealed[half:end])
        await response.write_eof()
        return response


class PlayedPool:
    """Renders by writing down what it was asked to do."""

    def __init__(self) -> None:
        self.renders = 0
        self.retired = 0
        self.gate = Gate()
        self.error: Exception | None = None
        self.padding = 0
        self.pixels: list[int] = []

    async def render(
        self, source: SourceFile, job: RenderJob, *, tenant: str, pixels: int = 0, layers: Sequence[SourceFile] = ()
    ) -> Rendered:
        self.renders += 1
        self.pixels.append(pixels)
        await self.gate.passed()
        if self.error is not None:
            raise self.error
        plain = os.pread(source.fileno(), source.size, 0)
        said = [job.redaction.encode()] if job.redaction else []
        said += [repr(job.coordinates.faces or job.coordinates.custom).encode()] if job.coordinates else []
        for layer, file in zip(job.layers, layers, strict=True):
            shown = os.pread(file.fileno(), file.size, 0)
            where = layer.coordinates.faces or layer.coordinates.custom
            framed = [repr(where).encode()] if where else []
            said.append(b" ".join((b"over", layer.name.encode(), shown, layer.redaction.encode(), *framed)))
        body = b"|".join((plain, job.transformation.encode(), job.bucket.encode(), *said)) + bytes(self.padding)
        kind = {"avif": "avif", "webp": "webp", "legacy": "jpg"}.get(job.bucket, "png")
        facts = Asset(aid=Aid(""), body=plain, data_key=b"", sealed=b"").facts
        done = Done(
            source=facts,
            content_type="image/" + kind.replace("jpg", "jpeg"),
            format=kind,
            width=10,
            height=8,
            timings=Timings(decode=0.001, transform=0.002, encode=0.003),
        )
        return Rendered(done=done, body=body, queued_seconds=0.0, resident_bytes=0)

    def retire(self, tenant: str | None = None) -> None:
        self.retired += 1


class PlayedLink(NodeLink):
    """The worker's end of a node whose agent is this test."""

    def __init__(self, settings: EdgeSettings, page: SharedPage, *, slot: int = 0) -> None:
        super().__init__(settings, page, slot=slot, boot=1)
        self.records: dict[str, StoredObject] = {}
        self.reported: list[Rendition] = []
        self.refuses_stores = False
        self.store_gate = Gate()
        self.keys_asked = 0
        self.discoveries = 0

    async def keyring_get(self, file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        self.keys_asked += 1
        record = self.records.get(file_name)
        return None if record is None else record.key_record()

    async def stored(self, record: StoredObject) -> bool:
        await self.store_gate.passed()
        if self.refuses_stores:
            return False
        self.records[record.file_name] = record
        return True

    async def forget(self, file_names: Any) -> None:
        for name in file_names:
            self.records.pop(name, None)

    async def object_pages(self, slot: int) -> AsyncIterator[tuple[StoredObject, ...]]:
        yield tuple(msgspec.structs.replace(record, content_key=b"") for record in self.records.values())

    async def report(self, rendition: Rendition) -> None:
        self.reported.append(rendition)

    async def discover(self, cloud: str) -> bool:
        self.discoveries += 1
        return cloud in self.tenants

    async def metrics_text(self) -> bytes:
        return b"domicile_edge_flights 0\n"

    def lease(self, seconds: float) -> None:
        self.page.lease_deadline_ns = boottime_ns() + int(seconds * 1e9)

    async def apply(self, entry: Entry) -> None:
        """As if the agent had sent it."""
        await self._happens(Applied(entry=entry))

    async def regrant(
        self,
        its: ResidencyPolicy,
        *,
        revision: int,
        named: Mapping[str, str] = MappingProxyType({}),
        allowed: tuple[str, ...] = (),
        token_keys: tuple[bytes, ...] = (TOKEN_KEY,),
    ) -> None:
        """The node's lease brings another policy; its journal entry comes after it."""
        await self._happens(
            Granted(grant=_grant_of(its, revision=revision, named=named, allowed=allowed, token_keys=token_keys))
        )

    async def _happens(self, event: Event) -> None:
        number = self.page.applied + 1
        self.page.applied = number
        await self._take(Numbered(number=number, event=event))


@dataclass(frozen=True, slots=True)
class Got:
    status: int
    headers: Any
    body: bytes

    @property
    def cache(self) -> str:
        match = re.search(r";\s*(hit|fwd=[a-z-]+)", self.headers.get("Cache-Status", ""))
        return match[1] if match else ""


@dataclass(slots=True)
class Rig:
    settings: EdgeSettings
    link: PlayedLink
    origin: PlayedOrigin
    pool: PlayedPool
    parts: Parts
    counters: Counters
    http: aiohttp.ClientSession
    viewers: Listener
    sockets: Sockets

    @property
    def port(self) -> int:
        return self.sockets.port

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        directory: Path,
        *,
        cache: CacheSettings | None = None,
        delivery: DeliverySettings | None = None,
        connections: ConnectionSettings | None = None,
        link: PlayedLink | None = None,
        origin: PlayedOrigin | None = None,
        records: Mapping[str, StoredObject] = MappingProxyType({}),
        fence: Fence | None = None,
        workers: int = 1,
        answer_seconds_max: float = 5.0,
        cdn: CdnSettings | None = None,
        tier: TierSettings | None = None,
    ) -> AsyncIterator[Rig]:
        """`records`, `fence`: what the agent knows of an earlier run in this directory."""
        directory.mkdir(exist_ok=True)
        origin, socket = origin or PlayedOrigin(), directory / "origin.sock"
        settings = EdgeSettings(
            listen="127.0.0.1:0",
            region=REGION,
            workers=workers,
            data_dir=directory,
            run_dir=directory,
            cache=cache or CacheSettings(ram_bytes_max=4 * 1024 * 1024, disk_bytes_max=32 * 1024 * 1024),
            connections=connections or ConnectionSettings(),
            delivery=delivery or DeliverySettings(progress_seconds_max=2.0, fill_seconds_max=5.0),
            cdn=cdn or CdnSettings(),
            tier=tier or TierSettings(),
        )
        async with AsyncExitStack() as stack:
            runner = web.AppRunner(origin.app())
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.UnixSite(runner, str(socket)).start()
            if link is None:
                page = SharedPage.create(settings.page_path, workers=workers)
                link = PlayedLink(settings, page)
                link.records.update(records)
                grant(link, policy())
                if fence is not None:
                    link.tenants[CLOUD] = TenantState(_grant_of(policy(), revision=1), fence)
                link.lease(3600)
            counters, pool = Counters(link.slot.counters), PlayedPool()
            wire = await stack.enter_async_context(WireClient.open(f"unix:{socket}", region=REGION))
            peers = await stack.enter_async_context(
                PeerClient.open(settings.worker_socket, answer_seconds_max=answer_seconds_max)
            )
            parent = await stack.enter_async_context(parent_client(settings))
            delivery = settings.delivery
            flights = await stack.enter_async_context(
                Flights.open(
                    fills_max=delivery.fills_max,
                    queued_max=delivery.fills_queued_max,
                    queued_tenant_max=delivery.fills_queued_tenant_max,
                    queued_seconds_max=delivery.fills_queued_seconds_max,
                    fill_seconds_max=delivery.fill_seconds_max,
                )
            )
            disk = None
            if settings.cache.disk_bytes_max:
                bind_directory(settings.cache_path, REGION)
                disk = DiskStore(
                    settings.cache_path, region=REGION, slot=0, workers=1,
                    marks=Marks.of(settings.cache.disk_bytes_max), register=link, count=counters.add,
                    room=Room(settings.cache_path, free_bytes_min=0),
                )  # fmt: skip
            outside = Outside(
                link=link, counters=counters, wire=wire, peers=peers, pool=cast("DecoderPool", pool), disk=disk,
                flights=flights, purge=_no_purge, parent=parent,
            )  # fmt: skip
            parts = assemble(settings, 0, outside)
            stack.callback(parts.tiers.originals.clear)
            link.on_entry, link.on_lock = parts.tiers.on_entry, parts.tiers.on_lock
            link.on_current = parts.app.hot.release
            listener = Listener(
                parts.app.handle,
                hot=parts.app.hot,
                front=parts.app.front,
                counters=counters,
                region=REGION,
                bounds=bounds_of(settings),
            )
            sockets = stack.enter_context(Sockets.opened(settings))
            viewers = await stack.enter_async_context(entrance(listener))
            await viewers.open(sockets.by_entrance[VIEWERS], 0)
            await stack.enter_async_context(tier_entrances(settings, 0, parts, sockets))
            http = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            yield cls(
                settings=settings,
                link=link,
                origin=origin,
                pool=pool,
                parts=parts,
                counters=counters,
                http=http,
                viewers=listener,
                sockets=sockets,
            )

    async def request(self, method: str, path: str, **headers: str) -> Got:
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.request(method, url, headers=sent, allow_redirects=False) as response:
            return Got(response.status, response.headers.copy(), await response.read())

    async def get(self, path: str, **headers: str) -> Got:
        return await self.request("GET", path, **headers)

    async def entry(self, kind: str, *, aids: tuple[Aid, ...] = (), names: tuple[NameHash, ...] = ()) -> None:
        """The origin commits one entry, and the node applies it."""
        self.origin.sequence += 1
        await self.link.apply(
            Entry(tenant=CLOUD, epoch=self.origin.epoch, seq=self.origin.sequence, kind=kind, aids=aids, names=names)
        )

    async def configure(
        self,
        its: ResidencyPolicy,
        *,
        revision: int,
        named: Mapping[str, str] = MappingProxyType({}),
        allowed: tuple[str, ...] = (),
    ) -> None:
        """The tenant has another policy, and these named transformations, from now on."""
        await self.link.regrant(its, revision=revision, named=named, allowed=allowed)
        self.origin.sequence += 1
        self.origin.config_revision = revision
        await self.link.apply(
            Entry(
                tenant=CLOUD, epoch=self.origin.epoch, seq=self.origin.sequence, kind=Kind.CONFIG, config_revision=revision
            )
        )  # fmt: skip

    async def overwrite(self, public_id: str, body: bytes) -> Asset:
        """A new version: the name moves, and the journal says so."""
        old = self.origin.assets[f"upload/{public_id}"]
        new = self.origin.upload(public_id, body)
        await self.entry(Kind.ASSET, aids=(old.aid,), names=(hash_of(public_id),))
        return new


def asked_of(path: str, state: TenantState, hints: Hints = NO_HINTS) -> Wanted:
    """As a worker reads a path."""
    terms = Terms(
        accept="",
        hints=hints,
        policy=state.policy,
        config_revision=state.config_revision,
        name_key=state.name_key,
        named=state.named,
        limits=DEFAULT_LIMITS,
    )
    return wanted(path, parse(path), terms)


def grant(link: PlayedLink, its: ResidencyPolicy, *, applied: int = 1) -> None:
    link.tenants[CLOUD] = TenantState(_grant_of(its, revision=1), Fence(applied=applied, epoch=1))


def _grant_of(
    its: ResidencyPolicy,
    *,
    revision: int,
    named: Mapping[str, str] = MappingProxyType({}),
    allowed: tuple[str, ...] = (),
    token_keys: tuple[bytes, ...] = (TOKEN_KEY,),
) -> TenantGrant:
    return TenantGrant(
        tenant=CLOUD, name_key=NAME_KEY, file_key=FILE_KEY, config_revision=revision,
        policy=its.to_mapping(), home=HOME, epoch_floor=1, named=dict(named), allowed=allowed,
        token_keys=token_keys,
    )  # fmt: skip


async def _no_purge(_: web.BaseRequest) -> Plain:
    return Plain(status=503, headers=(), body=b"")
