"""A worker that does not own an object, and a played owner at the other end of its socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from domicile.media.errors import UndecodableMedia
from domicile.media.forced import ForcedRedaction
from domicile.media.journal import Kind
from domicile.media.pending import NO_HINTS, Hints
from domicile.service.gate import peer as gate
from edge.delivery_settings import DeliverySettings
from edge.peer import AnswerHead, Question, encode_head, encode_refusal
from edge.store.port import StoredHead
from tests.unit.edge.rig import CLOUD, Gate, Rig, asked_of, hash_of, policy

OWNER = 1


class PlayedOwner:
    """Answers every question with the same object."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.questions = 0
        self.gate = Gate()
        self.body = b"the owner's"
        self.on_disk = False
        self.dies = False
        self.refusal: bytes | None = None
        self.key: str | None = None
        self.sequence = 1
        self.question: Question | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[PlayedOwner]:
        slot = self.rig.link.page.slots[OWNER]
        slot.claim(pid=1, boot=1)
        slot.listening = True
        app = web.Application()
        app.router.add_post(gate.PATH, self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.UnixSite(runner, str(self.rig.settings.worker_socket(OWNER))).start()
        try:
            yield self
        finally:
            self.gate.open()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.questions += 1
        self.question = msgspec.msgpack.decode(await request.read(), type=Question)
        await self.gate.passed()
        if self.dies:
            assert request.transport is not None
            request.transport.abort()
        head = self.refusal or encode_head(self._head())
        content = head if self.on_disk or self.refusal else head + self.body
        status = 200 if self.refusal is None else 400
        return web.Response(body=content, status=status, headers={gate.HEAD_HEADER: str(len(head))})

    def _head(self) -> AnswerHead:
        asset = self.rig.origin.assets["upload/pic"]
        head = StoredHead(
            tenant=CLOUD, contributors=(asset.aid,), names=(hash_of("pic"),), epoch=1, sequence=self.sequence, config_revision=1,
            stored_at=time.time(), ttl_seconds=60.0, content_type="image/png", etag='"tag"', body_bytes=len(self.body),
            format="png", content_info="",
        )  # fmt: skip
        return AnswerHead(
            head=head,
            key=self._key(),
            on_disk=self.on_disk,
            position=0,
            tier=None,
            collapsed=False,
            kept=True,
            spans=(),
        )

    def _key(self) -> str:
        assert self.question is not None
        asked = asked_of(self.question.raw_path, self.rig.link.tenants[CLOUD], self.question.hints)
        return asked.ways[0].key if self.key is None else self.key


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[PlayedOwner]:
    delivery = DeliverySettings(progress_seconds_max=2.0, fill_seconds_max=5.0, fills_max=1)
    async with Rig.open(tmp_path, workers=2, answer_seconds_max=1.0, delivery=delivery) as rig:
        rig.origin.upload("pic", b"one")
        async with PlayedOwner(rig).running() as played:
            yield played


def path_of_the_owners(owner: PlayedOwner, text: str = "w_{}", hints: Hints = NO_HINTS) -> str:
    """A path whose object the other worker owns."""
    deliverer = owner.rig.parts.app.deliverer
    assert deliverer.owners is not None
    state = owner.rig.link.tenants[CLOUD]
    for width in range(10, 200):
        path = f"/demo/image/upload/{text.format(width)}/v1/pic.png"
        if deliverer.owners.other(asked_of(path, state, hints), state) == OWNER:
            return path
    raise AssertionError


async def test_an_accept_that_is_no_text_is_asked_for_without_what_is_none(owner: PlayedOwner) -> None:
    path = path_of_the_owners(owner)
    reader, writer = await asyncio.open_connection("127.0.0.1", owner.rig.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode() + b"Accept: image/png, image/\xff\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert owner.question is not None
    assert owner.question.accept == "image/png, image/"


async def test_many_who_wait_here_are_one_question_to_the_owner_and_share_its_answer(owner: PlayedOwner) -> None:
    path = path_of_the_owners(owner)
    owner.gate.close()
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(owner.rig.get(path)) for _ in range(20)]
        await asyncio.wait_for(owner.gate.reached.wait(), 5)
        owner.gate.open()
    assert {reply.result().body for reply in replies} == {owner.body}
    assert (owner.questions, owner.rig.origin.resolves) == (1, 0)
    assert (await owner.rig.get(path)).cache == "hit"


async def test_an_owner_that_dies_is_replaced_by_one_fill_of_our_own(owner: PlayedOwner) -> None:
    path = path_of_the_owners(owner)
    owner.gate.close()
    owner.dies = True
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(owner.rig.get(path)) for _ in range(20)]
        await asyncio.wait_for(owner.gate.reached.wait(), 5)
        owner.gate.open()
    assert {reply.result().status for reply in replies} == {200}
    assert (owner.rig.origin.blobs, owner.rig.pool.renders) == (1, 1)


async def test_what_a_late_owner_may_still_be_making_is_not_begun_a_second_time(owner: PlayedOwner) -> None:
    owner.gate.close()
    reply = await owner.rig.get(path_of_the_owners(owner))
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert owner.rig.origin.resolves == 0


@pytest.mark.parametrize("kind", [Kind.ASSET, Kind.NAME, Kind.ALL])
async def test_what_the_owner_had_read_before_a_purge_is_not_taken_after_it(owner: PlayedOwner, kind: str) -> None:
    rig, path = owner.rig, path_of_the_owners(owner)
    owner.gate.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(path))
        await asyncio.wait_for(owner.gate.reached.wait(), 5)
        asset = rig.origin.assets["upload/pic"]
        await rig.entry(
            kind,
            aids=(asset.aid,) if kind == Kind.ASSET else (),
            names=(hash_of("pic"),) if kind == Kind.NAME else (),
        )
        owner.gate.open()
    assert early.result().status == 503
    assert (await rig.get(path)).status == 503
    assert len(rig.parts.tiers.lookup.memory) == 0
    owner.sequence, owner.body = rig.origin.sequence, b"read after it"
    assert [(await rig.get(path)).body for _ in range(2)] == [owner.body] * 2


async def test_the_owners_refusal_is_the_answer(owner: PlayedOwner) -> None:
    owner.refusal = encode_refusal(UndecodableMedia("Invalid image file"))
    reply = await owner.rig.get(path_of_the_owners(owner))
    assert (reply.status, reply.headers["X-Cld-Error"]) == (400, "Invalid image file")


async def test_a_file_that_the_owner_speaks_of_and_nobody_finds_ends_in_a_503(owner: PlayedOwner) -> None:
    owner.on_disk = True
    assert (await owner.rig.get(path_of_the_owners(owner))).status == 503


async def test_more_than_this_worker_takes_in_at_once_is_refused(
    owner: PlayedOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "TRANSFER_BYTES_MAX", 5000)
    path = path_of_the_owners(owner)
    assert owner.rig.parts.app.deliverer.owners is not None
    client = owner.rig.parts.app.deliverer.owners.peers
    owner.body = b"x" * 4000
    client._on_the_way = 2000
    reply = await owner.rig.get(path)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    client._on_the_way = 0
    assert (await owner.rig.get(path)).body == owner.body
    assert client._on_the_way == 0


async def test_an_object_that_no_worker_takes_in_is_made_here(
    owner: PlayedOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "TRANSFER_BYTES_MAX", 100)
    owner.body = b"x" * 4000
    assert (await owner.rig.get(path_of_the_owners(owner))).body.startswith(b"one|")


async def test_the_owner_is_told_of_the_viewers_screen(owner: PlayedOwner) -> None:
    hints = Hints(dpr="1.5")
    path = path_of_the_owners(owner, "c_scale,dpr_auto,w_{}", hints)
    assert (await owner.rig.get(path, DPR="1.5")).body == owner.body
    assert owner.question == Question(raw_path=path, accept="*/*", hints=hints)


async def test_what_the_owner_made_of_a_name_that_means_something_else_here_is_not_taken(owner: PlayedOwner) -> None:
    """A named transformation has changed, and the owner has applied that entry later, or sooner, than this worker."""
    await owner.rig.configure(policy(), revision=2, named={"mine": "c_scale,w_20"})
    path = path_of_the_owners(owner, "t_mine/h_{}")
    owner.key = asked_of(path.replace("t_mine", "c_scale,w_30"), owner.rig.link.tenants[CLOUD]).ways[0].key
    first, second = await owner.rig.get(path), await owner.rig.get(path)
    assert owner.questions == 1
    assert first.body.startswith(b"one|c_scale,w_20/h_")
    assert (second.body, second.cache) == (first.body, "hit")


async def test_an_answer_that_was_made_under_an_older_policy_is_not_taken(owner: PlayedOwner) -> None:
    """The owner has not heard yet that faces are to be hidden."""
    state = owner.rig.link.tenants[CLOUD]
    older, newer = state.policy, replace(state.policy, redaction=ForcedRedaction(faces="pixelate"))
    state.policy = newer
    path = path_of_the_owners(owner)
    state.policy = older
    owner.key = asked_of(path, state).ways[0].key
    state.policy = newer
    got = await owner.rig.get(path)
    assert got.body.endswith(b"|pixelate_faces")
    assert owner.questions == 1
    assert (await owner.rig.get(path)).body == got.body
