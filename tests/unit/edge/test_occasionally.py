from __future__ import annotations

from edge.occasionally import LINE_SECONDS, Occasionally


def test_the_first_event_is_told_at_once_and_then_their_number_now_and_then() -> None:
    now = [50.0]
    told = Occasionally(clock=lambda: now[0])
    assert [told.due() for _ in range(4)] == [1, 0, 0, 0]
    now[0] += LINE_SECONDS
    assert [told.due() for _ in range(2)] == [4, 0]
