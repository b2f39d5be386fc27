"""A node looks for what was erased: at its fence, its keys, its workers, and through its own listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import pytest

from domicile.media.asset import Aid
from domicile.media.errors import UpstreamUnavailable
from domicile.media.journal import Kind
from domicile.media.policy import Permit
from domicile.media.probe import KnownUrl
from domicile.media.wire import EdgeProbe, EdgeSeen, ProbesAnswer, ProbesRequest
from domicile.service.gate.peer import PeerClient, PeerGone, PeerReply
from domicile.service.gate.probe import ProbeClient
from domicile.service.gate.wire import WireClient
from domicile.service.settings import Secret
from edge.cdn_settings import CdnSettings
from edge.delivery_settings import DeliverySettings
from edge.look import LookAnswer, LookQuestion
from edge.own_probe import FIELD, proof
from edge.probing import OwnDoor, Probing, own_door, own_tls
from edge.settings import EdgeSettings
from edge.starts import Identity
from tests.unit.edge.journals import chained
from tests.unit.edge.nodes import HEAD, HOME, agent_side, lease, stored
from tests.unit.edge.rig import Rig, hash_of

AID = Aid("a" * 32)
CLEAN = EdgeSeen(id="e" * 32, tenant="demo", looked=1, kept=0, asked=0, given=0, unjudged=0, unsure=0)
TARGET = "/demo/image/upload/w_10/v1/mine.png"
SECRET = cast("Secret", "a-secret-of-sixteen")


class PlayedPeers:
    """Workers that say what the test wants; one that is gone for None."""

    def __init__(self) -> None:
        self.says: LookAnswer | None = LookAnswer(kept=0, going=0)
        self.asked: list[LookQuestion] = []

    async def look(self, permit: Permit, tenant: str, slot: int, question: bytes) -> PeerReply:
        assert permit.tenant == tenant
        self.asked.append(msgspec.msgpack.decode(question, type=LookQuestion))
        if self.says is None:
            raise PeerGone("gone")
        return PeerReply(status=200, head=msgspec.msgpack.encode(self.says), body=b"")


class PlayedWire:
    def __init__(self, answers: list[ProbesAnswer | None]) -> None:
        self.answers = answers
        self.asked: list[ProbesRequest] = []
        self.over = asyncio.Event()

    async def probes(self, request: ProbesRequest) -> ProbesAnswer:
        self.asked.append(request)
        if not self.answers:
            self.over.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if answer is None:
            raise UpstreamUnavailable("away")
        return answer


def probe(*urls: KnownUrl, seq: int = HEAD.seq + 1, aids: tuple[Aid, ...] = (AID,)) -> EdgeProbe:
    return EdgeProbe(id="e" * 32, tenant="demo", seq=seq, aids=aids, urls=urls)


@asynccontextmanager
async def probing(
    directory: Path, wire: PlayedWire | None = None, door: OwnDoor | None = None
) -> AsyncIterator[Probing]:
    """One worker listens; an asset is cached, and then erased."""
    identity = Identity(node="1" * 32, boot="2" * 32, region=HOME, authorities=())
    async with agent_side(directory) as side, ProbeClient.open(own_tls()) as own:
        side.node.adopt("demo", HEAD)
        side.node.grant(lease(), home=HOME)
        side.keyring.put("f" * 40, stored("f" * 40).key_record())
        slot = side.page.slots[0]
        slot.claim(4_000_000, 1)
        slot.listening = True
        yield Probing(
            identity=lambda: identity,
            node=side.node,
            page=side.page,
            keyring=side.keyring,
            wire=cast("WireClient", wire),
            peers=cast("PeerClient", PlayedPeers()),
            own=own,
            door=door or OwnDoor(base="http://127.0.0.1:1"),
        )


def erase(one: Probing) -> None:
    one.node.apply(*chained(HEAD, (Kind.ERASE, (AID,))))


async def test_a_node_that_has_not_come_so_far_is_not_sure_and_one_that_kept_a_key_says_so(tmp_path: Path) -> None:
    async with probing(tmp_path) as one:
        seen = await one.look_for(probe())
        assert (seen.kept, seen.unsure) == (1, 1)
        erase(one)
        assert await one.look_for(probe()) == CLEAN
        peers = cast("PlayedPeers", one.peers)
        assert peers.asked[-1] == LookQuestion(tenant="demo", seq=HEAD.seq + 1, aids=(AID,))


async def test_a_fence_without_the_tombstone_is_told_of(tmp_path: Path) -> None:
    async with probing(tmp_path) as one:
        one.node.apply(*chained(HEAD, (Kind.ASSET, (AID,))))
        assert (await one.look_for(probe())).kept == 1
        assert await one.look_for(probe(seq=HEAD.seq)) == CLEAN  # older than all that this node may serve


async def test_what_workers_keep_is_told_and_one_that_does_not_answer_leaves_a_doubt(tmp_path: Path) -> None:
    async with probing(tmp_path) as one:
        erase(one)
        peers = cast("PlayedPeers", one.peers)
        peers.says = LookAnswer(kept=2, going=3)
        seen = await one.look_for(probe())
        assert (seen.kept, seen.unsure) == (2, 3)
        peers.says = None
        seen = await one.look_for(probe())
        assert (seen.kept, seen.unsure) == (0, 1)


async def test_the_own_listener_is_asked_as_by_a_viewer(tmp_path: Path) -> None:
    (tmp_path / "worker").mkdir()
    async with Rig.open(tmp_path / "worker") as rig:
        aid = rig.origin.upload("mine", b"mine").aid
        assert (await rig.get(TARGET)).status == 200
        door = OwnDoor(base=f"http://127.0.0.1:{rig.port}")
        async with probing(tmp_path, door=door) as one:
            erase(one)
            seen = await one.look_for(probe(KnownUrl(target=TARGET)))
            assert (seen.asked, seen.given, seen.unsure) == (3, 3, 0)
            del rig.origin.assets["upload/mine"]
            await rig.entry(Kind.ERASE, aids=(aid,), names=(hash_of("mine"),))
            seen = await one.look_for(probe(KnownUrl(target=TARGET)))
            assert (seen.asked, seen.given, seen.unsure) == (3, 0, 0)
            rig.link.lease(0)
            seen = await one.look_for(probe(KnownUrl(target=TARGET)))
            assert (seen.given, seen.unsure) == (0, 1)  # it serves nothing now, and nobody can tell


LIMITED = DeliverySettings(tenant_requests_per_second=0.001, tenant_requests_burst=1)


async def test_a_cloud_whose_viewers_ask_as_often_as_they_may_is_looked_for_all_the_same(tmp_path: Path) -> None:
    async with Rig.open(tmp_path / "worker", delivery=LIMITED) as rig:
        aid = rig.origin.upload("mine", b"mine").aid
        assert [(await rig.get(TARGET)).status for _ in range(2)] == [200, 429]
        async with probing(tmp_path, door=OwnDoor(base=f"http://127.0.0.1:{rig.port}")) as one:
            erase(one)
            own = replace(one, page=rig.link.page)
            seen = await own.look_for(probe(KnownUrl(target=TARGET)))
            assert (seen.asked, seen.given, seen.unsure) == (3, 3, 0)
            del rig.origin.assets["upload/mine"]
            await rig.entry(Kind.ERASE, aids=(aid,), names=(hash_of("mine"),))
            seen = await own.look_for(probe(KnownUrl(target=TARGET)))
            assert (seen.asked, seen.given, seen.unsure) == (3, 0, 0)


async def test_nobody_else_passes_the_limit_of_a_cloud(tmp_path: Path) -> None:
    async with Rig.open(tmp_path / "worker", delivery=LIMITED) as rig:
        rig.origin.upload("mine", b"mine")
        key, other = rig.link.page.probe_key, bytes(32)
        assert key != other
        good = proof(key, TARGET)
        said = (good, "", "ä", "0" * 64, proof(other, TARGET), proof(key, TARGET + "?"), good.upper(), f"{good},{good}")
        statuses = [(await rig.get(TARGET)).status] + [(await rig.get(TARGET, **{FIELD: one})).status for one in said]
        assert statuses == [200, 200] + [429] * (len(said) - 1)


async def test_a_cloud_that_is_not_served_here_is_clean(tmp_path: Path) -> None:
    async with probing(tmp_path) as one:
        other = msgspec.structs.replace(probe(KnownUrl(target=TARGET)), tenant="other")
        assert await one.look_for(other) == msgspec.structs.replace(CLEAN, tenant="other")


async def test_what_was_seen_is_told_at_once_and_an_origin_that_is_away_is_asked_again(tmp_path: Path) -> None:
    wire = PlayedWire([None, ProbesAnswer(probes=(probe(),)), ProbesAnswer(probes=())])
    async with probing(tmp_path, wire) as one:
        erase(one)
        task = asyncio.create_task(one.run())
        async with asyncio.timeout(10):
            await wire.over.wait()
        task.cancel()
    assert [(len(one.seen), one.wait_seconds > 0) for one in wire.asked] == [
        (0, True),
        (0, True),
        (1, False),
        (0, True),
    ]
    assert wire.asked[2].seen == (CLEAN,)


@pytest.mark.parametrize(
    ("cdn", "door"),
    [
        (CdnSettings(), OwnDoor(base="http://127.0.0.1:8080")),
        (
            CdnSettings(kind="varnish", secret=SECRET, others="refuse"),
            OwnDoor(base="http://127.0.0.1:8080", headers={"Domicile-CDN-Secret": SECRET}),
        ),
        (
            CdnSettings(kind="varnish", secret=SECRET, listen="[::]:8082", certificate_file=Path("c.pem")),
            OwnDoor(base="https://[::1]:8082", headers={"Domicile-CDN-Secret": SECRET}),
        ),
        (
            CdnSettings(
                kind="varnish",
                listen="0.0.0.0:8082",
                certificate_file=Path("c.pem"),
                client_ca_file=Path("a.pem"),
                others="refuse",
            ),
            OwnDoor(base="http://127.0.0.1:8080", is_closed=True),
        ),
    ],
)
def test_the_door_that_gives_the_most_is_asked(cdn: CdnSettings, door: OwnDoor) -> None:
    assert own_door(EdgeSettings(listen="127.0.0.1:8080", cdn=cdn)) == door
    named = EdgeSettings(listen="127.0.0.1:8080", cdn=cdn)
    named = replace(named, delivery=replace(named.delivery, hosts=("media.example",)))
    assert own_door(named).headers == {"Host": "media.example", **door.headers}
