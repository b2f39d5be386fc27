"""The control of what is played at random: without a guard its oracle finds what it is there for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import origin.records  # noqa: F401 - before `origin.fenced`, which is a part of it in all but name
from edge import journal
from edge.journal import Step
from origin import fenced
from origin.fenced import Instance
from tests.replay import slips
from tests.replay.slips import Slip
from tests.replay.test_random import ALLOWED_DRIFT, BOUND_SECONDS, LEASE_SECONDS, Replay

Play = Callable[[Replay], None]


def renewals_prolong(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Instance, "silent_from", lambda one, _: one.renewed_at + fenced._outlasted(one.lease_seconds))


def takes_everything(patch: pytest.MonkeyPatch) -> None:
    """Whatever the feed says is the next entry."""
    patch.setattr(journal, "step", lambda *_: Step.APPLY)


def cut_off(play: Replay) -> None:
    play.erase(public_id="jane")
    play.pass_time(seconds=BOUND_SECONDS)
    play.fetch(edge="a", public_id="jane")


def renewing_and_deaf(play: Replay) -> None:
    play.erase(public_id="jane")
    for _ in range(4):
        play.pass_time(seconds=BOUND_SECONDS / 3)
        play.lease(edge="a")


def told(play: Replay) -> None:
    play.erase(public_id="jane")
    play.apply(edge="a")
    play.apply(edge="b")
    play.fetch(edge="a", public_id="jane")


def slow(play: Replay) -> None:
    play.drift(edge="a", rate=1 - ALLOWED_DRIFT)
    play.lease(edge="a")
    play.erase(public_id="jane")
    play.pass_time(seconds=LEASE_SECONDS - 0.2)
    play.fetch(edge="a", public_id="jane")
    play.pass_time(seconds=0.15)
    play.fetch(edge="a", public_id="jane")


def asleep(play: Replay) -> None:
    play.erase(public_id="jane")
    play.edges_sleep(seconds=BOUND_SECONDS)
    play.fetch(edge="a", public_id="jane")


def repeating(play: Replay) -> None:
    play.upload(public_id="joe")
    play.apply(edge="a")
    play.say_it_again(edge="a")


PLAYED: dict[str, tuple[Play, Slip]] = {
    "I1": (cut_off, slips.serves_under_lease),
    "I3": (renewing_and_deaf, renewals_prolong),
    "I4": (told, slips.checks),
    "I7, I9": (repeating, takes_everything),
    "I18, drift": (slow, slips.margin),
    "I18, sleep": (asleep, slips.serves_under_lease),
}


@contextmanager
def playing() -> Iterator[Replay]:
    play = Replay()
    try:
        play.serve()
        yield play
    finally:
        play.teardown()


def look(play: Replay) -> None:
    play.nothing_leaves_after_fenced()
    play.fenced_within_the_bound()
    play.each_edge_knows_a_beginning_of_the_journal()


@pytest.mark.parametrize("name", PLAYED)
def test_with_the_guard_it_holds(name: str) -> None:
    with playing() as play:
        PLAYED[name][0](play)
        look(play)


@pytest.mark.parametrize("name", PLAYED)
def test_without_the_guard_it_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    story, slip = PLAYED[name]
    slip(monkeypatch)
    with playing() as play, pytest.raises((AssertionError, sqlite3.IntegrityError)):
        story(play)
        look(play)
