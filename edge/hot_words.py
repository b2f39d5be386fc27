"""What hot hits say: by the same functions as everywhere else, once a second, for only `Date` and the seconds left change."""

from __future__ import annotations

from email.utils import formatdate

from edge.cache.conditional import has_tag
from edge.front import Asker
from edge.hot_table import Decision, Heads, Request
from edge.respond import Reply
from edge.wording import Wording

_STATUS_LINES = {200: b"HTTP/1.1 200 OK\r\n", 304: b"HTTP/1.1 304 Not Modified\r\n"}


class HotWords:
    """Of one worker."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def are_said(self, request: Request, now: float) -> bool:
        """Put into the request what answers it in this second. False when object or permits are none of this time."""
        decision, second = request.decision, int(now)
        if not decision.head.stored_at <= now < decision.valid_until:
            return False
        if decision.second != second:
            decision.heads, decision.second = [None] * len(Asker), second
        heads = decision.heads[request.asker] or self._heads(decision, request.asker)
        if request.if_none_match is not None and has_tag(request.if_none_match, heads.etag):
            request.status, request.head, request.body_bytes = 304, heads.unchanged, 0
        else:
            body_bytes = 0 if request.is_head else decision.head.body_bytes
            request.status, request.head, request.body_bytes = 200, heads.whole, body_bytes
        request.worded_from = max(float(second), decision.head.stored_at)
        request.worded_until = min(second + 1.0, decision.valid_until)
        return True

    def _heads(self, decision: Decision, asker: Asker) -> Heads:
        """As the ordinary path would word them now, for an answer that took no time."""
        etag = self._wording.etag(decision.delivered, asker)
        whole, unchanged = (
            self._wording.picture(decision.delivered, asker, method="GET", asked=fields, elapsed_seconds=0.0)
            for fields in ({}, {"If-None-Match": etag})
        )
        date = f"Date: {formatdate(decision.second, usegmt=True)}\r\n\r\n".encode("ascii")
        heads = decision.heads[asker] = Heads(etag, _written(whole) + date, _written(unchanged) + date)
        return heads


def _written(reply: Reply) -> bytes:
    return _STATUS_LINES[reply.status] + b"".join(
        f"{name}: {value}\r\n".encode("latin-1") for name, value in reply.headers
    )
