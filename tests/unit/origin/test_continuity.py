"""Is the catalogue still the one that this process knows?"""

from __future__ import annotations

import pytest

from domicile.media.errors import UpstreamUnavailable
from domicile.media.journal import Head
from origin.continuity import Continuity

KNOWN = Head(epoch=1, seq=7, chain="c7")
ENDS = {"acme": KNOWN, "parked": KNOWN}


def continuity(told: list[str]) -> Continuity:
    return Continuity(lambda: ENDS, on_put_back=lambda: told.append("put back"))


@pytest.mark.parametrize(
    "head", [Head(epoch=1, seq=6, chain="c6"), Head(epoch=2, seq=6, chain="c6"), Head(epoch=1, seq=7, chain="other")]
)
def test_a_catalogue_that_knows_less_than_its_mirror_or_something_else_was_put_back(head: Head) -> None:
    told: list[str] = []
    made = continuity(told)
    with pytest.raises(UpstreamUnavailable, match="put back to an older state"):
        made.check(made.known(), {"acme": head})
    assert told == ["put back"]


@pytest.mark.parametrize("head", [KNOWN, Head(epoch=1, seq=8, chain="c8")])
def test_one_that_knows_as_much_or_more_was_not(head: Head) -> None:
    told: list[str] = []
    made = continuity(told)
    made.check(made.known(), {"acme": head, "new": Head(epoch=1, seq=0, chain="")})
    made.check({"acme": Head(epoch=1, seq=7, chain="")}, {"acme": Head(epoch=1, seq=7, chain="c7")})
    assert told == []


def test_what_was_known_is_taken_before_the_heads_are_read() -> None:
    before = continuity([]).known()
    assert before == ENDS
    assert before is not ENDS, "the mirror goes on meanwhile"
