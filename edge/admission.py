"""Is what was found for whoever asks? Judged each time, whatever tier it comes from: rules and tokens have an end."""

from __future__ import annotations

from dataclasses import replace

from domicile.media.access import Leave, judge
from edge.store.port import StoredHead
from edge.wanted import Wanted


def admitted(asked: Wanted, head: StoredHead, *, now: float) -> Leave:
    """`now` in Unix seconds. Raises BadSignature."""
    token_until = 0.0 if asked.held is None else asked.held.until
    leave = judge(head.access, now=now, token_until=token_until)
    if not asked.is_let_in_by_token:
        return leave
    return replace(leave, until=min(leave.until, token_until), by_token=True)
