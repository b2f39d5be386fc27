"""What is known of every upload and erasure, and whether an answer may be given: the oracle of the chaos run.

Each upload says in its bytes which one it is. Of the same name there is one after the other, and the next is only sent once
the one before is verified to be erased. An answer with bytes (200, 206; 304 counts as one, it vouches for what the asker
has) is wrong when what it holds had been said to be fenced, and so all the more when it had been said to be verified, before the question was
asked, or when nothing could be there at
all, whatever came of its body. A 404 is wrong for what was there long before and nobody has asked to erase. A refusal (503) and
a connection that breaks before its head say nothing.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.soak.oracle import Wrong, drawn, read

LEARNED_SECONDS_MAX = 20.0
"""A name that is new may be called absent so long: what an edge remembers (5 s), an answer on a way that is held up (10 s)."""
RAW_LINES = 1500
_RAW_LINE = re.compile(rb"<(\d{4}):(\d{6})>\.")
WITH_BYTES = frozenset({200, 206, 304})


@dataclass(frozen=True, slots=True, order=True)
class Upload:
    """The `version`th upload under the name of a slot."""

    slot: int
    version: int

    @property
    def is_raw(self) -> bool:
        return self.slot % 4 == 3

    def body(self) -> bytes:
        if self.is_raw:
            return b"<%04d:%06d>." % (self.slot, self.version) * RAW_LINES
        return drawn(self.slot, self.version)


@dataclass(slots=True)
class Life:
    """Times on the clock of the test."""

    upload: Upload
    begun_at: float
    there_at: float | None = None
    """Acknowledged."""
    erasing_at: float | None = None
    """The erasure was asked for."""
    answered_at: float | None = None
    """Its first statement came: it is committed."""
    fenced_at: float | None = None
    """The first statement that says so came."""
    verified_at: float | None = None
    heard: list[tuple[float, str]] = field(default_factory=list)
    """What edges had come to, each time that it was something else."""

    def told(self, statement: Mapping[str, object], now: float) -> None:
        """Take in what a statement says; what was said once holds for good."""
        places = statement["places"]
        assert isinstance(places, list)
        (edges,) = [place for place in places if place["place"] == "edges"]
        self.answered_at = self.answered_at or now
        if not self.heard or self.heard[-1][1] != str(edges):
            self.heard.append((now, str(edges)))
        if edges["state"] == "fenced" and self.fenced_at is None:
            self.fenced_at = now
        if statement["outcome"] == "erased":
            if self.fenced_at is None or edges["probe"]["state"] != "verified" or edges["probe"]["given"]:
                raise Wrong(f"said to be erased, and edges say {edges}")
            self.verified_at = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    etag: str
    body: bytes
    is_whole: bool
    is_hit: bool = False
    tier: str = ""
    """That a hit came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a question about one slot may be answered with."""

    possible: frozenset[Upload]
    is_surely_there: bool


def judge(window: Window, answer: Answer, found: Upload | None) -> str:
    """What kind of answer it was. `found`: what its bytes say they are, if they say so. Raises Wrong."""
    if answer.status in {429, 503}:
        return "refused"
    if answer.status == 404:
        if window.is_surely_there:
            raise Wrong("404 for what was there, and nobody had erased")
        return "absent"
    if answer.status not in WITH_BYTES:
        raise Wrong(f"status {answer.status}")
    if not window.possible:
        raise Wrong(f"{answer.status} with {len(answer.body)} bytes, and all that ever had this name had been fenced")
    if found is not None and found not in window.possible:
        raise Wrong(f"{answer.status} with {found}, and there could be {sorted(window.possible)}")
    if not answer.is_whole:
        return "broken off"
    if found is None:
        raise Wrong(f"{answer.status} with {len(answer.body)} bytes that are nothing of ours")
    return {200: "whole", 206: "in part", 304: "unchanged"}[answer.status]


@dataclass(frozen=True, slots=True)
class Question:
    slot: int
    asked_at: float


@dataclass(slots=True)
class Book:
    """One run."""

    lives: dict[int, list[Life]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    etags: dict[str, Upload] = field(default_factory=dict)
    etag_of: dict[tuple[str, Upload], str] = field(default_factory=dict)
    """By path."""
    _read: dict[bytes, Upload] = field(default_factory=dict)
    _abandoned: set[int] = field(default_factory=set)

    # --- what is done -----------------------------------------------------------------------------------------------

    def begin(self, slot: int, now: float) -> Life:
        lives = self.lives.setdefault(slot, [])
        lives.append(Life(Upload(slot, len(lives)), now))
        return lives[-1]

    def abandon(self, slot: int) -> None:
        """An upload without an answer may still come to pass: nothing is done under its name any more."""
        self._abandoned.add(slot)

    def free_slots(self, count: int) -> list[int]:
        """Those under whose name there is nothing, of the first so many."""
        return [slot for slot in range(count) if slot not in self._abandoned and self._is_free(slot)]

    def _is_free(self, slot: int) -> bool:
        return all(life.verified_at is not None for life in self.lives.get(slot, ()))

    def living(self) -> list[Life]:
        """Acknowledged, and nobody has asked to erase it."""
        last = [lives[-1] for lives in self.lives.values()]
        return [life for life in last if life.there_at is not None and life.erasing_at is None]

    def erasures(self) -> list[Life]:
        return [life for lives in self.lives.values() for life in lives if life.erasing_at is not None]

    # --- what is answered -------------------------------------------------------------------------------------------

    def choose(self, chance: random.Random, pillars: int) -> int:
        """A slot to ask about: what is being erased or just was, more often than its share."""
        last = [lives[-1] for slot, lives in self.lives.items() if slot not in self._abandoned]
        going = [life.upload.slot for life in last if life.erasing_at is not None]
        if going and chance.random() < 0.5:
            return chance.choice(going)
        return chance.randrange(pillars) if chance.random() < 0.3 else chance.choice(last).upload.slot

    def held(self, path: str, slot: int, chance: random.Random) -> str | None:
        """A validator that an asker may have of this path: of the newest version that was seen, or of an older one."""
        tags = [tag for (seen, upload), tag in self.etag_of.items() if seen == path and upload.slot == slot]
        return chance.choice(tags[-2:]) if tags else None

    def window(self, question: Question, now: float) -> Window:
        """As of the end of the answer."""
        asked_at, lives = question.asked_at, self.lives[question.slot]
        possible = frozenset(
            life.upload
            for life in lives
            if life.begun_at <= now and (life.fenced_at is None or life.fenced_at >= asked_at)
        )
        last = lives[-1]
        is_old = last.there_at is not None and last.there_at + LEARNED_SECONDS_MAX < asked_at
        return Window(possible=possible, is_surely_there=is_old and last.erasing_at is None)

    def check(self, question: Question, now: float, path: str, answer: Answer) -> str:
        """Raises Wrong."""
        found = self._identify(question.slot, answer) if answer.status in WITH_BYTES else None
        outcome = judge(self.window(question, now), answer, found)
        if outcome == "whole" and answer.etag and found is not None:
            self.etags[answer.etag] = found
            self.etag_of[path, found] = answer.etag
        self.outcomes[outcome] += 1
        self.outcomes["hits"] += answer.is_hit
        return outcome

    def _identify(self, slot: int, answer: Answer) -> Upload | None:
        """What the bytes are; of no bytes, or too few, what their validator says."""
        if slot % 4 == 3:
            lines = {(int(slot), int(version)) for slot, version in _RAW_LINE.findall(answer.body)}
            if len(lines) > 1:
                raise Wrong(f"an answer made of {sorted(lines)}")
            if lines:
                return Upload(*lines.pop())
        elif answer.body and answer.is_whole:
            digest = hashlib.sha256(answer.body).digest()
            if digest not in self._read:
                self._read[digest] = Upload(*read(answer.body))
            return self._read[digest]
        return self.etags.get(answer.etag)
