"""The control of the soak: an oracle that lets everything pass proves nothing."""

from __future__ import annotations

import pytest

from tests.soak.oracle import Oracle, Window, Wrong, drawn, judge, read


@pytest.mark.parametrize("asset, version", [(0, 0), (3, 1), (249, 65535), (7, 256)])
def test_a_picture_says_what_it_is(asset: int, version: int) -> None:
    assert read(drawn(asset, version)) == (asset, version)


WINDOW = Window(asset=3, oldest=5, newest=7)


def test_the_oracle_lets_pass_what_is_right() -> None:
    assert judge(WINDOW, 200, drawn(3, 7)) == "current"
    assert judge(WINDOW, 200, drawn(3, 5)) == "older"
    assert judge(WINDOW, 503, b"") == "refused"


@pytest.mark.parametrize(
    "status, body, why",
    [
        (200, drawn(3, 4), "after 5 was acknowledged"),
        (200, drawn(3, 8), "newest that was sent"),
        (200, drawn(4, 6), "in the place of"),
        (200, drawn(3, 6)[:-2000], "torn"),
        (200, drawn(3, 6)[:5000] + bytes(2000) + drawn(3, 6)[7000:], "torn"),
        (200, b"", "torn"),
        (404, b"", "status 404"),
        (503, b"old bytes", "a refusal with"),
    ],
)
def test_the_oracle_finds_what_is_wrong(status: int, body: bytes, why: str) -> None:
    with pytest.raises(Wrong, match=why):
        judge(WINDOW, status, body)


def test_the_oracle_asks_for_what_was_acknowledged_before_the_question() -> None:
    oracle = Oracle(1)
    first, second = oracle.sending(0), oracle.sending(0)
    before = oracle.oldest(0)
    oracle.acknowledged(0, second)
    assert oracle.check(0, before, 200, drawn(0, first)) == "older"
    with pytest.raises(Wrong):
        oracle.check(0, oracle.oldest(0), 200, drawn(0, first))
    assert oracle.outcomes == {"older": 1}
