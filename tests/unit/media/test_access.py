"""Who may see an asset, and until when."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from domicile.media.access import Access, AccessRule, Leave, judge, read_access_control, write_access_control
from domicile.media.errors import BadRequest, BadSignature

TOKEN = AccessRule(access_type="token")
NOW = 1_000.0


def window(start: float | None = None, end: float | None = None) -> AccessRule:
    return AccessRule(access_type="anonymous", start=start, end=end)


def outcome(access: Access, *, token_until: float = 0.0) -> Leave | None:
    try:
        return judge(access, now=NOW, token_until=token_until)
    except BadSignature:
        return None


@pytest.mark.parametrize(
    "rules, everybody, holder",
    [
        ((), math.inf, math.inf),
        ((TOKEN,), None, 1_500),
        ((window(),), math.inf, math.inf),
        ((window(900, 1_100),), 1_100, 1_100),
        ((window(900, 1_000),), None, None),
        ((window(900, 1_000), TOKEN), None, 1_500),
        ((window(1_000, 1_001), TOKEN), 1_001, 1_001),
        ((window(1_001, 1_100), TOKEN), None, 1_500),
        ((window(None, 999),), None, None),
        ((window(900, 1_050), window(950, 1_060), window(1_055, 9_999)), 1_060, 1_060),
    ],
)
def test_one_rule_has_to_let_the_viewer_in(
    rules: tuple[AccessRule, ...], everybody: float | None, holder: float | None
) -> None:
    strangers, tokened = outcome(Access(own=rules)), outcome(Access(own=rules), token_until=1_500.0)
    assert (strangers and strangers.until, tokened and tokened.until) == (everybody, holder)
    assert not (strangers and strangers.by_token)
    assert (tokened is not None and tokened.by_token) is (everybody is None and holder is not None)


def test_a_token_ends_at_its_end() -> None:
    assert outcome(Access(own=(TOKEN,)), token_until=NOW) is None
    assert outcome(Access(own=(TOKEN,)), token_until=NOW + 1) == Leave(until=NOW + 1, by_token=True)


def test_what_is_laid_over_has_to_be_open_to_everybody_and_ends_the_leave_of_all() -> None:
    assert outcome(Access(shown=((TOKEN,),)), token_until=1_500.0) is None
    assert outcome(
        Access(own=(TOKEN,), shown=((window(0, 1_100),), (window(0, 1_200),))), token_until=1_500.0
    ) == Leave(until=1_100, by_token=True)
    assert outcome(Access(shown=((window(0, 1_100),), (window(0, 900),)))) is None


def test_a_token_opens_nothing_that_stands_in() -> None:
    assert outcome(Access(own=(TOKEN,)).standing_in(), token_until=1_500.0) is None
    assert outcome(Access().standing_in()) == Leave()


def test_what_sdks_send_is_read_and_told_again() -> None:
    rules = [
        {"access_type": "token"},
        {"access_type": "anonymous", "start": "2019-02-22T16:20:57Z", "end": "2019-03-22T02:00:00+02:00"},
    ]
    read = read_access_control(json.dumps(rules))
    assert read == (TOKEN, window(1550852457.0, 1553212800.0))
    assert write_access_control(read) == [rules[0], {**rules[1], "end": "2019-03-22T00:00:00Z"}]
    assert read_access_control(json.dumps(rules[0])) == (TOKEN,)
    assert read_access_control("[]") == ()
    assert read_access_control('[{"access_type": "anonymous", "start": "2019-02-22 16:20:57", "end": null}]') == (
        window(1550852457.0),
    )


@pytest.mark.parametrize(
    "given",
    [
        "token",
        "",
        "5",
        '"token"',
        [5],
        [{}],
        [{"access_type": "public"}],
        [{"access_type": ["token"]}],
        [{"access_type": "token", "end": "2019-03-22T00:00:00Z"}],
        [{"access_type": "anonymous", "end": 5}],
        [{"access_type": "anonymous", "end": "soon"}],
        [{"access_type": "anonymous", "end": "0001-01-01T00:00:00+23:59"}],
        [{"access_type": "anonymous", "start": "2019-03-22T00:00:00Z", "end": "2019-03-22T00:00:00Z"}],
        [{"access_type": "anonymous", "ends": "2019-03-22T00:00:00Z"}],
        [{"access_type": "token"}] * 11,
        "[" * 5000,
    ],
)
def test_what_is_no_rule_is_refused(given: Any) -> None:
    with pytest.raises(BadRequest, match="access_control"):
        read_access_control(given if isinstance(given, str) else json.dumps(given))
