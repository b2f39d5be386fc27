"""Renditions that come after the answer: whatever happens in between, they are made and told, or their asset is gone."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from domicile.media.errors import BadTransformation, MediaError, Overloaded
from origin import eager_worker
from origin.api import originals
from origin.api.eager import EagerTask
from origin.api.notices import Notice
from origin.keys import Origin
from origin.records import EAGER, AssetRecord, Left, NewTask, Records
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, name, opened, upload

ASKED = EagerTask(eager="w_5|w_6/jpg", url="http://app.example/hook", batch_id="b1", request_id="r1")


class Decoders:
    """Renders whatever it is asked for, unless it is told to fail."""

    def __init__(self) -> None:
        self.fails: list[MediaError] = []

    async def render(self, body: bytes, job: Any, **_: object) -> SimpleNamespace:
        if self.fails:
            raise self.fails.pop(0)
        done = SimpleNamespace(format="jpg", width=int(job.transformation.removeprefix("w_")), height=4)
        return SimpleNamespace(done=done, body=b"x" * 9)


def leave(_record: AssetRecord) -> Left:
    return Left(tasks=(NewTask(kind=EAGER, detail=msgspec.msgpack.encode(ASKED)),))


async def prepared(records: Records) -> tuple[Origin, Decoders, AssetRecord]:
    record = (await upload(records, name("jane"))).record
    await records.edit([name("jane")], lambda one: one, leave=leave)
    decoders = Decoders()
    origin = origin_over(records, decoders)
    origin.now = records._core.now
    return origin, decoders, record


async def told(records: Records) -> list[dict[str, Any]]:
    return [
        json.loads(msgspec.msgpack.decode(task.detail, type=Notice).body) for task in await records.notices.due(limit=9)
    ]


async def test_they_are_made_and_told_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await prepared(records)
    async with opened(tmp_path) as records:
        (task,) = await records.eager.due(limit=9)
        origin = origin_over(records, Decoders())
        await eager_worker.make_task(origin, task)
        assert sorted(one.width for one in await records.renditions(CLOUD, task.aid)) == [5, 6]
        assert await records.eager.due(limit=9) == ()
        (word,) = await told(records)
        assert (word["notification_type"], word["batch_id"], word["public_id"]) == ("eager", "b1", "jane")
        assert [(one["transformation"], one["width"]) for one in word["eager"]] == [("w_5", 5), ("w_6", 6)]


async def test_what_is_busy_is_tried_again_later(records: Records) -> None:
    origin, decoders, _ = await prepared(records)
    decoders.fails = [Overloaded("busy")]
    assert await eager_worker._round(origin) == 1
    assert await records.eager.due(limit=9) == ()
    assert await told(records) == []
    due = records._core.now() + eager_worker.RETRY_SECONDS + 1
    object.__setattr__(records._core, "now", lambda: due)
    assert await eager_worker._round(origin) == 1
    assert len(await told(records)) == 1


async def test_what_cannot_be_made_is_told_as_failed(records: Records) -> None:
    origin, decoders, record = await prepared(records)
    decoders.fails = [BadTransformation("Invalid transformation component - w_5")]
    await eager_worker._round(origin)
    (word,) = await told(records)
    assert [(one.get("status"), one["transformation"]) for one in word["eager"]] == [(None, "w_6"), ("failed", "w_5")]
    assert [one.width for one in await records.renditions(CLOUD, record.aid)] == [6]


async def test_of_an_asset_that_is_gone_nothing_is_made_or_told(records: Records) -> None:
    origin, _, _ = await prepared(records)
    (task,) = await records.eager.due(limit=9)
    await records.destroy(name("jane"))
    assert await records.eager.due(limit=9) == ()
    await eager_worker.make_task(origin, task)
    assert await told(records) == []


async def test_a_name_that_changes_meanwhile_does_not_matter(records: Records) -> None:
    origin, _, record = await prepared(records)
    await records.rename(name("jane"), "june")
    await eager_worker._round(origin)
    assert [word["public_id"] for word in await told(records)] == ["june"]
    assert len(await records.renditions(CLOUD, record.aid)) == 2


async def test_one_that_cannot_be_done_keeps_no_other_waiting(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, _, _ = await prepared(records)
    await upload(records, name("june"))
    await records.edit([name("june")], lambda one: one, leave=leave)
    real, broken = originals.original_of, [RuntimeError("a damaged file")]

    def original_of(*args: Any) -> Any:
        if broken:
            raise broken.pop()
        return real(*args)

    monkeypatch.setattr(eager_worker, "original_of", original_of)
    assert await eager_worker._round(origin) == 2
    assert len(await told(records)) == 1
    assert await records.eager.due(limit=9) == (), "it is put off"


async def test_of_what_may_not_be_transformed_here_any_more_the_failure_is_told(
    records: Records, tmp_path: Path
) -> None:
    origin, _, _ = await prepared(records)
    policy = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    policy.write_text(policy.read_text("utf-8") + "\n[zones]\ntransform = []\n", "utf-8")
    await records.reload_policies()
    await eager_worker._round(origin)
    (word,) = await told(records)
    assert [one["status"] for one in word["eager"]] == ["failed", "failed"]
