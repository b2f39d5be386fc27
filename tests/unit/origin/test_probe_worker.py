"""Asking after what was erased: CDNs that lie, edges that are silent or keep something, and what the statement says of them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import func, select

from deploy import verify_receipt
from domicile.media.asset import Aid
from domicile.media.probe import ACCEPTS, KnownUrl, Seen
from domicile.media.receipt import Verifier, read_receipt
from domicile.media.statement import ErasureStatement
from domicile.media.wire import Ack, EdgeProbe, EdgeSeen, LeaseRequest, ProbesRequest, Rendition, RenditionReport
from origin import probe_steps, probe_worker
from origin.catalogue.cdn_tables import cdn_purge
from origin.catalogue.probe_tables import erasure_work
from origin.cdn_worker import tend
from origin.keyring import Keyring
from origin.probe_steps import EDGE_RETRY_SECONDS_MAX, NO_ADDRESS, NO_QUESTIONS, PATIENCE_SECONDS, SILENT, WHY
from origin.probe_worker import DENIED
from origin.records import PurgeTargets, Records, probes, working_sets
from origin.records.probes import SILENT_SECONDS, Probe
from tests.infra.cache_api import RETRY_SECONDS, CacheApi, running_cache_api
from tests.infra.records import CLOUD, name, upload, written
from tests.unit.origin.cdn_scene import IN_FLIGHT, JANE, LIFETIME, Scene, scene_in, uploaded, use

NODE, BOOT = "1" * 32, "2" * 32
BYTES = WHY[Seen.BYTES]


@pytest_asyncio.fixture
async def there() -> AsyncIterator[CacheApi]:
    async with running_cache_api() as running:
        yield running


@pytest_asyncio.fixture
async def scene(tmp_path: Path, there: CacheApi) -> AsyncIterator[Scene]:
    async with scene_in(tmp_path, there, now=1_800_000_000.0) as made:
        made.no_waiting()
        yield made


async def purged(scene: Scene, targets: PurgeTargets = JANE) -> str:
    """An erasure whose CDN says that it has purged twice."""
    erasure = (await scene.records.erase(CLOUD, targets)).body["erasure_id"]
    assert await scene.turn()
    scene.pass_time(IN_FLIGHT)
    assert await scene.turn()
    return str(erasure)


async def told(scene: Scene, erasure: str) -> dict[str, Any]:
    await scene.close()
    return (await scene.records.erasure(CLOUD, erasure)).body


def state_of(body: dict[str, Any]) -> tuple[str, str]:
    return body["state"], body["outcome"]


def probe_of(body: dict[str, Any], place: str = "cdn shop") -> dict[str, Any]:
    (found,) = [one for one in body["places"] if one["place"] == place]
    return dict(found["probe"])


# --- CDNs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["whole", "range", "conditional"])
async def test_a_cdn_that_says_it_has_purged_and_serves_on_is_named_and_never_verified_until_it_really_has(
    scene: Scene, way: str
) -> None:
    aid = await uploaded(scene)
    scene.there.gives = {way}
    scene.there.moods = ["dropped"] * 9
    erasure = await purged(scene)
    body = await told(scene, erasure)
    probe = probe_of(body)
    assert state_of(body) == ("partial", "partial")
    assert (probe["state"], probe["given"], probe["why"]) == ("pending", 1, BYTES)
    assert (body["times"]["t_verified"], body["verified_bound_seconds"]) == (None, None)
    assert await scene.stages() == ["second"]  # it is to purge once more
    for _ in range(3):
        await scene.turn()
        scene.pass_time(10)
        assert state_of(await told(scene, erasure)) == ("partial", "partial")

    scene.there.moods = []
    scene.keep("jane", aid)
    await scene.turn()
    scene.pass_time(100)
    body = await told(scene, erasure)
    assert state_of(body) == ("receipted", "erased")
    assert probe_of(body)["given"] == 0
    assert body["times"]["t_verified"] == 1000 * (IN_FLIGHT + 130)
    receipt = await scene.records.receipt(CLOUD, erasure)
    assert receipt["statement"]["outcome"] == "erased"


async def test_a_cdn_that_serves_on_to_the_end_has_a_receipt_that_says_so(scene: Scene) -> None:
    await uploaded(scene)
    scene.there.moods = ["dropped"] * 9
    erasure = await purged(scene)
    assert state_of(await told(scene, erasure)) == ("partial", "partial")
    scene.pass_time(IN_FLIGHT + LIFETIME + PATIENCE_SECONDS)
    await tend(scene.origin)
    body = await told(scene, erasure)
    assert state_of(body) == ("receipted", "partial")
    assert (probe_of(body)["state"], probe_of(body)["why"]) == ("failed", BYTES)
    receipt = await scene.records.receipt(CLOUD, erasure)
    audit = scene.records.audit
    verifier = Verifier(
        statement_key=scene.records.statement_public_key(), log_name=audit.name, log_key=audit.public_key
    )
    assert read_receipt(receipt, verifier)["state"] == "receipted"
    keys = {
        "statement": {"public_key": base64.b64encode(verifier.statement_key).decode()},
        "log": {"name": audit.name, "public_key": base64.b64encode(audit.public_key).decode()},
    }
    assert verify_receipt.verify(json.loads(json.dumps(receipt)), keys)["state"] == "receipted"
    assert (receipt["leaf"]["outcome"], receipt["statement"]["times"]["t_verified"]) == ("partial", None)


@pytest.mark.parametrize("status", [302, 503])
async def test_a_cdn_that_refuses_to_be_asked_is_asked_again(scene: Scene, status: int) -> None:
    await uploaded(scene)
    scene.there.status = status
    erasure = await purged(scene)
    body = await told(scene, erasure)
    assert state_of(body) == ("partial", "partial")
    assert probe_of(body)["why"] == WHY[Seen.REFUSED]
    scene.there.status = 0
    assert state_of(await told(scene, erasure)) == ("partial", "partial")  # not before the pause is over
    scene.pass_time(1)
    assert state_of(await told(scene, erasure)) == ("receipted", "erased")


async def test_a_cdn_that_limits_how_often_it_is_asked_is_left_alone_named_and_then_asked_for_the_rest(
    scene: Scene,
) -> None:
    await uploaded(scene)
    scene.there.quota = 2
    erasure = await purged(scene)
    body = await told(scene, erasure)
    assert (state_of(body), probe_of(body)["why"]) == (("partial", "partial"), WHY[Seen.LIMITED])
    asked = scene.there.asked
    assert len(asked) == 3
    scene.there.quota = 100
    scene.pass_time(RETRY_SECONDS - 1)
    assert state_of(await told(scene, erasure)) == ("partial", "partial")
    assert len(asked) == 3  # it said so itself
    scene.pass_time(1)
    body = await told(scene, erasure)
    assert (state_of(body), probe_of(body)["asked"]) == (("receipted", "erased"), 6)
    assert (len(asked), asked[2], len(set(asked))) == (7, asked[3], 6)


async def test_a_cdn_that_only_says_429_has_a_receipt_that_says_so(scene: Scene) -> None:
    await uploaded(scene)
    scene.there.quota = 0
    erasure = await purged(scene)
    await told(scene, erasure)
    scene.pass_time(IN_FLIGHT + LIFETIME + PATIENCE_SECONDS)
    body = await told(scene, erasure)
    assert (state_of(body), probe_of(body)["why"]) == (("receipted", "partial"), WHY[Seen.LIMITED])


async def with_an_older_version(scene: Scene) -> PurgeTargets:
    """Under retention, by a label that the version of now has not."""
    said = {"created_at": 1_700_000_001.0, "backup": True, "tags": ("older",)}
    older = (await upload(scene.records, name("jane"), b"older", **said)).record
    await upload(scene.records, name("jane"), b"of now", created_at=1_700_000_002.0)
    async with scene.records._core.database.write() as connection:
        await connection.execute(cdn_purge.delete())
    scene.keep("jane", older.aid)
    return PurgeTargets(tags=("older",))


async def test_older_versions_alone_are_asked_for_under_their_own_urls(scene: Scene) -> None:
    targets = await with_an_older_version(scene)
    scene.there.picture, scene.there.moods = b"older", ["dropped"] * 9
    erasure = await purged(scene, targets)
    body = await told(scene, erasure)
    assert (state_of(body), probe_of(body)["why"]) == (("partial", "partial"), BYTES)
    scene.there.picture, scene.there.moods = b"of now", []
    await scene.turn()  # purged once more
    scene.keep("jane", (await scene.records.get(name("jane"))).aid)  # type: ignore[union-attr]
    scene.pass_time(100)
    scene.there.asked.clear()
    body = await told(scene, erasure)
    assert (state_of(body), probe_of(body)["asked"]) == (("receipted", "erased"), 6)
    assert {target for target, _ in scene.there.asked} == {
        f"/{CLOUD}/image/upload/v1700000001/jane.jpg",
        f"/{CLOUD}/image/upload/jane.jpg",
    }


async def test_where_nothing_could_be_asked_nothing_is_verified(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = await with_an_older_version(scene)
    monkeypatch.setattr(working_sets, "TARGETS_CHARACTERS_MAX", 0)
    body = await told(scene, await purged(scene, targets))
    assert (state_of(body), probe_of(body)["state"]) == (("receipted", "partial"), "failed")
    assert (probe_of(body)["asked"], probe_of(body)["why"]) == (0, NO_QUESTIONS)


async def test_what_is_asked_for_is_the_original_and_what_was_made_of_it_and_of_those_only_some(scene: Scene) -> None:
    aid = await uploaded(scene)
    made = [made_of(aid, each) for each in (*(f"w_{number}" for number in range(10)), "w_99,d_nobody.png")]
    await scene.records.add_renditions(RenditionReport(node=NODE, renditions=tuple(made)), region="eu-de")
    erasure = await purged(scene)
    assert state_of(await told(scene, erasure)) == ("receipted", "erased")
    targets = list(dict.fromkeys(target for target, _ in scene.there.asked))
    assert targets[:2] == [f"/{CLOUD}/image/upload/v1700000000/jane.jpg", f"/{CLOUD}/image/upload/jane.jpg"]
    assert len(targets) == 8
    assert all("/w_" in target and target.endswith("/v1700000000/jane.webp") for target in targets[2:])
    assert not any("d_nobody" in target for target in targets)
    assert [way for _, way in scene.there.asked] == ["whole", "range", "conditional"] * 8


def made_of(aid: Aid, transformation: str, extension: str = "webp") -> Rendition:
    return Rendition(
        tenant=CLOUD,
        aid=aid,
        sequence=1,
        transformation=transformation,
        format=extension,
        width=1,
        height=1,
        body_bytes=1,
    )


@pytest.mark.parametrize("accept", ACCEPTS)
async def test_a_copy_that_is_kept_for_one_kind_of_browser_is_found(scene: Scene, accept: str) -> None:
    aid = await uploaded(scene)
    made = tuple(made_of(aid, "f_auto,w_10", extension) for extension in ("avif", "webp", "jpg"))
    await scene.records.add_renditions(RenditionReport(node=NODE, renditions=made), region="eu-de")
    scene.there.place, scene.there.accepts = f"/{CLOUD}/image/upload/f_auto", accept
    scene.there.moods = ["dropped"] * 9
    body = await told(scene, await purged(scene))
    assert (state_of(body), probe_of(body)["why"]) == (("partial", "partial"), BYTES)
    asked = {target for target, _ in scene.there.asked if "f_auto" in target}
    assert asked == {f"/{CLOUD}/image/upload/f_auto,w_10/v1700000000/jane"}  # as viewers write it, once


async def test_what_shows_it_is_asked_for_as_well(scene: Scene) -> None:
    """A picture over which it was laid is still there, and a CDN may go on with what was made of both."""
    over = await uploaded(scene)
    base = await uploaded(scene, "base")
    await upload(scene.records, name("packed"), b"packed", sources=(over,))
    transformations = ("l_jane,w_10", "t_branded", "l_jane,d_x.png")
    made = tuple(msgspec.structs.replace(made_of(base, each), layers=(over,)) for each in transformations)
    await scene.records.add_renditions(RenditionReport(node=NODE, renditions=made), region="eu-de")
    scene.keep("base", over)  # it bears the tags of both
    scene.there.place, scene.there.moods = f"/{CLOUD}/image/upload/l_jane", ["dropped"] * 9
    body = await told(scene, await purged(scene))
    assert (state_of(body), probe_of(body)["why"]) == (("partial", "partial"), BYTES)
    scene.there.moods = []
    await scene.turn()  # purged once more
    scene.pass_time(100)
    scene.there.asked.clear()
    assert state_of(await told(scene, body["erasure_id"])) == ("receipted", "erased")
    assert {target for target, _ in scene.there.asked} == {
        f"/{CLOUD}/image/upload/v1700000000/jane.jpg",
        f"/{CLOUD}/image/upload/jane.jpg",
        f"/{CLOUD}/image/upload/l_jane,w_10/v1700000000/base.webp",
        f"/{CLOUD}/image/upload/t_branded/v1700000000/base.webp",
        f"/{CLOUD}/image/upload/v1700000000/packed.jpg",
    }


async def test_on_a_host_of_one_cloud_a_copy_is_found_as_viewers_name_it_there(scene: Scene) -> None:
    base = scene.there.account().cdn.base
    use(scene.records, [scene.there.account(hosts=(f"{base}={CLOUD}",))])
    await uploaded(scene)
    scene.there.place = "/image/upload"
    scene.there.moods = ["dropped"] * 9
    erasure = await purged(scene)
    body = await told(scene, erasure)
    assert (state_of(body), probe_of(body)["why"]) == (("partial", "partial"), BYTES)


async def test_a_cdn_with_a_host_of_another_cloud_alone_is_never_verified(scene: Scene) -> None:
    use(scene.records, [scene.there.account(hosts=(f"{scene.there.account().cdn.base}=other",))])
    await uploaded(scene)
    body = await told(scene, await purged(scene))
    assert (state_of(body), probe_of(body)["why"]) == (("receipted", "partial"), NO_ADDRESS)
    assert scene.there.asked == []


@pytest.mark.parametrize("status", [401, 451])
async def test_a_cdn_that_lets_in_others_and_not_who_asks_verifies_nothing(scene: Scene, status: int) -> None:
    await uploaded(scene)
    scene.there.status = status
    body = await told(scene, await purged(scene))
    assert (state_of(body), probe_of(body)["why"]) == (("partial", "partial"), WHY[Seen.REFUSED])


async def test_questions_about_one_erasure_take_no_longer_than_that(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await uploaded(scene)
    monkeypatch.setattr(probe_worker, "TRY_SECONDS_MAX", 0.0)
    body = await told(scene, await purged(scene))
    assert (state_of(body), probe_of(body)["why"]) == (("partial", "partial"), WHY[Seen.UNREACHABLE])


def test_on_a_host_of_one_cloud_it_is_asked_for_as_viewers_write_it_there_and_as_they_write_it_elsewhere() -> None:
    shared = KnownUrl(target="/acme/image/upload/w_10/v1/jane.jpg", md5="0" * 32)
    assert probe_steps.on_own_hosts([shared]) == (
        KnownUrl(target="/image/upload/w_10/v1/jane.jpg", md5="0" * 32),
        shared,
    )


def test_clouds_take_turns_with_what_is_asked_after() -> None:
    known = probes.Probes()
    for tenant, erasure in (("busy", "1"), ("busy", "2"), ("busy", "3"), ("calm", "4")):
        known.begin(Probe(tenant=tenant, id=erasure, seqs=(1,), began_at=0.0, work=None, until=9.0))
    everybody = frozenset({"busy", "calm"})
    told = [
        known.due_for((NODE, BOOT), everybody, now=0.0, limit=1)[0].id for _ in range(math.ceil(EDGE_RETRY_SECONDS_MAX))
    ]
    assert told == ["1", "4", "2", "3"]
    for tenant, erasure in list(known.open):
        known.end(tenant, erasure)
    assert known.turns == {}


async def test_a_name_that_is_taken_again_shows_another_picture_which_is_no_leak(scene: Scene) -> None:
    await uploaded(scene)
    erasure = await purged(scene)
    scene.keep("jane", (await upload(scene.records, name("jane"), b"another")).record.aid)
    scene.there.picture = b"another"
    body = await told(scene, erasure)
    assert state_of(body) == ("receipted", "erased")
    scene.there.picture = b"picture"
    erasure = await purged(scene)
    scene.keep("jane", (await upload(scene.records, name("jane"), b"a third")).record.aid)
    scene.there.picture = b"another"
    assert probe_of(await told(scene, erasure))["why"] == BYTES


async def test_a_cdn_without_an_address_is_never_verified_and_keeps_nothing_waiting(scene: Scene) -> None:
    use(scene.records, [scene.there.account(hosts=())])
    await uploaded(scene)
    body = await told(scene, await purged(scene))
    assert state_of(body) == ("receipted", "partial")
    assert (probe_of(body)["state"], probe_of(body)["why"]) == ("failed", NO_ADDRESS)
    assert scene.there.asked == []


async def test_a_cdn_is_asked_nothing_where_the_policy_lets_no_picture_be_delivered(
    scene: Scene, tmp_path: Path
) -> None:
    await uploaded(scene)
    erasure = await purged(scene)
    await scene.set_policy(tmp_path, "[zones]\ndeliver = []\n")
    body = await told(scene, erasure)
    assert state_of(body) == ("partial", "partial")
    assert scene.there.asked == []
    samples = [one for family in scene.origin.metrics.registry.collect() for one in family.samples]
    counted = [one for one in samples if one.name == "domicile_origin_cdn_probes_total" and one.value]
    assert [(one.labels["cdn"], one.labels["outcome"]) for one in counted] == [("fastly", DENIED)]


@pytest.mark.usefixtures("either_database")
async def test_what_is_asked_after_survives_the_process_sealed_and_goes_with_the_receipt(
    tmp_path: Path, there: CacheApi
) -> None:
    async with scene_in(tmp_path, there) as scene:
        scene.no_waiting()
        await uploaded(scene, "jane-unguessable")
        keys = len(scene.records._core.keyring)
        erased = await scene.records.erase(CLOUD, PurgeTargets(public_ids=("jane-unguessable",)))
        erasure = erased.body["erasure_id"]
        assert len(scene.records._core.keyring) == keys  # that of the version went, that of the erasure came
    assert b"jane-unguessable" not in written(tmp_path)
    async with scene_in(tmp_path, there) as scene:
        scene.no_waiting()
        await scene.turn()
        scene.pass_time(IN_FLIGHT)
        await scene.turn()
        assert state_of(await told(scene, erasure)) == ("receipted", "erased")
        assert there.asked
        assert len(scene.records._core.keyring) == keys - 1
        async with scene.records._core.database.read() as connection:
            assert await connection.scalar(select(func.count()).select_from(erasure_work)) == 0


async def test_while_what_was_asked_after_is_not_forgotten_it_is_verified_and_has_no_receipt(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await uploaded(scene)
    erasure = await purged(scene)
    keyring, puncture = scene.records._core.keyring, type(scene.records._core.keyring).puncture

    async def fails(*_: object) -> int:
        raise OSError("no disk")

    monkeypatch.setattr(type(keyring), "puncture", fails)
    body = await told(scene, erasure)
    assert state_of(body) == ("verified", "erased")
    assert body["times"]["t_verified"] is not None
    monkeypatch.setattr(type(keyring), "puncture", puncture)
    scene.there.status = 503  # nobody is asked again
    over = await told(scene, erasure)
    assert state_of(over) == ("receipted", "erased")
    assert over["times"] == body["times"]


async def test_ciphertext_that_can_still_be_opened_is_not_verified(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    aid = await uploaded(scene)
    key = scene.records._core.keyring.of(aid)
    erasure = await purged(scene)
    with monkeypatch.context() as patched:
        patched.setattr(Keyring, "of", lambda _, one: key if one == aid else None)
        body = await told(scene, erasure)
        assert state_of(body) == ("partial", "partial")
        told_of = probe_of(body, "origin store")
        assert (told_of["state"], told_of["asked"], told_of["given"]) == ("pending", 1, 1)
    body = await told(scene, erasure)
    assert state_of(body) == ("receipted", "erased")
    assert probe_of(body, "origin store")["given"] == 0


# --- edges ------------------------------------------------------------------------------------------------------------


async def registered(records: Records, boot: str = BOOT) -> None:
    await records.grant_lease(LeaseRequest(node=NODE, boot=boot, region="eu-de", authorities=(), heads={}))


async def acked(records: Records, boot: str = BOOT) -> None:
    head = (await records._core.journal.heads())[CLOUD]
    nonce = records._core.leases._instances[NODE, boot].handed.newest
    await records.ack(Ack(node=NODE, boot=boot, applied={CLOUD: head}, nonce=nonce))


async def fetched(records: Records, *seen: EdgeSeen, boot: str = BOOT, region: str = "eu-de") -> tuple[EdgeProbe, ...]:
    asked = ProbesRequest(node=NODE, boot=boot, region=region, wait_seconds=0.0, seen=seen)
    records.take_seen(asked)
    return (await records.probes_for(asked, wait_seconds=0.0)).probes


def saw(probe: EdgeProbe, **what: int) -> EdgeSeen:
    counts = {"looked": len(probe.aids), "kept": 0, "asked": 3, "given": 0, "unjudged": 0, "unsure": 0, **what}
    return EdgeSeen(id=probe.id, tenant=probe.tenant, **counts)


async def with_an_edge(scene: Scene) -> tuple[Aid, str]:
    """Erased, and fenced by the edge's ack."""
    use(scene.records, [])
    await registered(scene.records)
    aid = await uploaded(scene)
    erased: ErasureStatement = await scene.records.erase(CLOUD, JANE)
    assert state_of(erased.body) == ("sealed", "partial")
    await acked(scene.records)
    assert state_of(await told(scene, erased.body["erasure_id"])) == ("fenced", "partial")
    return aid, erased.body["erasure_id"]


async def test_an_erasure_is_over_when_the_edge_has_looked_and_not_when_it_has_acked(scene: Scene) -> None:
    aid, erasure = await with_an_edge(scene)
    (probe,) = await fetched(scene.records)
    assert (probe.id, probe.aids, probe.seq) == (erasure, (aid,), (await scene.records.head(CLOUD)).seq)
    assert [url.target for url in probe.urls][1] == f"/{CLOUD}/image/upload/jane.jpg"
    assert await fetched(scene.records) == (probe,)  # who asks again without a word has lost it
    assert await fetched(scene.records, saw(probe)) == ()
    body = await told(scene, erasure)
    assert state_of(body) == ("receipted", "erased")
    edges = probe_of(body, "edges")
    assert (edges["state"], edges["nodes"], edges["versions"], edges["asked"], edges["given"]) == (
        "verified",
        1,
        1,
        3,
        0,
    )
    assert probe_of(body, "origin store")["given"] == 0


@pytest.mark.parametrize("what", ["kept", "given"])
async def test_an_edge_that_keeps_or_gives_away_something_is_named_until_it_does_not(scene: Scene, what: str) -> None:
    _, erasure = await with_an_edge(scene)
    (probe,) = await fetched(scene.records)
    await fetched(scene.records, saw(probe, **{what: 1}))
    body = await told(scene, erasure)
    assert state_of(body) == ("partial", "partial")
    assert (probe_of(body, "edges")["given"], probe_of(body, "edges")["why"]) == (1, BYTES)
    assert await fetched(scene.records) == ()
    scene.pass_time(1)
    (probe,) = await fetched(scene.records)
    await fetched(scene.records, saw(probe))
    assert state_of(await told(scene, erasure)) == ("receipted", "erased")


async def test_an_edge_whose_worker_hung_for_long_is_asked_again_soon_after_it_goes_on(scene: Scene) -> None:
    _, erasure = await with_an_edge(scene)
    hung_seconds = 0
    while hung_seconds < 40:
        if due := await fetched(scene.records):
            await fetched(scene.records, saw(due[0], unsure=1))
        scene.pass_time(1)
        hung_seconds += 1
    for _ in range(math.ceil(EDGE_RETRY_SECONDS_MAX)):
        if due := await fetched(scene.records):
            await fetched(scene.records, saw(due[0]))
            break
        scene.pass_time(1)
    assert state_of(await told(scene, erasure)) == ("receipted", "erased")


async def test_an_edge_that_acks_and_never_looks_is_named_and_one_without_a_lease_is_not_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, erasure = await with_an_edge(scene)
    scene.pass_time(SILENT_SECONDS + 1)
    body = await told(scene, erasure)
    assert state_of(body) == ("partial", "partial")
    assert probe_of(body, "edges")["why"] == SILENT
    leases = scene.records._core.leases
    later = leases._monotonic() + 3600.0
    monkeypatch.setattr(leases, "_monotonic", lambda: later)
    body = await told(scene, erasure)
    assert state_of(body) == ("receipted", "erased")
    assert probe_of(body, "edges")["nodes"] == 0


async def test_every_start_of_an_edge_that_may_serve_is_asked(scene: Scene) -> None:
    _, erasure = await with_an_edge(scene)
    (probe,) = await fetched(scene.records)
    again = "3" * 32
    await registered(scene.records, again)
    await acked(scene.records, again)
    await fetched(scene.records, saw(probe))
    assert state_of(await told(scene, erasure)) == ("fenced", "partial")
    (probe,) = await fetched(scene.records, boot=again)
    await fetched(scene.records, saw(probe), boot=again)
    assert state_of(await told(scene, erasure)) == ("receipted", "erased")


async def test_only_so_much_is_asked_after_at_a_time_and_the_others_have_their_turn(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "OPEN_URLS_MAX", 1)
    _, first = await with_an_edge(scene)
    await upload(scene.records, name("john"))
    second = (await scene.records.erase(CLOUD, PurgeTargets(public_ids=("john",)))).body["erasure_id"]
    await acked(scene.records)
    assert state_of(await told(scene, second)) == ("fenced", "partial")
    (probe,) = await fetched(scene.records)
    await fetched(scene.records, saw(probe))
    assert state_of(await told(scene, first)) == ("receipted", "erased")
    assert state_of(await told(scene, second)) == ("fenced", "partial")
    (probe,) = await fetched(scene.records)
    assert probe.id == second


async def test_what_a_stranger_says_counts_for_nothing(scene: Scene) -> None:
    _, erasure = await with_an_edge(scene)
    (probe,) = await fetched(scene.records)
    await fetched(scene.records, saw(probe), boot="9" * 32)
    assert state_of(await told(scene, erasure)) == ("fenced", "partial")


async def test_names_go_to_no_edge_where_nothing_may_be_delivered(scene: Scene, tmp_path: Path) -> None:
    await with_an_edge(scene)
    await scene.set_policy(tmp_path, "[zones]\ndeliver = []\n")
    (probe,) = await fetched(scene.records)
    assert (probe.urls, len(probe.aids)) == ((), 1)
