"""Purges at CDNs, from the entry of the journal to the receipt, against a cache that keeps copies and misbehaves on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, text

from domicile.media.asset import Aid
from domicile.media.journal import Kind
from domicile.media.wire import Ack, LeaseRequest
from origin import cdn_worker
from origin.catalogue.cdn_tables import cdn_purge as table
from origin.catalogue.tables import journal_entry
from origin.cdn_lifetimes import SETTLED_SECONDS
from origin.cdn_steps import DENIED, RETRY_SECONDS, Stage
from origin.cdn_worker import batch_of, round_of, tend
from origin.probe_steps import NO_ADDRESS
from origin.records import PurgeTargets, cdn_purges, removing
from origin.records.cdn_purges import CALLS_PER_ENTRY_MAX, DONE_KEPT_SECONDS, KEPT_SECONDS_MAX
from origin.records.core import Core
from tests.infra.cache_api import TOKEN, CacheApi, running_cache_api
from tests.infra.records import CLOUD, name, upload
from tests.unit.origin.cdn_scene import (
    IN_FLIGHT,
    JANE,
    LIFETIME,
    SHORT,
    Scene,
    follow,
    place_of,
    scene_in,
    uploaded,
    use,
)


@pytest_asyncio.fixture
async def there() -> AsyncIterator[CacheApi]:
    async with running_cache_api() as running:
        yield running


@pytest_asyncio.fixture
async def scene(tmp_path: Path, there: CacheApi) -> AsyncIterator[Scene]:
    async with scene_in(tmp_path, there, now=1_800_000_000.0) as made:  # in the middle of a month
        yield made


async def test_an_erasure_is_over_when_the_cdn_has_purged_twice_and_then_has_a_receipt_without_anybody_asking(
    scene: Scene,
) -> None:
    await uploaded(scene)
    statement = await scene.records.erase(CLOUD, JANE)
    erasure = statement.body["erasure_id"]
    assert statement.body["outcome"] == "partial"
    assert place_of(statement.body)["state"] == "pending"

    assert await scene.turn()
    assert scene.there.copies == {}
    assert not await scene.turn()  # what is on its way may still come in
    await scene.close()
    assert (await scene.records.erasure(CLOUD, erasure)).body["outcome"] == "partial"

    scene.there.copies["late"] = set(scene.there.calls[0])
    scene.pass_time(IN_FLIGHT - 0.01)
    assert not await scene.turn()
    scene.pass_time(0.01)
    assert await scene.turn()
    assert scene.there.copies == {}
    await scene.close()
    receipt = await scene.records.receipt(CLOUD, erasure)
    assert receipt
    done = await scene.records.erasure(CLOUD, erasure)
    assert done.body["outcome"] == "erased"
    place = place_of(done.body)
    probe = place.pop("probe")
    assert (probe["state"], probe["tries"], probe["asked"], probe["given"]) == ("verified", 1, 6, 0)
    assert place == {
        "place": "cdn shop",
        "state": "purged",
        "evidence": "2-1634836801",
        "purges": 1,
        "confirmed": 1,
        "expired": 0,
        "fenced_at": 1_800_000_000,
        "first_purged_at": 1_800_000_000,
        "ended_at": 1_800_000_000 + IN_FLIGHT,
        "seconds_left_max": 0,
    }
    assert scene.there.tokens == {TOKEN}


async def test_a_restriction_is_over_when_the_cdn_has_purged_it(scene: Scene) -> None:
    await uploaded(scene)
    asked = (await scene.records.restrict(CLOUD, JANE)).body
    assert (asked["state"], asked["outcome"], place_of(asked)["state"]) == ("accepted", "partial", "pending")
    assert await scene.turn()
    assert scene.there.copies == {}
    scene.pass_time(IN_FLIGHT)
    assert await scene.turn()
    over = (await scene.records.erasure(CLOUD, asked["erasure_id"])).body
    assert (over["state"], over["outcome"], place_of(over)["state"]) == ("restricted", "restricted", "purged")


async def test_no_cdn_is_told_before_the_last_edge_is_fenced(scene: Scene) -> None:
    asked = LeaseRequest(node="1" * 32, boot="2" * 32, region="eu-de", authorities=(), heads={})
    nonce = (await scene.records.grant_lease(asked)).nonce
    await uploaded(scene)
    statement = await scene.records.erase(CLOUD, JANE)
    assert not await scene.turn()
    assert scene.there.calls == []
    assert (await scene.stages()) == ["fence"]
    head = (await scene.records._core.journal.heads())[CLOUD]
    await scene.records.ack(Ack(node="1" * 32, boot="2" * 32, applied={CLOUD: head}, nonce=nonce))
    assert await scene.turn()
    assert len(scene.there.calls) == 1
    assert statement.body["outcome"] == "partial"


@pytest.mark.parametrize(
    ("mood", "pause"),
    [("busy", 70.0), ("broken", RETRY_SECONDS), ("reset", RETRY_SECONDS), ("nameless", RETRY_SECONDS), ("moved", 5.0)],
)
async def test_what_is_no_confirmation_is_asked_again_after_a_pause(scene: Scene, mood: str, pause: float) -> None:
    await uploaded(scene)
    await scene.records.erase(CLOUD, JANE)
    scene.there.moods = [mood]
    assert await scene.turn()
    assert await scene.stages() == ["first"]
    scene.pass_time(pause - 0.01)
    assert not await scene.turn()
    scene.pass_time(0.01)
    assert await scene.turn()
    assert (await scene.stages(), len(scene.there.calls)) == (["second"], 2)


async def test_a_busy_cdn_is_left_in_peace_by_all_purges_and_not_by_the_failed_one_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await uploaded(scene, "jane")
    await uploaded(scene, "john")
    monkeypatch.setattr(cdn_worker, "batch_of", lambda due, _most: [due[0]])
    await scene.records.erase(CLOUD, JANE)
    await scene.records.erase(CLOUD, PurgeTargets(public_ids=("john",)))
    scene.there.moods = ["busy"]
    assert await scene.turn()
    assert not await scene.turn()
    scene.pass_time(70.0)
    assert await scene.turn()
    assert await scene.turn()
    assert await scene.stages() == ["second", "second"]


async def test_a_purge_that_the_cdn_drops_is_made_good_by_the_second(scene: Scene) -> None:
    await uploaded(scene)
    await scene.records.erase(CLOUD, JANE)
    scene.there.moods = ["dropped"]
    assert await scene.turn()
    assert "jane" in scene.there.copies
    scene.pass_time(IN_FLIGHT)
    assert await scene.turn()
    assert scene.there.copies == {}


async def test_an_answer_in_pieces_is_read_to_its_end(scene: Scene) -> None:
    await uploaded(scene)
    await scene.records.erase(CLOUD, JANE)
    scene.there.moods = ["in pieces"]
    assert await scene.turn()
    assert await scene.stages() == ["second"]


@pytest.mark.usefixtures("either_database")
async def test_a_cdn_that_does_not_answer_keeps_fences_and_lapses_of_no_purge_waiting(scene: Scene) -> None:
    await uploaded(scene)
    await uploaded(scene, "john")
    scene.there.moods = ["slow"]
    await scene.records.erase(CLOUD, JANE)
    await tend(scene.origin)
    call = asyncio.ensure_future(round_of(scene.origin, scene.client, scene.line))
    async with asyncio.timeout(5):
        while not scene.there.calls:
            await asyncio.sleep(0.005)
    erased = await scene.records.erase(CLOUD, PurgeTargets(public_ids=("john",)))
    await tend(scene.origin)
    scene.pass_time(IN_FLIGHT + LIFETIME)
    await tend(scene.origin)
    assert await scene.stages() == ["lapsed", "lapsed"]
    scene.age()
    await scene.close()
    place = place_of((await scene.records.erasure(CLOUD, erased.body["erasure_id"])).body)
    assert (place["state"], place["confirmed"], place["expired"]) == ("expired", 0, 1)
    scene.there.slow.set()
    assert await call
    assert await scene.stages() == ["lapsed", "lapsed"]  # an answer that comes late begins nothing anew


async def test_purges_of_an_account_that_was_taken_from_the_file_stay_pending_until_their_age_ends_them(
    scene: Scene,
) -> None:
    await uploaded(scene)
    erased = await scene.records.erase(CLOUD, JANE)
    use(scene.records, [])
    await scene.records.cdn_purges.clean()
    for passing, state in ((0.0, "purging"), (IN_FLIGHT + LIFETIME - 0.01, "purging"), (0.02, "receipted")):
        scene.pass_time(passing)
        await tend(scene.origin)
        await scene.close()
        now = (await scene.records.erasure(CLOUD, erased.body["erasure_id"])).body
        assert (now["state"], now["outcome"]) == (state, "partial")
    assert place_of(now)["probe"]["why"] == NO_ADDRESS


async def test_a_shorter_lifetime_of_later_does_not_end_purges_of_before(scene: Scene, tmp_path: Path) -> None:
    await uploaded(scene)
    await scene.records.erase(CLOUD, JANE)
    await tend(scene.origin)
    await scene.set_policy(tmp_path, SHORT)
    scene.pass_time(IN_FLIGHT + LIFETIME - 1)
    await tend(scene.origin)
    assert await scene.stages() == ["first"]


def seconds_of(statement: dict[str, Any]) -> set[int]:
    """How long copies live that nobody can call back; the index of a server has no such time."""
    return {one["seconds_max"] for one in statement["residuals"] if "seconds_max" in one}


@pytest.mark.usefixtures("either_database")
@pytest.mark.parametrize("is_running", [True, False], ids=["running", "stopped"])
async def test_copies_of_before_a_shorter_lifetime_keep_an_erasure_open_as_long_as_they_were_told_to_live(
    tmp_path: Path, there: CacheApi, is_running: bool
) -> None:
    there.moods = ["broken"] * 9
    async with scene_in(tmp_path, there) as scene:
        await uploaded(scene)
        if is_running:
            await scene.set_policy(tmp_path, SHORT)
    if not is_running:
        (tmp_path / "data" / "policies" / f"{CLOUD}.toml").write_text(f'tenant = "{CLOUD}"\n{SHORT}')
    async with scene_in(tmp_path, there) as scene:
        erased = (await scene.records.erase(CLOUD, JANE)).body
        assert seconds_of(erased) == {10, LIFETIME}
        await scene.turn()
        scene.pass_time(IN_FLIGHT + LIFETIME - 0.01)
        await tend(scene.origin)
        assert await scene.outcome_of(erased["erasure_id"]) == "partial"
        scene.pass_time(0.02)
        scene.age()
        await tend(scene.origin)
        assert await scene.outcome_of(erased["erasure_id"]) == "erased"

        # once the last of them is gone, the shorter one is all there is
        scene.pass_time(SETTLED_SECONDS)
        await uploaded(scene)
        erased = (await scene.records.erase(CLOUD, JANE)).body
        assert seconds_of(erased) == {10}
        await tend(scene.origin)
        scene.pass_time(IN_FLIGHT + 10)
        scene.age()
        await tend(scene.origin)
        assert await scene.outcome_of(erased["erasure_id"]) == "erased"


@pytest.mark.usefixtures("either_database")
async def test_erasures_are_called_for_before_uploads_that_came_earlier(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    aid = await uploaded(scene)
    monkeypatch.setattr(cdn_worker, "batch_of", lambda due, _most: [due[0]])
    for number in range(3):
        await upload(scene.records, name(f"p{number}"))
        scene.pass_time(1)
    await scene.records.erase(CLOUD, JANE)
    for _ in range(4):
        await scene.turn()
    with_aid = [scene.tag_of("aid", aid) in tags for tags in scene.there.calls]
    assert with_aid == [True, False, False, False]
    assert await scene.stages() == ["second"] * 4


async def test_what_the_policy_does_not_let_be_told_is_said_in_the_statement_and_ends_by_its_age(
    scene: Scene, tmp_path: Path
) -> None:
    await uploaded(scene)
    await scene.set_policy(tmp_path, "[zones]\nmetadata = []\n")
    erased = (await scene.records.erase(CLOUD, JANE)).body["erasure_id"]
    assert await scene.turn()
    assert scene.there.calls == []
    assert scene.line.pace.until == 0  # the CDN has refused nothing
    place = place_of((await scene.records.erasure(CLOUD, erased)).body)
    assert (place["state"], place["evidence"], place["confirmed"]) == ("pending", DENIED, 0)
    samples = [one for family in scene.origin.metrics.registry.collect() for one in family.samples]
    counted = [one for one in samples if one.name == "domicile_origin_cdn_purges_total" and one.value]
    assert [(one.labels["cdn"], one.labels["outcome"]) for one in counted] == [("fastly", "denied")]
    scene.pass_time(IN_FLIGHT + LIFETIME)
    await tend(scene.origin)
    scene.age()
    await scene.close()
    place = place_of((await scene.records.erasure(CLOUD, erased)).body)
    assert (place["state"], place["evidence"], place["expired"]) == ("expired", DENIED, 1)


async def test_a_cdn_that_refuses_to_the_end_is_named_with_its_words_and_its_copies_with_their_age(
    scene: Scene,
) -> None:
    await uploaded(scene)
    await uploaded(scene, "john")
    erased = (await scene.records.erase(CLOUD, JANE)).body["erasure_id"]
    scene.there.moods = ["nameless"] * 3
    await scene.turn()
    place = place_of((await scene.records.erasure(CLOUD, erased)).body)
    assert (place["state"], place["evidence"]) == ("pending", "the CDN's answer names no purge")
    assert place["seconds_left_max"] == IN_FLIGHT + LIFETIME
    scene.pass_time(IN_FLIGHT + LIFETIME)
    scene.age()
    await tend(scene.origin)
    await scene.close()
    assert (await scene.records.receipt(CLOUD, erased))["statement"]["outcome"] == "erased"


async def test_an_erasure_of_several_entries_is_over_when_the_cdn_has_purged_for_all_of_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "ENTRY_TARGETS_MAX", 4)
    monkeypatch.setattr(cdn_worker, "batch_of", lambda due, _most: [due[0]])
    for number in range(3):
        await upload(scene.records, name(f"p{number}"), tags=("all",))
    async with scene.records._core.database.write() as connection:
        await connection.execute(table.delete())
    erased = (await scene.records.erase(CLOUD, PurgeTargets(tags=("all",)))).body
    assert place_of(erased)["purges"] == 2
    for turns in (2, 1):
        for _ in range(turns):
            assert await scene.turn()
        scene.pass_time(IN_FLIGHT)
    assert await scene.outcome_of(erased["erasure_id"]) == "partial"
    assert await scene.turn()
    assert await scene.outcome_of(erased["erasure_id"]) == "erased"


async def test_nobody_closes_an_erasure_before_what_it_has_forgotten_is_written_down(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(scene.records, [])
    await uploaded(scene)
    core = scene.records._core
    told: list[str] = []
    forget = Core.forget

    async def forgets(self: Core, doomed: Any) -> Any:
        done = await forget(self, doomed)
        async with core.database.read() as connection:
            (erasure_id,) = (await connection.execute(text("SELECT id FROM erasure"))).scalars()
        await scene.close()
        told.append(await scene.outcome_of(erasure_id))
        return done

    monkeypatch.setattr(Core, "forget", forgets)
    statement = await scene.records.erase(CLOUD, JANE)
    assert told == ["partial"]
    key = statement.body["key"]
    assert (statement.body["outcome"], key["root_after"] - key["root_before"]) == ("erased", 1)


@pytest.mark.usefixtures("either_database")
async def test_what_is_to_be_purged_survives_the_end_of_the_process(tmp_path: Path, there: CacheApi) -> None:
    async with scene_in(tmp_path, there) as scene:
        await uploaded(scene)
        erased = await scene.records.erase(CLOUD, JANE)
    async with scene_in(tmp_path, there) as scene:
        assert (await scene.records.erasure(CLOUD, erased.body["erasure_id"])).body["outcome"] == "partial"
        assert await scene.turn()
        assert there.copies == {}


# --- the rows ---------------------------------------------------------------------------------------------------------


async def tags(scene: Scene) -> set[str]:
    await tend(scene.origin)
    return {one for purge in await scene.records.cdn_purges.due("shop", limit=999) for one in purge.tags}


async def written_by(scene: Scene, kind: Kind, **targets: Any) -> set[str]:
    async with scene.records._core.database.write() as connection:
        await connection.execute(table.delete())
    async with scene.records._core.journal.change(CLOUD) as change:
        change.record(kind, **targets)
    return await tags(scene)


async def test_every_kind_of_entry_has_its_tags(scene: Scene) -> None:
    aid, mark = Aid("a" * 32), scene.records._core.hash_name(name("jane"))
    both = {scene.tag_of("aid", aid), scene.tag_of("mark", mark)}
    for kind in (Kind.ASSET, Kind.ERASE, Kind.RESTRICT, Kind.NAME):
        assert await written_by(scene, kind, aids=(aid,), names=(mark,)) == both
    assert await written_by(scene, Kind.NAME, names=(mark,)) == {scene.tag_of("mark", mark)}
    assert await written_by(scene, Kind.NAME) == set()
    assert await written_by(scene, Kind.CONFIG, config_revision=2) == set()
    assert await written_by(scene, Kind.ALL) == {scene.tag_of("cloud", "")}


@pytest.mark.parametrize(("at", "other"), [(1_793_491_300.0, -300.0), (1_793_491_100.0, 3600.0)])
async def test_both_months_are_purged_around_the_end_of_one(scene: Scene, at: float, other: float) -> None:
    """1,793,491,200 is the first of November: copies of before are tagged by October, and an edge that is not fenced yet
    may give away one of November.
    """
    scene.pass_time(at - scene.now)
    aid = Aid("a" * 32)
    assert await written_by(scene, Kind.ERASE, aids=(aid,)) == {
        scene.tag_of("aid", aid),
        scene.tag_of("aid", aid, scene.now + other),
    }


async def test_an_entry_that_means_too_many_calls_purges_the_cloud(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cdn_purges, "batches", lambda _kind, tags: ((one,) for one in tags))
    aids = tuple(Aid(f"{number:032x}") for number in range(CALLS_PER_ENTRY_MAX + 1))
    assert len(await written_by(scene, Kind.ERASE, aids=aids[1:])) == CALLS_PER_ENTRY_MAX
    assert await written_by(scene, Kind.ERASE, aids=aids) == {scene.tag_of("cloud", "")}


async def test_a_row_is_for_each_account_that_serves_the_cloud(scene: Scene) -> None:
    more = {"all": frozenset[str](), "mine": frozenset({CLOUD}), "not": frozenset({"other"})}
    use(scene.records, [scene.there.account(account, clouds=clouds) for account, clouds in more.items()])
    await written_by(scene, Kind.ALL)
    async with scene.records._core.database.read() as connection:
        assert sorted((await connection.scalars(select(table.c.account))).all()) == ["all", "mine"]


async def test_a_row_is_there_exactly_if_its_entry_is(scene: Scene) -> None:
    await written_by(scene, Kind.CONFIG, config_revision=2)
    async with scene.records._core.database.write() as connection:
        await connection.execute(text("DELETE FROM journal_entry"))
        head = (await connection.execute(text("SELECT seq FROM journal_head"))).scalar_one()
        values = {"tenant": CLOUD, "seq": head + 1, "entry": b""}
        await connection.execute(insert(journal_entry).values(values))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await written_by(scene, Kind.ALL)
    assert await scene.stages() == []

    async def fails(*_: object) -> None:
        raise RuntimeError("no room")

    async with scene.records._core.database.write() as connection:
        await connection.execute(text("DELETE FROM journal_entry"))
    follow(scene.records)
    await upload(scene.records, name("jane"))
    before = (await scene.records._core.journal.heads())[CLOUD]
    follow(scene.records, fails)
    with pytest.raises(RuntimeError):
        await scene.records.erase(CLOUD, JANE)
    assert (await scene.records._core.journal.heads())[CLOUD] == before


async def test_a_new_cloud_can_be_made(scene: Scene) -> None:
    await scene.records.create_tenant("another")
    assert await scene.stages() == []


@pytest.mark.usefixtures("either_database")
async def test_what_is_over_is_forgotten_but_not_before_the_erasures_of_its_cloud_are(scene: Scene) -> None:
    await uploaded(scene)
    await scene.records.erase(CLOUD, JANE)
    await scene.turn()
    scene.pass_time(IN_FLIGHT)
    await scene.turn()
    assert await scene.stages() == ["done"]
    scene.pass_time(DONE_KEPT_SECONDS + 1)
    assert await scene.records.cdn_purges.clean() == 0
    await scene.close()
    assert await scene.records.cdn_purges.clean() == 1


async def test_nothing_that_is_over_is_kept_for_ever(scene: Scene) -> None:
    await uploaded(scene)
    await scene.records.erase(CLOUD, JANE)
    await scene.turn()
    scene.pass_time(IN_FLIGHT)
    await scene.turn()
    scene.pass_time(KEPT_SECONDS_MAX + 1)
    assert await scene.records.cdn_purges.clean() == 1


async def test_one_call_takes_what_fits_into_it_and_asks_after_all_that_began_with_it(scene: Scene) -> None:
    for number in range(5):
        await upload(scene.records, name(f"p{number}"))
    await tend(scene.origin)
    due = await scene.records.cdn_purges.due("shop", limit=99)
    assert [len(batch_of(due, most)) for most in (1, 3, 256)] == [1, 3, 5]
    assert due[0].standing.stage == Stage.FIRST
