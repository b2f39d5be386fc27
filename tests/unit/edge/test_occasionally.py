from __future__ import annotations

from edge.occasionally import LINE_SECONDS, Occasionally


def test_the_first_event_is_told_at_once_and_then_their_number_now_and_then() -> None:
    now = [50.0]
    told = Occasionally(clock=lambda: now[0])
    assert [told.due() for _ in range(4)] == [1, 0, 0, 0]
    now[0] += LINE_SECONDS
    assert [told.due() for _ in range(2)] == [4, 0]


def test_what_has_stopped_is_told_once_and_what_begins_again_at_once() -> None:
    now = [50.0]
    told = Occasionally(line_seconds=60.0, clock=lambda: now[0])
    assert not told.over()
    assert [told.due(), told.due()] == [1, 0]
    now[0] += LINE_SECONDS
    assert told.due() == 0
    assert [told.over(), told.over()] == [True, False]
    assert told.due() == 1
