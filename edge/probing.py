"""This node looks whether it has anything left of what was erased, and tells the origin: fetched with a long poll, as entries are.

    fence     everything up to the erasure is applied, and its tombstones are there
    keys      the agent has none that opens an object with one of the versions
    workers   each counts what it keeps of them (edge.look)
    listener  the URLs under which the origin knew them are asked for, as a viewer would: whole, in part, by validators

Which worker answers at the listener is the kernel's choice; what every one of them keeps, it says itself. The listener knows these
questions (edge.own_probe), so that a cloud whose viewers ask as often as they may can be verified all the same.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from domicile.media.asset import Aid
from domicile.media.cdn import NO_CDN
from domicile.media.errors import MediaError
from domicile.media.policy import Activity, Permit, Place, PolicyError, decide
from domicile.media.policy_file import from_mapping
from domicile.media.probe import Seen, asks, seen
from domicile.media.wire import EdgeProbe, EdgeSeen, ProbesRequest
from domicile.service.gate.peer import PeerClient, PeerGone, PeerLate, PeersBusy
from domicile.service.gate.probe import ProbeClient
from domicile.service.gate.wire import WireClient
from domicile.service.leftovers import drop_leftovers
from edge.cdn_settings import OTHERS_REFUSED
from edge.keyring import Keyring
from edge.lease import retry_after_seconds
from edge.look import LookAnswer, LookQuestion, in_parts
from edge.node import Node, Tenant
from edge.own_probe import FIELD, proof
from edge.page import SharedPage
from edge.settings import EdgeSettings
from edge.starts import Identity

WAIT_SECONDS = 20.0
"""Of a long poll."""
FORBIDDEN = 403
_ACTIVITIES = (Activity.DELIVER, Activity.CACHE, Activity.TRANSFORM)
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared only

log = structlog.get_logger("edge.probing")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDoor:
    """How this node asks its own listener."""

    base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_closed: bool = False
    """Whoever is not the CDN gets 403 there, and this node cannot show that it is."""


def own_door(settings: EdgeSettings) -> OwnDoor:
    """The listener that gives away the most: the CDN's own where there is one that takes the secret, else that of viewers."""
    cdn, headers = settings.cdn, {}
    if settings.delivery.hosts:
        headers["Host"] = settings.delivery.hosts[0]
    if cdn.kind != NO_CDN and cdn.secret is not None:
        headers[cdn.secret_field] = cdn.secret
    if cdn.kind != NO_CDN and cdn.listen is not None and cdn.client_ca_file is None:
        return OwnDoor(base=_base(cdn.listen, is_tls=cdn.certificate_file is not None), headers=headers)
    is_closed = cdn.kind != NO_CDN and cdn.others == OTHERS_REFUSED and (cdn.secret is None or cdn.listen is not None)
    return OwnDoor(
        base=_base(settings.listen, is_tls=settings.tls.certificate_file is not None),
        headers=headers,
        is_closed=is_closed,
    )


def own_tls() -> ssl.SSLContext:
    """It is this node's own socket, on this machine: its certificate is for names that viewers have."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _base(listen: str, *, is_tls: bool) -> str:
    host, _, port = listen.rpartition(":")
    host = _ANY.get(host.strip("[]"), host.strip("[]"))
    return f"{'https' if is_tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


@dataclass(slots=True)
class _Sum:
    """Of one probe."""

    kept: int = 0
    asked: int = 0
    given: int = 0
    unjudged: int = 0
    unsure: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probing:
    """Of one node, in its agent."""

    identity: Callable[[], Identity]
    """As it is now."""
    node: Node
    page: SharedPage
    keyring: Keyring
    wire: WireClient
    peers: PeerClient
    own: ProbeClient
    door: OwnDoor
    wall_clock: Callable[[], float] = time.time

    async def run(self) -> None:
        """Until cancelled."""
        failures, told = 0, tuple[EdgeSeen, ...]()
        while True:
            who = self.identity()
            request = ProbesRequest(
                node=who.node, boot=who.boot, region=who.region, wait_seconds=0.0 if told else WAIT_SECONDS, seen=told
            )
            try:
                answer = await self.wire.probes(request)
            except MediaError:  # said by who follows the journal, too
                failures += 1
                await asyncio.sleep(retry_after_seconds(failures, random.random()))  # noqa: S311 - spreads load
                continue
            failures, told = 0, tuple([await self._seen(probe) for probe in answer.probes])
            del answer
            if told:  # names of what was erased have been in the memory of agent and workers once more
                self.page.erased += 1
                await drop_leftovers()

    async def _seen(self, probe: EdgeProbe) -> EdgeSeen:
        """A bug in looking is no reason to serve nobody."""
        try:
            return await self.look_for(probe)
        except Exception as bug:
            log.exception("probe_failed", error=type(bug).__name__)
            return _told(probe, _Sum(unsure=1))

    async def look_for(self, probe: EdgeProbe) -> EdgeSeen:
        """Everywhere on this node."""
        total = _Sum()
        tenant = self.node.tenants.get(probe.tenant)
        if tenant is not None:  # else nothing of it is served here
            self._look_at_fence(tenant, probe, total)
            total.kept += self.keyring.count_of(probe.tenant, probe.aids)
            await self._ask_workers(tenant, probe, total)
            await self._ask_listener(tenant, probe, total)
        return _told(probe, total)

    def _look_at_fence(self, tenant: Tenant, probe: EdgeProbe, total: _Sum) -> None:
        """One that this node has not come to yet is on its way; one that it passed without its tombstones is a leak."""
        fence = tenant.fence
        if fence.applied < probe.seq:
            total.unsure += 1
        elif fence.floor < probe.seq:
            total.kept += sum(not fence.is_erased(aid) for aid in probe.aids)

    async def _ask_workers(self, tenant: Tenant, probe: EdgeProbe, total: _Sum) -> None:
        permit = next((one for one in map(self._permit_for(tenant), _ACTIVITIES) if one is not None), None)
        if permit is None:
            total.unsure += int(tenant.grant is None)  # no lease now: nothing is served, and nobody can tell of what
            return
        for slot in self.page.live_slots():
            for aids in in_parts(probe.aids):
                looked = await self._looked(permit, probe, slot, aids)
                total.kept += 0 if looked is None else looked.kept
                total.unsure += 1 if looked is None else looked.going

    async def _looked(self, permit: Permit, probe: EdgeProbe, slot: int, aids: tuple[Aid, ...]) -> LookAnswer | None:
        question = msgspec.msgpack.encode(LookQuestion(tenant=probe.tenant, seq=probe.seq, aids=aids))
        try:
            reply = await self.peers.look(permit, probe.tenant, slot, question)
            return msgspec.msgpack.decode(reply.head, type=LookAnswer) if reply.status == 200 else None
        except (PeerGone, PeerLate, PeersBusy, msgspec.MsgspecError):
            return None

    async def _ask_listener(self, tenant: Tenant, probe: EdgeProbe, total: _Sum) -> None:
        permit = self._permit_for(tenant)(Activity.DELIVER)
        if permit is None:
            return
        for ask in asks(probe.urls):
            target = ask.url.target
            headers = {**self.door.headers, **ask.headers, FIELD: proof(self.page.probe_key, target)}
            answered = await self.own.ask(permit, probe.tenant, self.door.base, target, headers)
            total.asked += 1
            if self.door.is_closed and answered is not None and answered.status == FORBIDDEN:
                continue
            match seen(ask, answered):
                case Seen.ABSENT:
                    continue
                case Seen.BYTES:
                    total.given += 1
                case Seen.UNJUDGED:
                    total.unjudged += 1
                case _:  # busy, or not serving just now
                    total.unsure += 1
                    return

    def _permit_for(self, tenant: Tenant) -> Callable[[Activity], Permit | None]:
        place = Place(name="edge", region=self.identity().region)
        grant = tenant.grant
        try:
            policy = None if grant is None else from_mapping(grant.policy, home=grant.home)
        except PolicyError:  # it is not served here
            policy = None

        def permit(activity: Activity) -> Permit | None:
            decided = decide(policy, activity, place, at=self.wall_clock())
            return decided if isinstance(decided, Permit) else None

        return permit


def _told(probe: EdgeProbe, total: _Sum) -> EdgeSeen:
    return EdgeSeen(
        id=probe.id,
        tenant=probe.tenant,
        looked=len(probe.aids),
        kept=total.kept,
        asked=total.asked,
        given=total.given,
        unjudged=total.unjudged,
        unsure=total.unsure,
    )
