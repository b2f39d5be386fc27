"""What a worker still has of erased versions, counted when its node is asked to look: after a purge it should be nothing.

Counted is what could be served or opened: RAM, files, originals that are kept for a moment, prepared answers, responses under way. What a
purge has left to be deleted in the background is not servable, and not gone either: it is told apart.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from domicile.media.asset import Aid
from edge.hot import Hot
from edge.lookup import Lookup
from edge.open_responses import OpenResponses
from edge.originals import KeptOriginals

AIDS_PER_LOOK_MAX = 256
"""Of one question: it is read within a limit."""


class LookQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """From the agent to a worker of its node."""

    tenant: str
    seq: int
    """Of the newest entry that erased any of them."""
    aids: tuple[Aid, ...]


class LookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    kept: int
    going: int
    """Files that are still to be deleted, and 1 more when the worker has not taken the entry yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """Of one worker."""

    lookup: Lookup
    originals: KeptOriginals
    hot: Hot
    responses: OpenResponses

    def look(self, question: LookQuestion) -> LookAnswer:
        aids = frozenset(question.aids)
        state, disk = self.lookup.tenant_of(question.tenant), self.lookup.disk
        kept = self.lookup.memory.count_of(aids) + self.originals.count_of(question.tenant, aids)
        kept += self.hot.count_of(aids) + self.responses.count_of(question.tenant, aids)
        going = 0 if disk is None else len(disk.index.tagged(aids))
        is_behind = state is not None and state.fence.applied < question.seq
        return LookAnswer(kept=kept, going=going + is_behind)


def in_parts(aids: Collection[Aid]) -> list[tuple[Aid, ...]]:
    """As many as go into one question, each; one at least."""
    ordered = tuple(aids)
    starts = range(0, max(1, len(ordered)), AIDS_PER_LOOK_MAX)
    return [ordered[start : start + AIDS_PER_LOOK_MAX] for start in starts]
