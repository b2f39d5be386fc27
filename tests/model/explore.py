"""Every state that a model can reach, breadth first, so that the first violation found has the shortest story."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

Step = tuple[str, S]
"""What happens, and what there is afterwards."""


class Violated(Exception):
    """A step does what must never happen; the text says what."""


@dataclass(frozen=True, slots=True)
class Explored(Generic[S]):
    states: int
    story: tuple[str, ...] = ()
    """Steps that lead to what must not happen; empty when nothing does."""
    what: str = ""
    seen: frozenset[str] = frozenset()
    """Names of all steps that were taken somewhere."""

    @property
    def holds(self) -> bool:
        return not self.what


class TooMany(Exception):
    """The model has more states than it is meant to have."""


def explore(start: S, steps: Callable[[S], Iterable[Step[S]]], *, states_max: int) -> Explored[S]:
    """`steps` yields what may happen next, and raises Violated when the next step would do what must not be done.

    The text of a Violated begins with the step's name and a colon.
    """
    came: dict[S, tuple[S, str] | None] = {start: None}
    seen: set[str] = set()
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        try:
            for name, after in steps(state):
                seen.add(name)
                if after not in came:
                    came[after] = (state, name)
                    waiting.append(after)
        except Violated as violated:
            step, _, what = str(violated).partition(": ")
            return Explored(len(came), (*_story(came, state), step), what)
        if len(came) > states_max:
            raise TooMany(f"more than {states_max} states")
    return Explored(len(came), seen=frozenset(seen))


def _story(came: dict[S, tuple[S, str] | None], state: S) -> list[str]:
    story = []
    while (before := came[state]) is not None:
        state, name = before
        story.append(name)
    return story[::-1]
