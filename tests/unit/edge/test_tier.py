"""Two edges, one the parent of the other: the parent saves work, and is believed in nothing that the child can judge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudinary.auth_token
import msgspec
import pytest
from cryptography import x509

from domicile.media.journal import Entry, Head, Kind
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.service.gate.tier import ParentGone, TierClient, TierReply, client_tls
from domicile.service.settings import BadSetting
from edge.counters import totals
from edge.delivery_settings import CacheSettings
from edge.messages import KeyRecord, StoredObject
from edge.parent import FAILURES_MAX
from edge.tier import Question
from edge.tier_settings import TierSettings
from tests.infra.authority import Authority
from tests.infra.ports import free_port
from tests.unit.edge.rig import CLOUD, TOKEN_KEY, PlayedOrigin, Rig, hash_of, policy

PATH = "/demo/image/upload/w_10/pic.png"
OTHER_PATH = "/demo/image/upload/w_11/pic.png"


@dataclass
class Tiers:
    parent: Rig
    child: Rig
    origin: PlayedOrigin
    directory: Path
    authority: Authority
    port: int

    def count(self, result: str) -> float:
        points = [point for point in totals([self.child.link.slot.counters]) if point.name == "parent_requests"]
        return sum(point.value for point in points if point.labels["result"] == result)

    async def only_parent(self, kind: str, **what: Any) -> Entry:
        """The origin commits an entry; the parent has it, the child not yet."""
        self.origin.sequence += 1
        entry = Entry(tenant=CLOUD, epoch=self.origin.epoch, seq=self.origin.sequence, kind=kind, **what)
        await self.parent.link.apply(entry)
        return entry

    async def only_child(self, kind: str, **what: Any) -> Entry:
        self.origin.sequence += 1
        entry = Entry(tenant=CLOUD, epoch=self.origin.epoch, seq=self.origin.sequence, kind=kind, **what)
        await self.child.link.apply(entry)
        return entry

    def certificate(self, region: str) -> tuple[Path, Path]:
        return self.authority.issue(
            f"node-{region}", x509.DNSName("localhost"), x509.UniformResourceIdentifier(f"domicile:zone:{region}")
        )

    @asynccontextmanager
    async def client(
        self, region: str, *, certified: str = "", parent_region: str = "eu-de"
    ) -> AsyncIterator[TierClient]:
        certificate, key = self.certificate(certified or region)
        tls = client_tls(
            ca_file=str(self.directory / "nodes.pem"), certificate_file=str(certificate), key_file=str(key)
        )
        async with TierClient.open(
            f"https://localhost:{self.port}", region=region, parent_region=parent_region, tls=tls,
            connect_seconds_max=1, answer_seconds_max=5, connections_max=4,
        ) as client:  # fmt: skip
            yield client


@asynccontextmanager
async def two_tiers(tmp_path: Path, childs_cache: CacheSettings | None = None, **child: Any) -> AsyncIterator[Tiers]:
    tmp_path.mkdir(exist_ok=True)
    authority, port, origin = Authority.make(tmp_path, "nodes"), free_port(), PlayedOrigin()
    certificate, key = authority.issue(
        "node", x509.DNSName("localhost"), x509.UniformResourceIdentifier("domicile:zone:eu-de")
    )
    files: dict[str, Any] = {"ca_file": tmp_path / "nodes.pem", "certificate_file": certificate, "key_file": key}
    listening = TierSettings(listen=f"127.0.0.1:{port}", **files)
    asking = TierSettings(parent=f"https://localhost:{port}", parent_region="eu-de", **files, **child)
    listening.validate()
    asking.validate()
    async with (
        Rig.open(tmp_path / "parent", origin=origin, tier=listening) as parent,
        Rig.open(tmp_path / "child", origin=origin, tier=asking, cache=childs_cache) as asker,
    ):
        origin.upload("pic", b"one")
        yield Tiers(parent, asker, origin, tmp_path, authority, port)


@pytest.fixture
async def tiers(tmp_path: Path) -> AsyncIterator[Tiers]:
    async with two_tiers(tmp_path) as made:
        yield made


async def test_the_child_takes_what_the_parent_has_and_reads_no_original(tiers: Tiers) -> None:
    made = await tiers.child.get(PATH)  # made at the parent, on its way
    assert (made.status, made.body) == (200, b"one|w_10|")
    assert (tiers.parent.pool.renders, tiers.child.pool.renders, tiers.origin.blobs) == (1, 0, 1)
    kept = await tiers.parent.get(PATH)
    assert (kept.cache, kept.body, kept.headers["ETag"]) == ("hit", made.body, made.headers["ETag"])
    again = await tiers.child.get(PATH)
    assert again.cache == "hit"
    assert tiers.count("taken") == 1

    await tiers.parent.get(OTHER_PATH)
    async with asyncio.timeout(5):
        while len(tiers.parent.link.records) < 2:  # an answer does not wait for the disk
            await asyncio.sleep(0.002)
    resolves = tiers.origin.resolves
    assert (await tiers.child.get(OTHER_PATH)).body == b"one|w_11|"
    assert tiers.origin.resolves == resolves + 1  # the child's own: the parent knows the key of what is on its disk


async def test_large_pictures_come_whole_from_the_parents_disk(tiers: Tiers) -> None:
    tiers.parent.pool.padding = 3 * 1024 * 1024
    first = await tiers.parent.get(PATH)
    got = await tiers.child.get(PATH)
    assert (got.status, got.body == first.body) == (200, True)
    assert tiers.child.pool.renders == 0


async def test_a_parent_that_has_not_heard_of_a_purge_is_not_believed(tiers: Tiers) -> None:
    asset = tiers.origin.assets["upload/pic"]
    assert (await tiers.parent.get(PATH)).status == 200
    await tiers.only_child(Kind.ASSET, aids=(asset.aid,))  # the purge reaches the child first
    tiers.child.pool.padding = 1  # what the child makes can be told from what the parent has
    got = await tiers.child.get(PATH)
    assert got.body == b"one|w_10|\0"
    assert (tiers.count("fenced"), tiers.count("taken")) == (1, 0)
    assert (await tiers.child.get(PATH)).body == b"one|w_10|\0"


async def test_bytes_of_a_parent_are_as_old_as_what_it_had_applied_when_the_purge_comes_later(tiers: Tiers) -> None:
    asset = tiers.origin.assets["upload/pic"]
    await tiers.parent.get(PATH)
    tiers.origin.sequence += 1  # committed, and applied nowhere yet
    purge = Entry(tenant=CLOUD, epoch=1, seq=tiers.origin.sequence, kind=Kind.ASSET, aids=(asset.aid,))
    assert (await tiers.child.get(PATH)).status == 200
    assert tiers.count("taken") == 1
    tiers.child.pool.padding = 1
    await tiers.child.link.apply(purge)  # the child's name was resolved after it: only the parent's number tells
    assert (await tiers.child.get(PATH)).body == b"one|w_10|\0"


async def test_a_purge_while_such_bytes_are_still_written_turns_no_viewer_away(tiers: Tiers) -> None:
    asset, known = tiers.origin.assets["upload/pic"], tiers.child.link.stored
    written = asyncio.Event()

    async def late(record: StoredObject) -> bool:
        await written.wait()
        return await known(record)

    tiers.child.link.stored = late  # type: ignore[method-assign]
    await tiers.parent.get(PATH)
    tiers.origin.sequence += 1
    purge = Entry(tenant=CLOUD, epoch=1, seq=tiers.origin.sequence, kind=Kind.ASSET, aids=(asset.aid,))
    try:
        assert (await tiers.child.get(PATH)).status == 200
        tiers.child.pool.padding = 1
        await tiers.child.link.apply(purge)  # its fill knows the name as of the purge, and its bytes as of before it
        assert (await tiers.child.get(PATH)).body == b"one|w_10|\0"
    finally:
        written.set()


async def test_what_a_parent_found_fresh_is_as_good_as_read_now(tiers: Tiers) -> None:
    await tiers.parent.get(PATH)
    aid = tiers.origin.upload("other", b"two").aid
    entry = await tiers.only_parent(Kind.ASSET, aids=(aid,))
    await tiers.child.link.apply(entry)
    state = tiers.child.link.tenants[CLOUD]
    state.fence = state.fence.restarted(Head(epoch=1, seq=entry.seq, chain=""))  # takes nothing that was read before
    assert (await tiers.child.get(PATH)).status == 200
    assert tiers.count("taken") == 1


async def test_another_version_under_the_name_does_not_open(tiers: Tiers) -> None:
    await tiers.parent.get(PATH)
    tiers.origin.upload("pic", b"two")
    tiers.origin.sequence += 1
    entry = Entry(tenant=CLOUD, epoch=1, seq=tiers.origin.sequence, kind=Kind.ASSET, names=(hash_of("pic"),))
    await tiers.child.link.apply(entry)
    assert (await tiers.child.get(PATH)).body == b"two|w_10|"  # the parent still says "one"
    assert tiers.count("taken") == 0


async def test_a_parent_of_another_epoch_is_not_believed(tiers: Tiers) -> None:
    await tiers.parent.get(PATH)
    tiers.origin.epoch = 2
    assert (await tiers.child.get(PATH)).status == 200
    assert (tiers.count("declined"), tiers.count("taken")) == (1, 0)


async def test_a_parent_without_its_lease_gives_nothing(tiers: Tiers) -> None:
    await tiers.parent.get(PATH)
    tiers.parent.link.lease(-1)
    assert (await tiers.child.get(PATH)).body == b"one|w_10|"
    assert tiers.child.pool.renders == 1
    assert tiers.count("declined") == 1


async def test_a_purge_at_the_parent_cuts_off_what_it_was_sending_a_child(tiers: Tiers) -> None:
    asset = tiers.origin.assets["upload/pic"]
    tiers.parent.pool.gate.close()
    async with tiers.client("eu-de") as client:
        asking = asyncio.create_task(ask(client))
        await asyncio.wait_for(tiers.parent.pool.gate.reached.wait(), 5)
        await tiers.only_parent(Kind.ERASE, aids=(asset.aid,))
        tiers.origin.assets.clear()
        tiers.parent.pool.gate.open()
        assert (await asking).status == 404


async def ask(client: TierClient, path: str = PATH) -> TierReply:
    permit = decide(policy(), Activity.METADATA, Place(name="parent", region="eu-de"), at=0.0)
    assert isinstance(permit, Permit)
    question = Question(tenant=CLOUD, raw_path=path, accept="", nonce="0" * 32)
    return await client.ask(permit, CLOUD, msgspec.msgpack.encode(question))


async def test_a_child_gets_what_its_certificate_and_the_policy_let_it_have(tiers: Tiers) -> None:
    async with tiers.client("eu-de") as client:
        assert (await ask(client)).status == 200
        assert (await ask(client, "/demo/image/authenticated/s--badsign0--/w_10/pic.png")).status == 401
    renders = tiers.parent.pool.renders
    async with tiers.client("us-east") as client:
        assert (await ask(client, OTHER_PATH)).status == 451  # `strict-eu`: no copies there
    async with tiers.client("eu-de", certified="us-east") as client:
        assert (await ask(client, OTHER_PATH)).status == 451  # says one region and proves another
    assert tiers.parent.pool.renders == renders  # nothing was made for them


async def test_a_parent_of_another_region_is_not_told_a_name(tiers: Tiers) -> None:
    async with tiers.client("eu-de", parent_region="eu-fr") as client:
        with pytest.raises(ParentGone, match="another region"):
            await ask(client)
    assert tiers.origin.resolves == 0  # it would have looked the name up


async def test_what_happens_at_the_parent_between_look_up_and_answer_counts(tiers: Tiers) -> None:
    asset, known = tiers.origin.assets["upload/pic"], tiers.parent.link.keyring_get
    await tiers.parent.get(PATH)

    async def purged(file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        record = await known(file_name, is_use=is_use)
        await tiers.only_parent(Kind.ASSET, aids=(asset.aid,))
        return record

    async def cut_off(file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        tiers.parent.link.lease(-1)
        return await known(file_name, is_use=is_use)

    async with tiers.client("eu-de") as client:
        for meanwhile in (purged, cut_off):
            tiers.parent.link.keyring_get = meanwhile  # type: ignore[method-assign]
            assert (await ask(client)).status == 503


async def test_an_answer_to_another_question_does_not_open(tmp_path: Path) -> None:
    async with two_tiers(tmp_path, CacheSettings(ram_bytes_max=4 * 1024 * 1024, disk_bytes_max=0)) as tiers:
        parent = tiers.child.parts.app.deliverer.filler.parent
        assert parent is not None
        replies: list[TierReply] = []
        asked = parent.client.ask

        async def recorded(permit: Permit, tenant: str, question: bytes) -> TierReply:
            replies.append(await asked(permit, tenant, question))
            return replies[0]

        parent.client.ask = recorded  # type: ignore[method-assign]
        await tiers.child.get(PATH)
        tiers.child.parts.app.deliverer.lookup.drop_tenant(CLOUD)
        assert (await tiers.child.get(PATH)).body == b"one|w_10|"
        assert (tiers.count("taken"), tiers.count("declined"), tiers.child.pool.renders) == (1, 1, 1)


async def test_a_viewers_token_does_not_go_to_the_parent(tiers: Tiers) -> None:
    made: str = cloudinary.auth_token.generate(
        key=TOKEN_KEY.hex(), expiration=int(time.time()) + 1000, acl="/demo/image/*"
    )
    parent = tiers.child.parts.app.deliverer.filler.parent
    assert parent is not None
    told: list[Question] = []
    asked = parent.client.ask

    async def recorded(permit: Permit, tenant: str, question: bytes) -> TierReply:
        told.append(msgspec.msgpack.decode(question, type=Question))
        return await asked(permit, tenant, question)

    parent.client.ask = recorded  # type: ignore[method-assign]
    tiers.origin.upload("pic", b"two", delivery_type="authenticated")
    closed = "/demo/image/authenticated/w_10/pic.png"
    assert (await tiers.child.get(f"{closed}?{made}")).body == b"two|w_10|"  # the parent lets nobody in by a token
    assert (await tiers.child.get(f"{PATH}?{made}")).body == b"one|w_10|"
    assert [question.raw_path for question in told] == [PATH]
    assert tiers.count("taken") == 1


async def test_children_count_among_the_viewers_of_their_parent(tiers: Tiers) -> None:
    busy = tiers.parent.parts.app.in_progress
    busy.count = tiers.parent.settings.delivery.requests_max
    async with tiers.client("eu-de") as client:
        assert (await ask(client)).status == 503
        busy.count = 0
        assert (await ask(client)).status == 200
        async with asyncio.timeout(5):
            while busy.count:
                await asyncio.sleep(0.002)


async def test_originals_stay_in_the_region(tiers: Tiers) -> None:
    its = policy(zones={"cache": ["world"]})
    await tiers.parent.configure(its, revision=2)
    original = "/demo/image/upload/pic.png"
    async with tiers.client("us-east") as client:
        assert (await ask(client)).status == 200
        assert (await ask(client, original)).status == 451
    async with tiers.client("eu-de") as client:
        assert (await ask(client, original)).status == 200


async def test_a_parent_that_is_late_is_not_waited_for(tmp_path: Path) -> None:
    async with two_tiers(tmp_path, answer_seconds_max=0.2) as tiers:
        tiers.parent.pool.gate.close()
        assert (await tiers.child.get(PATH)).body == b"one|w_10|"
        assert (tiers.count("failed"), tiers.child.pool.renders) == (1, 1)
        tiers.parent.pool.gate.open()


async def test_one_answer_that_does_not_come_says_nothing_of_the_parent_but_several_in_a_row_do(tmp_path: Path) -> None:
    async with two_tiers(tmp_path, answer_seconds_max=0.1, retry_seconds=3600.0) as tiers:
        tiers.parent.pool.gate.close()
        path = "/demo/image/upload/w_{}/pic.png"
        assert (await tiers.child.get(path.format(20))).status == 200  # a viewer asks for what takes long
        tiers.parent.pool.gate.open()
        assert (await tiers.child.get(path.format(21))).status == 200  # the others have their parent
        assert (tiers.count("failed"), tiers.count("taken")) == (1, 1)
        tiers.parent.pool.gate.close()
        for width in range(22, 22 + FAILURES_MAX + 2):
            assert (await tiers.child.get(path.format(width))).status == 200
        assert tiers.count("failed") == 1 + FAILURES_MAX
        tiers.parent.pool.gate.open()


async def test_without_its_parent_a_child_makes_it_or_says_so_and_does_not_ask_all_the_time(tmp_path: Path) -> None:
    for without, status in (("origin", 200), ("refuse", 503)):
        async with (
            two_tiers(tmp_path / without) as tiers,
            Rig.open(tmp_path / without / "alone", origin=tiers.origin, tier=gone(tiers, without)) as child,
        ):
            assert [(await child.get(path)).status for path in (PATH, OTHER_PATH)] == [status] * 2
            points = [point for point in totals([child.link.slot.counters]) if point.name == "parent_requests"]
            assert sum(point.value for point in points if point.labels["result"] == "failed") == 1


def gone(tiers: Tiers, without: str) -> TierSettings:
    settings = tiers.child.settings.tier
    return TierSettings(
        parent=f"https://localhost:{free_port()}", parent_region="eu-de", without_parent=without,
        ca_file=settings.ca_file, certificate_file=settings.certificate_file, key_file=settings.key_file,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"parent": "https://p", "listen": "127.0.0.1:1"}, "edge.tier.parent"),
        ({"parent": "https://p"}, "edge.tier.parent_region"),
        ({"listen": "127.0.0.1:1"}, "edge.tier.ca_file"),
        ({"listen": "127.0.0.1:1", "ca_file": Path("x")}, "edge.tier.certificate_file"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(fields: dict[str, Any], blamed: str) -> None:
    with pytest.raises(BadSetting, match=f"^{blamed}: "):
        TierSettings(**fields).validate()
