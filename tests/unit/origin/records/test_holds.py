"""Erasures that wait: for the end of a grace, for a second person, for the end of a legal hold, which beats them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domicile.media.erasure_rules import ErasureRules
from domicile.media.errors import AssetNotFound, BadRequest, OutOfScope
from domicile.media.journal import Kind
from domicile.media.policy import Activity
from domicile.media.statement import ErasureStatement
from origin.journal import Change
from origin.mirror import Mirror
from origin.records import Records
from origin.records.deferred import APPROVAL_SECONDS_MAX
from origin.records.opening import Clocks
from origin.records.purge_types import PurgeTargets
from tests.infra.records import CLOUD, keep, name, opened, restore, settings, upload, written

JANE = PurgeTargets(public_ids=("jane",))
BOTH = PurgeTargets(tags=("t",))
WHY = "case 17 of Jane Doe"
STRANGERS_SECONDS = 1000.0
"""Longer than a restored catalogue waits for edges that it does not know."""
ROUNDS_MAX = 200
"""That one of two is drawn in none of them has a chance of 2 ** -200."""


@dataclass
class Clock:
    now: float = field(default=1_800_000_000.0)

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def at(directory: Path, clock: Clock, **changes: float) -> AsyncIterator[Records]:
    async with Records.open(settings(directory, **changes), Clocks(wall=clock, monotonic=clock)) as records:
        if records.tenant(CLOUD) is None:
            await records.create_tenant(CLOUD)
        yield records


def id_of(statement: ErasureStatement) -> str:
    return str(statement.body["erasure_id"])


def told(statement: ErasureStatement) -> tuple[str, str]:
    return statement.body["state"], statement.body["outcome"]


async def two(records: Records) -> None:
    for person in ("jane", "joe"):
        await upload(records, name(person), tags=("t",))


async def placed(records: Records, targets: PurgeTargets = JANE) -> str:
    statement = await records.place_hold(CLOUD, targets, placed_by="Judge Doe", reason=WHY, api_key="1")
    return str(statement.body["hold_id"])


async def kinds(records: Records) -> list[str]:
    return [leaf.partition(b'"kind":"')[2].partition(b'"')[0].decode() for leaf in await records.audit.leaves(0, 100)]


async def test_a_grace_restricts_at_once_erases_when_it_ends_and_survives_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with at(tmp_path, clock) as records:
        jane = (await upload(records, name("jane"))).record
        asked = await records.erase(CLOUD, JANE, grace=60, request_id="r")
        assert told(asked) == ("restricted", "waiting")
        assert asked.body["waits"] == {"assets": 1, "held": 0, "grace_ends_at": clock.now + 60}
        assert await records.get(name("jane")) is None
        assert records._core.keyring.of(jane.aid) is not None
        assert id_of(await records.erase(CLOUD, JANE, grace=60, request_id="r")) == id_of(asked)
        clock.now += 59
        await records._erasures.resume()
        assert records._core.keyring.of(jane.aid) is not None
    clock.now += 1
    async with at(tmp_path, clock) as records:
        await records._erasures.resume()
        assert records._core.keyring.of(jane.aid) is None
        assert told(await records.erasure(CLOUD, id_of(asked))) == ("receipted", "erased")
        assert await kinds(records) == ["erasure"]
        with pytest.raises(BadRequest):
            await records.cancel_erasure(CLOUD, id_of(asked))


async def test_what_is_cancelled_is_shown_again_and_never_erased(tmp_path: Path) -> None:
    clock = Clock()
    async with at(tmp_path, clock) as records:
        jane = (await upload(records, name("jane"))).record
        asked = await records.erase(CLOUD, JANE, grace=60)
        cancelled = await records.cancel_erasure(CLOUD, id_of(asked))
        assert told(cancelled) == ("cancelled", "cancelled")
        assert await records.get(name("jane")) == jane
        clock.now += 61
        await records._erasures.resume()
        assert await records.get(name("jane")) == jane
        assert told(await records.erasure(CLOUD, id_of(asked))) == ("cancelled", "cancelled")
        with pytest.raises(BadRequest):
            await records.cancel_erasure(CLOUD, id_of(asked))
        with pytest.raises(AssetNotFound):
            await records.cancel_erasure(CLOUD, "0" * 32)
        assert (await kinds(records))[0] == "cancel"


async def test_a_catalogue_of_yesterday_does_not_carry_out_what_was_cancelled_since(tmp_path: Path) -> None:
    clock = Clock()
    async with at(tmp_path, clock) as records:
        await two(records)
        jane, joe = [
            id_of(await records.erase(CLOUD, PurgeTargets(public_ids=(one,)), grace=60)) for one in ("jane", "joe")
        ]
    keep(tmp_path, "yesterday")
    async with at(tmp_path, clock) as records:
        await records.cancel_erasure(CLOUD, jane)
    restore(tmp_path, "yesterday")
    clock.now += 61
    async with at(tmp_path, clock, ack_seconds_max=0.0) as records:
        await records._erasures.resume()
        clock.now += STRANGERS_SECONDS
        assert await records.get(name("jane")) is not None
        assert told(await records.erasure(CLOUD, jane)) == ("cancelled", "cancelled")
        assert await records.get(name("joe")) is None
        assert (await records.erasure(CLOUD, joe)).body["removed"]["versions"] == 1


async def test_of_more_that_wait_than_one_round_looks_at_none_is_left_out_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.records.erasures.RESUMED_PER_ROUND_MAX", 1)
    clock = Clock()
    async with at(tmp_path, clock) as records:
        await two(records)
        asked = {
            one: id_of(await records.erase(CLOUD, PurgeTargets(public_ids=(one,)), grace=10)) for one in ("jane", "joe")
        }
        first, last = sorted(asked, key=lambda one: asked[one])
        await placed(records, PurgeTargets(public_ids=(first,)))
        clock.now += 10
        for _ in range(ROUNDS_MAX):
            await records._erasures.resume()
            if (await records.erase_preview(CLOUD, BOTH)).total == 1:
                break
        assert [
            (await records.erase_preview(CLOUD, PurgeTargets(public_ids=(one,)))).total for one in (first, last)
        ] == [1, 0]


async def test_a_restriction_of_its_own_outlives_a_cancelled_erasure(tmp_path: Path) -> None:
    async with at(tmp_path, Clock()) as records:
        await upload(records, name("jane"))
        asked = await records.erase(CLOUD, JANE, grace=60)
        await records.restrict(CLOUD, JANE)
        await records.cancel_erasure(CLOUD, id_of(asked))
        assert await records.get(name("jane")) is None
        await records.unrestrict(CLOUD, JANE)
        assert await records.get(name("jane")) is not None


async def test_a_hold_beats_an_erase_which_goes_on_by_itself_when_it_is_lifted(tmp_path: Path) -> None:
    async with at(tmp_path, Clock()) as records:
        await two(records)
        jane, joe = [record for one in ("jane", "joe") if (record := await records.get(name(one)))]
        hold = await placed(records)
        asked = await records.erase(CLOUD, BOTH)
        assert told(asked) == ("blocked_by_hold", "partial")
        assert asked.body["waits"] == {"assets": 2, "held": 1}
        assert [records._core.keyring.of(one.aid) is None for one in (jane, joe)] == [False, True]
        assert await records.get(name("jane")) is None, "restricted meanwhile"
        with pytest.raises(BadRequest):
            await records.cancel_erasure(CLOUD, id_of(asked))
        other = await placed(records, PurgeTargets(asset_ids=(jane.asset_id,)))
        await records.lift_hold(CLOUD, hold)
        assert records._core.keyring.of(jane.aid) is not None, "another hold stands"
        await records.lift_hold(CLOUD, other)
        assert records._core.keyring.of(jane.aid) is None
        assert told(await records.erasure(CLOUD, id_of(asked))) == ("receipted", "erased")
        assert await kinds(records) == ["hold", "hold", "release", "release", "erasure"]
        with pytest.raises(AssetNotFound):
            await records.lift_hold(CLOUD, hold)


async def test_an_erasure_that_a_hold_keeps_whole_can_be_cancelled(tmp_path: Path) -> None:
    async with at(tmp_path, Clock()) as records:
        jane = (await upload(records, name("jane"))).record
        hold = await placed(records)
        asked = await records.erase(CLOUD, JANE)
        assert told(asked) == ("blocked_by_hold", "waiting")
        await records.cancel_erasure(CLOUD, id_of(asked))
        await records.lift_hold(CLOUD, hold)
        assert await records.get(name("jane")) == jane


@pytest.mark.parametrize("way", ["destroy", "replace", "rename"])
async def test_what_is_deleted_or_replaced_under_a_hold_is_gone_for_its_owner_and_kept_until_it_ends(
    tmp_path: Path, way: str
) -> None:
    async with at(tmp_path, Clock()) as records:
        jane = (await upload(records, name("jane"))).record
        await upload(records, name("joe"))
        hold = await placed(records)
        if way == "destroy":
            removed = await records.destroy(name("jane"))
            assert removed is not None
            assert not removed.kept
        elif way == "replace":
            await upload(records, name("jane"), b"another")
        else:
            await records.rename(name("joe"), "jane", overwrite=True)
        core = records._core
        assert core.keyring.of(jane.aid) is not None
        assert await core.blobs.size(CLOUD, jane.aid) > 0
        assert await records.backups.of_asset(CLOUD, jane.asset_id) == ()
        with pytest.raises(AssetNotFound):
            await records.read_original(jane.aid, core.permit(CLOUD, Activity.STORE), None)
        await records.lift_hold(CLOUD, hold)
        assert core.keyring.of(jane.aid) is None


@pytest.mark.parametrize("is_compacted", [False, True])
async def test_a_catalogue_of_yesterday_knows_the_holds_of_now(tmp_path: Path, is_compacted: bool) -> None:
    async with at(tmp_path, Clock()) as records:
        await two(records)
        jane, joe = [record for one in ("jane", "joe") if (record := await records.get(name(one)))]
        before = await placed(records, PurgeTargets(public_ids=("joe",)))
    keep(tmp_path, "yesterday")
    async with at(tmp_path, Clock()) as records:
        hold = await placed(records)
        await records.lift_hold(CLOUD, before)
        await records.lift_hold(CLOUD, await placed(records, BOTH))
        await upload(records, name("jane"), b"another", tags=("t",))
    if is_compacted:
        mirror = Mirror(tmp_path / "data.mirror")
        mirror.compact(keep=1)
        mirror.close()
    restore(tmp_path, "yesterday", originals=False)
    async with opened(tmp_path, ack_seconds_max=0.0) as records:
        core, standing = records._core, {one.id: one for one in await records.holds(CLOUD)}
        assert (standing[hold].assets, standing[hold].placed_by, standing[hold].reason) == (1, "", "")
        assert set(standing) - {hold} == ({before} if is_compacted else set()), "of what is not known it is kept"
        await records.erase(CLOUD, BOTH)
        assert core.keyring.of(jane.aid) is not None
        assert (core.keyring.of(joe.aid) is not None) is is_compacted
        await records.lift_hold(CLOUD, hold)
        assert core.keyring.of(jane.aid) is None
        head = await records.head(CLOUD)
    async with opened(tmp_path) as records:
        assert await records.head(CLOUD) == head, "nothing is told again that was told"


async def test_a_hold_of_an_older_release_is_told_to_the_mirror_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def said(change: Change, *_: object) -> None:
        change.record(Kind.NAME)

    async with at(tmp_path, Clock()) as records:
        jane = (await upload(records, name("jane"))).record
    keep(tmp_path, "yesterday")
    async with at(tmp_path, Clock()) as records:
        with monkeypatch.context() as older:
            older.setattr("origin.records.holds._say", said)
            hold = await placed(records)
        before = await records.head(CLOUD)
    async with at(tmp_path, Clock()) as records:
        (told,) = (await records.entries({CLOUD: before.seq}, wait_seconds=0)).entries
        assert (told.kind, told.aids, told.names) == (Kind.HOLD, (jane.aid,), (hold,))
    restore(tmp_path, "yesterday", originals=False)
    async with at(tmp_path, Clock()) as records:
        assert [one.id for one in await records.holds(CLOUD)] == [hold]


async def test_who_placed_a_hold_and_why_is_told_to_those_who_may_ask_and_stands_nowhere_in_the_clear(
    tmp_path: Path,
) -> None:
    async with at(tmp_path, Clock()) as records:
        await upload(records, name("jane"))
        await placed(records)
        (hold,) = await records.holds(CLOUD)
        assert (hold.placed_by, hold.reason, hold.api_key, hold.assets) == ("Judge Doe", WHY, "1", 1)
        with pytest.raises(AssetNotFound):
            await records.place_hold(CLOUD, PurgeTargets(tags=("x",)), placed_by="a", reason="b", api_key="1")
        with pytest.raises(BadRequest):
            await records.place_hold(CLOUD, JANE, placed_by="", reason="b", api_key="1")
    assert WHY.encode() not in written(tmp_path)


async def approving(records: Records, tmp_path: Path, *more: str) -> None:
    path = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    rules = "\n".join(("[erasures]", "approval_above = 1", *more))
    path.write_text(f"{path.read_text('utf-8')}\n{rules}\n", "utf-8")
    await records.reload_policies()


async def test_more_than_a_person_may_erase_alone_waits_for_a_second_one(tmp_path: Path) -> None:
    async with at(tmp_path, Clock()) as records:
        await two(records)
        await approving(records, tmp_path)
        asked = await records.erase(CLOUD, BOTH, asked_by="1")
        assert told(asked) == ("awaiting_approval", "waiting")
        assert await records.get(name("jane")) is not None
        with pytest.raises(OutOfScope):
            await records.approve_erasure(CLOUD, id_of(asked), api_key="1")
        assert await records.get(name("jane")) is not None
        approved = await records.approve_erasure(CLOUD, id_of(asked), api_key="2")
        assert told(approved) == ("receipted", "erased")
        assert approved.body["removed"]["versions"] == 2
        assert await records.get(name("jane")) is None
        assert await kinds(records) == ["approve", "erasure"]
        with pytest.raises(BadRequest):
            await records.approve_erasure(CLOUD, id_of(asked), api_key="2")


async def test_an_approval_that_does_not_come_in_time_cancels(tmp_path: Path) -> None:
    clock = Clock()
    async with at(tmp_path, clock) as records:
        await two(records)
        await approving(records, tmp_path)
        asked = await records.erase(CLOUD, BOTH, asked_by="1")
        clock.now += APPROVAL_SECONDS_MAX
        with pytest.raises(BadRequest):
            await records.approve_erasure(CLOUD, id_of(asked), api_key="2")
        assert told(await records.erasure(CLOUD, id_of(asked))) == ("cancelled", "cancelled")
        assert await records.get(name("jane")) is not None
        await records.erase(CLOUD, JANE, asked_by="1")
        assert await records.get(name("jane")) is None, "one asset needs nobody"


async def test_many_small_erasures_count_together_until_the_window_is_over(tmp_path: Path) -> None:
    """The threshold is 1; a restart forgets nothing, another key of the cloud does not help, and nor does asking as often as it takes."""
    clock, people = Clock(), [PurgeTargets(public_ids=(f"p{number}",)) for number in range(6)]
    async with at(tmp_path, clock) as records:
        for number in range(6):
            await upload(records, name(f"p{number}"))
        await approving(records, tmp_path)
        assert told(await records.erase(CLOUD, people[0], asked_by="1", request_id="r")) == ("receipted", "erased")
        assert told(await records.erase(CLOUD, people[0], asked_by="1", request_id="r")) == ("receipted", "erased")
        with pytest.raises(AssetNotFound):
            await records.erase(CLOUD, people[0], asked_by="1")
    async with at(tmp_path, clock) as records:
        asked = [await records.erase(CLOUD, people[number], asked_by=str(number)) for number in (1, 2)]
        assert [told(one) for one in asked] == [("awaiting_approval", "waiting")] * 2
        waits = [one.body["waits"] for one in asked]
        assert [(one["erased_unapproved"], one["erased_unapproved_by_key"]) for one in waits] == [(1, 1), (1, 0)]
        assert await records.get(name("p1")) is not None
        assert told(await records.approve_erasure(CLOUD, id_of(asked[0]), api_key="2")) == ("receipted", "erased")
        clock.now += ErasureRules().approval_window_seconds
        assert told(await records.erase(CLOUD, people[3], asked_by="1")) == ("receipted", "erased"), (
            "the approved is no part"
        )
        clock.now += ErasureRules().approval_window_seconds
        both = await asyncio.gather(*(records.erase(CLOUD, people[number], asked_by="1") for number in (4, 5)))
        assert sorted(map(told, both)) == [("awaiting_approval", "waiting"), ("receipted", "erased")]


async def test_without_a_window_each_call_is_counted_by_itself_with_what_is_kept_of_deleted_assets(
    tmp_path: Path,
) -> None:
    async with at(tmp_path, Clock()) as records:
        for one in ("jane", "joe", "jim"):
            await upload(records, name(one), tags=("t",), backup=True)
        await approving(records, tmp_path, "approval_window_seconds = 0")
        for one in ("joe", "jim"):
            await records.destroy(name(one))
        assert told(await records.erase(CLOUD, BOTH, asked_by="1")) == ("awaiting_approval", "waiting")
        for one in ("jane", "joe"):
            erased = await records.erase(CLOUD, PurgeTargets(public_ids=(one,)), asked_by="1")
            assert told(erased) == ("receipted", "erased")
