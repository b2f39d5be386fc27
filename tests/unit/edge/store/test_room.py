from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.store.rest import READ_FAILURES_MAX, REST_SECONDS_MAX, REST_SECONDS_MIN, Rest
from edge.store.room import SPARE_FILES, Going, Marks, Room, Space, space_of

NOTHING = Going()


@pytest.mark.parametrize(
    "used, wanted, lacking, expected",
    [
        (0, 10, NOTHING, NOTHING),
        (90, 10, NOTHING, NOTHING),
        (91, 10, NOTHING, Going(freed_bytes=11)),
        (100, 50, NOTHING, Going(freed_bytes=60)),
        (50, 0, Going(freed_bytes=7), Going(freed_bytes=17)),
        (50, 0, Going(freed_bytes=45), Going(freed_bytes=50)),
        (100, 5, Going(freed_bytes=9), Going(freed_bytes=19)),
        (50, 1, Going(files=3), Going(files=3 + SPARE_FILES)),
    ],
)
def test_nothing_goes_below_the_high_mark_and_above_it_so_much_that_the_low_one_is_reached(
    used: int, wanted: int, lacking: Going, expected: Going
) -> None:
    assert Marks(high_bytes=100, low_bytes=90).going(used, wanted, lacking) == expected


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 500))
def test_after_what_goes_the_share_is_kept(used: int, wanted: int, lacking: int) -> None:
    marks = Marks.of(1000, low_share=0.9)
    going = marks.going(used, wanted, Going(freed_bytes=lacking))
    left = used - going.freed_bytes
    assert left >= 0
    assert left + wanted <= 1000 or left == 0
    assert going.freed_bytes >= min(used, lacking)


@pytest.mark.parametrize(
    "space, wanted, expected",
    [
        (Space(free_bytes=1000, free_files=10), 900, NOTHING),
        (Space(free_bytes=1000, free_files=10), 901, Going(freed_bytes=1)),
        (Space(free_bytes=50, free_files=10), 0, Going(freed_bytes=50)),
        (Space(free_bytes=1000, free_files=5), 1, Going(files=1)),
        (Space(free_bytes=1000, free_files=5), 0, NOTHING),
        (Space(free_bytes=1000, free_files=None), 1, NOTHING),
    ],
)
def test_bytes_and_inodes_of_the_file_system_are_left_alone(space: Space, wanted: int, expected: Going) -> None:
    room = Room(Path(), free_bytes_min=100, free_files_min=5, space=lambda _: space)
    assert room.lacking(wanted) == expected


def test_the_kernel_is_asked(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    assert space.free_bytes > 0
    assert space.free_files is None or space.free_files > 0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_disk_rests_longer_each_time_it_fails_and_is_tried_when_that_is_over() -> None:
    clock = Clock()
    rest = Rest(clock=clock)
    assert not rest.wants_probe()
    assert rest.failed()  # worth a line in the log
    pauses = []
    for _ in range(10):
        assert rest.is_resting
        start = clock.now
        while not rest.wants_probe():
            clock.now += 0.25
        pauses.append(clock.now - start)
        assert not rest.failed()
    assert pauses[:3] == [REST_SECONDS_MIN, 2 * REST_SECONDS_MIN, 4 * REST_SECONDS_MIN]
    assert pauses[-1] == REST_SECONDS_MAX
    assert rest.works()
    assert not rest.is_resting
    assert not rest.works()
    assert rest.failed()
    clock.now += REST_SECONDS_MIN
    assert rest.wants_probe()  # a new story begins with a short pause


def test_failures_of_writes_that_were_under_way_make_no_rest_longer() -> None:
    clock = Clock()
    rest = Rest(clock=clock)
    for _ in range(50):
        rest.failed()
    clock.now += REST_SECONDS_MIN
    assert rest.wants_probe()


def test_one_bad_file_is_no_bad_disk_but_many_in_a_row_are() -> None:
    rest = Rest(clock=Clock())
    for _ in range(3):
        for _ in range(READ_FAILURES_MAX - 1):
            assert not rest.failed_to_read()
        rest.read()
    assert rest.may_read
    said = [rest.failed_to_read() for _ in range(READ_FAILURES_MAX)]
    assert said == [False] * (READ_FAILURES_MAX - 1) + [True]
    assert not rest.may_read
    assert not rest.is_resting
    assert rest.works()
    assert rest.may_read
