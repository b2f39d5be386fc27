"""What may be stored after a crash: a pure judge.

One writer's assets are a world: which name has which body. A call that was acknowledged has changed it; one that was not, for
whatever reason, may have or may not have, so there are several worlds until somebody looks. Nothing else is right: no body
in part, none under another name, nothing that was removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

World = Mapping[str, str]
"""Name -> digest of its body."""
Step = Callable[[dict[str, str]], None]


class Lost(AssertionError):
    """What is stored is none of what may be."""


def stored(name: str, digest: str) -> Step:
    def step(world: dict[str, str]) -> None:
        world[name] = digest

    return step


def removed(name: str) -> Step:
    def step(world: dict[str, str]) -> None:
        world.pop(name, None)

    return step


def renamed(old: str, new: str) -> Step:
    def step(world: dict[str, str]) -> None:
        if old in world:
            world[new] = world.pop(old)

    return step


@dataclass(slots=True)
class Worlds:
    """Of one writer, who waits for each answer before the next call."""

    possible: list[World] = field(default_factory=lambda: [{}])

    def acknowledged(self, step: Step) -> None:
        self.possible = _distinct([_after(world, step) for world in self.possible])

    def unanswered(self, step: Step) -> None:
        """No answer, or one that is an error."""
        self.possible = _distinct([*self.possible, *(_after(world, step) for world in self.possible)])

    def seen(self, found: World) -> None:
        """Raises Lost."""
        if dict(found) not in self.possible:
            raise Lost(f"found {dict(found)}, which is none of {self.possible}")
        self.possible = [dict(found)]


def _after(world: World, step: Step) -> World:
    changed = dict(world)
    step(changed)
    return changed


def _distinct(worlds: list[World]) -> list[World]:
    kept: list[World] = []
    for world in worlds:
        if world not in kept:
            kept.append(world)
    return kept
