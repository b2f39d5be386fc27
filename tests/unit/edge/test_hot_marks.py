"""What a hot hit is decided by, and what is remembered of it until its bytes have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge import open_responses
from tests.unit.edge.rig import Rig, policy

PATH = "/demo/image/upload/w_10/pic.png"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("pic", b"one")
        yield opened


async def test_a_decision_from_before_another_configuration_never_becomes_hot(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent writes down an event between the look-up and the last look before the first byte."""
    await rig.get(PATH)
    assert len(rig.parts.app.hot) == 0
    serving, looks = rig.link.serving, 0

    async def changes() -> None:
        rig.link.page.applied -= 1
        await rig.configure(policy(strict_transformations=True), revision=2)

    def looked() -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:
            rig.link.page.applied += 1
            asyncio.get_running_loop().call_soon(lambda: tasks.append(asyncio.ensure_future(changes())))
        return serving()

    tasks: list[asyncio.Future[None]] = []
    monkeypatch.setattr(rig.link, "serving", looked)
    await rig.get(PATH)
    await tasks[0]
    assert looks >= 2
    assert (await rig.get(PATH)).status == 404
    assert rig.parts.app.hot.answers == 0


class Unsent(asyncio.Transport):
    """A viewer who never has everything."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def fileno(self) -> int:
        return 1

    def get_write_buffer_size(self) -> int:
        return 1


def test_what_a_slow_viewer_is_sent_again_and_again_is_remembered_once(rig: Rig) -> None:
    responses, transport, heads = rig.parts.app.responses, Unsent(), [object() for _ in range(3)]
    for _ in range(1000):
        for head in heads:
            assert responses.hand_over(transport, head)  # type: ignore[arg-type]
    assert len(responses._sent[transport]) == 3


def test_a_slow_viewer_of_many_pictures_has_them_by_the_ordinary_way(rig: Rig) -> None:
    responses, transport = rig.parts.app.responses, Unsent()
    heads = [object() for _ in range(open_responses.HEADS_MAX + 1)]
    said = [responses.hand_over(transport, head) for head in heads]  # type: ignore[arg-type]
    assert said == [True] * open_responses.HEADS_MAX + [False]
