"""A worker's rounds: waits as long as a round says, is woken by news, and outlives what fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from domicile.service import rounds
from domicile.service.rounds import keep_at

LONG = 3600.0
ROUNDS = 3


class Lines:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, str]]] = []

    def warning(self, event: str, **fields: str) -> None:
        self.events.append((event, fields))


class Over(BaseException):
    """Ends what never ends."""


def ending(after: int, do: Callable[[int], Awaitable[float]]) -> tuple[Callable[[], Awaitable[float]], list[int]]:
    done: list[int] = []

    async def counted() -> float:
        if len(done) == after:
            raise Over
        done.append(len(done))
        return await do(done[-1])

    return counted, done


async def test_a_round_that_has_done_something_is_followed_by_the_next_at_once() -> None:
    async def do(_: int) -> float:
        return 0.0

    counted, done = ending(ROUNDS, do)
    with pytest.raises(Over):
        await keep_at(counted, of="x", retry_seconds=LONG, news=asyncio.Event())
    assert len(done) == ROUNDS


async def test_news_end_a_wait_and_those_of_the_round_itself_are_not_lost() -> None:
    news = asyncio.Event()

    async def do(_: int) -> float:
        news.set()
        return LONG

    counted, done = ending(ROUNDS, do)
    with pytest.raises(Over):
        async with asyncio.timeout(60):
            await keep_at(counted, of="x", retry_seconds=LONG, news=news)
    assert len(done) == ROUNDS


async def test_news_that_never_end_leave_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    news, slept = asyncio.Event(), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        news.set()

    monkeypatch.setattr("domicile.service.rounds.asyncio.sleep", sleep)

    async def do(number: int) -> float:
        return LONG if number else 0.25

    counted, done = ending(ROUNDS, do)
    with pytest.raises(Over):
        await keep_at(counted, of="x", retry_seconds=LONG, news=news, pause_seconds=0.5)
    assert slept == [0.25, 0.5, 0.5]  # never longer than what was asked for
    assert len(done) == ROUNDS


async def test_a_wait_without_news_ends_by_itself() -> None:
    async def do(_: int) -> float:
        return 0.001

    counted, done = ending(ROUNDS, do)
    with pytest.raises(Over):
        async with asyncio.timeout(60):
            await keep_at(counted, of="x", retry_seconds=LONG, news=asyncio.Event())
    assert len(done) == ROUNDS


async def test_a_round_that_fails_is_told_by_its_kind_alone_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines()
    monkeypatch.setattr(rounds, "log", lines)

    async def do(number: int) -> float:
        if number < ROUNDS - 1:
            raise ValueError("a picture's name")
        return 0.0

    counted, done = ending(ROUNDS, do)
    with pytest.raises(Over):
        async with asyncio.timeout(60):
            await keep_at(counted, of="tests", retry_seconds=0.001)
    assert len(done) == ROUNDS
    assert lines.events == [("round_failed", {"of": "tests", "error": "ValueError"})] * (ROUNDS - 1)
