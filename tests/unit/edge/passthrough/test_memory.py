from __future__ import annotations

from edge.passthrough.memory import Held, Memory


def test_what_passes_at_the_pace_of_viewers_leaves_room_for_what_comes_in() -> None:
    memory = Memory(100)
    with Held(memory) as one, Held(memory) as other:
        one.add(b"x" * 40, bytes_max=1000)
        other.add(b"y" * 20, bytes_max=1000)
        assert bytes(one.data or b"") == b"x" * 40
        assert other.data is None
        assert memory.takes(60)
        other.add(b"y", bytes_max=1000)  # what was given up stays so
        assert memory.bytes == 40
    assert (memory.bytes, memory.passing_bytes) == (0, 0)
