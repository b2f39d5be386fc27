"""The edge's client of the origin's wire: strict limits, no redirects, no cookies, no automatic decompression.

    async with WireClient.open("unix:/run/origin.sock", region="eu-de") as wire:
        answer = await wire.resolve(permit, ResolveRequest(...))
        async with wire.blob(permit, aid, start=0) as blob:
            async for piece in blob.pieces(): ...

What comes back is read in `wire_answers`, and every failure is a kind of MediaError. Calls that move what belongs to a person take a permit.
"""

from __future__ import annotations

import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec

from domicile.media import errors
from domicile.media.asset import Aid
from domicile.media.journal import Head
from domicile.media.policy import Activity, Permit
from domicile.media.wire import (
    BODY_BYTES_MAX,
    CONTENT_TYPE,
    PREFIX,
    REGION_HEADER,
    WIRE_HEADER,
    WIRE_VERSION,
    Ack,
    CopyListing,
    Empty,
    JournalAnswer,
    LeaseAnswer,
    LeaseRequest,
    ProbesAnswer,
    ProbesRequest,
    PurgeRelay,
    Relayed,
    RenditionReport,
    ResolveAnswer,
    ResolveRequest,
    SearchRelay,
)
from domicile.service.gate.sessions import new_session
from domicile.service.gate.wire_answers import Blob, blob_of, mapped, read_whole, refusal
from domicile.service.settings import blamed

T = TypeVar("T")

KEEPALIVE_SECONDS = 30.0

PAST_MAX = 2
"""Connections of former settings that calls may still be using."""

JOURNAL_WAIT_SECONDS_MAX = 30.0
"""Longest long poll that is asked for; the read time-out is this much longer then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """Time-outs and counts of one client."""

    connect_seconds_max: float = 2.0
    read_seconds_max: float = 10.0
    connections_max: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """mTLS: what this node shows, and whom it believes."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    key_password: str | None = None


class WireClient:
    """One process's connections to the origin."""

    def __init__(self, http: aiohttp.ClientSession, root: str, *, limits: WireLimits) -> None:
        self._http = http
        self._root = root
        self._limits = limits
        self._past: deque[aiohttp.ClientSession] = deque()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        base: str,
        *,
        region: str,
        limits: WireLimits | None = None,
        certificate: ClientCertificate | None = None,
    ) -> AsyncIterator[WireClient]:
        """A client for `unix:PATH` or `https://HOST[:PORT]`. ValueError for any other base."""
        limits = limits or WireLimits()
        http, root = _session(base, region, limits, certificate or ClientCertificate())
        client = cls(http, root, limits=limits)
        try:
            yield client
        finally:
            await client._close()

    async def renew(self, base: str, *, region: str, limits: WireLimits, certificate: ClientCertificate) -> None:
        """Calls that begin from now on are made so; those under way end as they began. Raises BadSetting: nothing changed."""
        http, root = _session(base, region, limits, certificate)
        if len(self._past) >= PAST_MAX:
            await self._past.popleft().close()
        self._past.append(self._http)
        self._http, self._root, self._limits = http, root, limits

    async def _close(self) -> None:
        for http in (*self._past, self._http):
            await http.close()

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Ask to serve for another while. The caller takes the time BEFORE this call."""
        return await self._post("lease", request, LeaseAnswer)

    async def journal(self, after: Mapping[str, Head], *, wait_seconds: float) -> JournalAnswer:
        """Entries after each tenant's cursor; waits up to `wait_seconds` for the first one."""
        wait_seconds = min(wait_seconds, JOURNAL_WAIT_SECONDS_MAX)
        query = [("after", f"{tenant}:{head.seq}") for tenant, head in sorted(after.items())]
        query.append(("wait", f"{wait_seconds:g}"))
        return await self._call("GET", "journal", JournalAnswer, query=query, extra_seconds=wait_seconds)

    async def ack(self, ack: Ack) -> None:
        """Tell that every worker has applied."""
        await self._post("ack", ack, Empty)

    async def probes(self, request: ProbesRequest) -> ProbesAnswer:
        """Tell what was seen of what was erased, and wait for more to look for."""
        return await self._post("probes", request, ProbesAnswer, extra_seconds=request.wait_seconds)

    async def resolve(self, permit: Permit, request: ResolveRequest) -> ResolveAnswer:
        """Name -> aid, sequence, facts, keys. `permit`: Activity.METADATA for `request.cloud`.

        BadSignature, OutsideRegion, AssetNotFound (no such cloud), Overloaded, UpstreamUnavailable.
        """
        permit.require(Activity.METADATA, request.cloud)
        return await self._post("resolve", request, ResolveAnswer)

    @asynccontextmanager
    async def blob(self, permit: Permit, aid: Aid, *, start: int = 0, end: int | None = None) -> AsyncIterator[Blob]:
        """Sealed bytes [start, end) of an original. `permit`: Activity.TRANSFORM of the asset's tenant.

        AssetNotFound when the aid is not live; OutsideRegion; UpstreamUnavailable.
        """
        permit.require(Activity.TRANSFORM, permit.tenant)
        headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        with mapped():
            response = await self._http.get(f"{self._root}/blobs/{aid}", headers=headers, allow_redirects=False)
        async with response:
            if response.status not in {200, 206}:
                raise await refusal(response)
            yield blob_of(response, start=start, ranged=bool(headers))

    async def renditions(self, permit: Permit, report: RenditionReport) -> None:
        """Tell what was made of one tenant's assets. `permit`: Activity.METADATA of that tenant."""
        for rendition in report.renditions:
            permit.require(Activity.METADATA, rendition.tenant)
        await self._post("renditions", report, Empty)

    async def copies(self, permit: Permit, listing: CopyListing) -> None:
        """Tell of which versions there are files. `permit`: Activity.METADATA of the tenant that they are of."""
        permit.require(Activity.METADATA, listing.tenant)
        await self._post("copies", listing, Empty)

    async def search(self, permit: Permit, relay: SearchRelay) -> Relayed:
        """Hand on a signed search. `permit`: Activity.METADATA for `relay.cloud`. BadSignature; BadRequest; Overloaded."""
        permit.require(Activity.METADATA, relay.cloud)
        return await self._post("search", relay, Relayed)

    async def purge(self, relay: PurgeRelay) -> Relayed:
        """Hand on a signed purge, unread. Whose it is only the origin can tell, so there is no permit to ask for."""
        return await self._post("purge", relay, Relayed)

    async def _post(self, path: str, body: msgspec.Struct, kind: type[T], *, extra_seconds: float = 0.0) -> T:
        encoded = msgspec.msgpack.encode(body)
        if len(encoded) > BODY_BYTES_MAX:
            raise errors.LimitExceeded("The message is larger than the wire takes")
        return await self._call("POST", path, kind, body=encoded, extra_seconds=extra_seconds)

    async def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: bytes | None = None,
        query: list[tuple[str, str]] | None = None,
        extra_seconds: float = 0.0,
    ) -> T:
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=self._limits.connect_seconds_max,
            sock_read=self._limits.read_seconds_max + extra_seconds,
        )
        headers = {"Content-Type": CONTENT_TYPE} if body is not None else {}
        with mapped():
            async with self._http.request(
                method,
                f"{self._root}/{path}",
                data=body,
                params=query,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise await refusal(response)
                raw = await read_whole(response, BODY_BYTES_MAX)
        try:
            return msgspec.msgpack.decode(raw, type=kind)
        except msgspec.MsgspecError as bad:
            raise errors.UpstreamUnavailable("The origin answered with something that cannot be read") from bad


def _session(
    base: str, region: str, limits: WireLimits, certificate: ClientCertificate
) -> tuple[aiohttp.ClientSession, str]:
    """Nothing is connected yet."""
    connector, root = _connector(base, limits, certificate)
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=limits.connect_seconds_max, sock_read=limits.read_seconds_max
    )
    return new_session(connector, timeout, {WIRE_HEADER: WIRE_VERSION, REGION_HEADER: region}), root


def _connector(base: str, limits: WireLimits, certificate: ClientCertificate) -> tuple[aiohttp.BaseConnector, str]:
    if base.startswith("unix:"):
        path = base.removeprefix("unix:")
        connector = aiohttp.UnixConnector(path=path, limit=limits.connections_max, keepalive_timeout=KEEPALIVE_SECONDS)
        return connector, f"http://origin{PREFIX}"
    if re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]+)?", base):
        return (
            aiohttp.TCPConnector(
                limit=limits.connections_max, keepalive_timeout=KEEPALIVE_SECONDS, ssl=_tls(certificate)
            ),
            base + PREFIX,
        )
    raise ValueError(f"the origin is reached by unix:PATH or https://HOST[:PORT], not {base!r}")


def _tls(certificate: ClientCertificate) -> ssl.SSLContext:
    with blamed("edge.origin.certificate_file", certificate.certificate_file, "PEM files, as are ca_file and key_file"):
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=certificate.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if certificate.certificate_file is not None:
            context.load_cert_chain(certificate.certificate_file, certificate.key_file, certificate.key_password)
    return context
