"""How long copies may live that were given away under one policy, when another is in force."""

from __future__ import annotations

import pytest

from domicile.media.outward_tags import TAGGED_SECONDS_MAX
from origin.cdn_lifetimes import SETTLED_SECONDS, Held, changed, seconds_max, tagged_seconds_max

NOW = 1000.0
ENDS = NOW + SETTLED_SECONDS


def test_a_longer_one_holds_at_once() -> None:
    assert seconds_max(changed(Held(seconds=300), 3600, now=NOW), now=NOW) == 3600


@pytest.mark.parametrize(
    ("now", "layers", "longest"),
    [
        (NOW, 1, 3600),
        (ENDS + 90 + 3599, 1, 3600),
        (ENDS + 90 + 3600, 1, 10),
        (ENDS + 90 + 3600, 2, 7200),
        (ENDS + 90 + 7200, 2, 20),
    ],
)
def test_a_shorter_one_holds_once_no_copy_of_before_is_left(now: float, layers: int, longest: float) -> None:
    held = changed(Held(seconds=3600), 10, now=NOW)
    assert seconds_max(held, now=now, in_flight=90, layers=layers) == longest


def test_of_several_before_the_longest_counts_while_its_copies_may_live() -> None:
    held = changed(changed(Held(seconds=3600), 300, now=NOW), 10, now=NOW + 60)
    assert seconds_max(held, now=NOW + 60) == 3600
    later = NOW + 365 * 86_400
    held = changed(changed(held, 300, now=later), 20, now=later)
    assert (held.seconds, held.longer_seconds) == (20, 300)


def test_one_that_was_put_in_force_for_a_moment_in_between_loses_nothing() -> None:
    held = Held(seconds=3600)
    for seconds in (10, 7200, 5):
        held = changed(held, seconds, now=NOW)
    assert seconds_max(held, now=NOW) == 7200


def test_where_the_past_is_not_known_it_was_the_longest() -> None:
    assert seconds_max(changed(None, 10, now=NOW), now=NOW) == TAGGED_SECONDS_MAX


def test_a_copy_with_tags_is_never_kept_longer_than_they_reach() -> None:
    held = Held(seconds=10 * TAGGED_SECONDS_MAX)
    assert seconds_max(held, now=NOW) == 10 * TAGGED_SECONDS_MAX
    assert tagged_seconds_max(held, now=NOW, in_flight=0, layers=2) == 2 * TAGGED_SECONDS_MAX
