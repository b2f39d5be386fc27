"""Tokens, made by the unmodified SDK."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import cloudinary.auth_token
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.auth_token import NOTHING, Shown, escape_lower, held, tokens_of, verify_token
from domicile.media.errors import BadSignature

KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
OTHER = bytes(16)
PATH = "/demo/image/authenticated/c_fill,w_10/v1/people/j%C3%A4ne.png"
NOW = 1_111_111_200


def made(**options: Any) -> str:
    wanted = {"key": KEY.hex(), "start_time": 1_111_111_111, "duration": 300, **options}
    token: str = cloudinary.auth_token.generate(**wanted)
    return token.partition("=")[2]


def is_good(token: str, target: str = PATH, *, now: float = NOW, address: str | None = "192.0.2.7") -> bool:
    try:
        assert verify_token(token, target, (OTHER, KEY), now=now, address=address) > now
    except BadSignature:
        return False
    return True


def test_the_vector_of_the_sdks() -> None:
    token = "st=1111111111~exp=1111111411~hmac=389c54899629a212ef80f1a9a082abd2fb550c6d1116d2b2e217dab731b5cf46"
    path = "/demo/image/upload/v1/folder/pic.jpg"
    assert verify_token(token, path, [bytes.fromhex("00112233FF99")], now=NOW, address="") == 1_111_111_411


def test_a_url_token_opens_that_url_and_no_other() -> None:
    token = made(url=PATH)
    assert is_good(token)
    assert is_good(token, f"{PATH}?__cld_token__={token}")
    assert is_good(token, f"{PATH}?_a=BAM&__cld_token__={token}")
    for other in (PATH[:-1], PATH + "x", PATH.replace("w_10", "w_11"), PATH.replace("%C3", "%c3"), "/" + PATH):
        assert not is_good(token, other)


def test_a_query_may_be_signed_with_the_path_as_npm_does() -> None:
    token = made(url=PATH + "?_a=BAM")
    assert is_good(token, f"{PATH}?_a=BAM&__cld_token__={token}")
    assert not is_good(token, PATH)


@pytest.mark.parametrize(
    "acl, good",
    [
        (PATH, True),
        ("/demo/image/authenticated/*", True),
        ("*", True),
        ("/demo/*/people/*", True),
        ("*.png", True),
        (["/other/*", "/demo/image/authenticated/*"], True),
        ("/demo/image/upload/*", False),
        ("/demo/image/authenticated/", False),
        ("/demo/image/authenticated/*.jpg", False),
        ("/demo/*/people/*/people/*", False),
        ("/demo/image/authenticated/*/j%C3%A4ne.png*.png", False),
        (["/other/*", "/authenticated/*"], False),
    ],
)
def test_an_acl_covers_what_its_patterns_match(acl: Any, good: bool) -> None:
    assert is_good(made(acl=acl)) is good


@pytest.mark.parametrize(
    "now, good", [(1_111_111_110, False), (1_111_111_111, True), (1_111_111_410.9, True), (1_111_111_411, False)]
)
def test_it_holds_from_its_start_to_its_end(now: float, good: bool) -> None:
    assert is_good(made(acl="*"), now=now) is good


def test_it_may_be_for_one_address_alone() -> None:
    token = made(acl="*", ip="192.0.2.7")
    assert is_good(token)
    assert not is_good(token, address="192.0.2.8")
    assert not is_good(token, address="")
    assert is_good(token, address=None)  # judged before, by who saw him
    assert is_good(made(acl="*", ip="2001:DB8::7"), address="2001:db8:0::7")


def test_nothing_of_it_can_be_changed() -> None:
    token = made(url=PATH, ip="192.0.2.7")
    acl = made(acl="/demo/image/upload/*")
    for changed in (
        token.replace("exp=1111111411", "exp=2111111411"),
        token.replace("st=1111111111", "st=1111111110"),
        token.replace("ip=192.0.2.7~", ""),
        token.replace("hmac=", "acl=*~hmac="),
        acl.replace("upload", "authenticated"),
        acl + "~acl=*",
        token.upper(),
        token[:-1],
        "",
        "exp=1~hmac=" + "0" * 64,
    ):
        assert not is_good(changed)
    assert not is_good(made(url=PATH, key=("11" * 16)))
    with pytest.raises(BadSignature):
        verify_token(token, PATH, [], now=NOW, address="192.0.2.7")


def test_one_that_says_nothing_of_where_it_holds_holds_nowhere() -> None:
    said = f"exp={NOW + 9}"
    assert not is_good(f"{said}~hmac={hmac.new(KEY, said.encode(), hashlib.sha256).hexdigest()}")


@pytest.mark.parametrize(
    ("signed", "target", "is_one"),
    [
        ({"url": "/image/upload/a.jpg"}, "/demo/image/upload/a.jpg", True),
        ({"acl": "/image/upload/*"}, "/demo/image/upload/a.jpg", True),
        ({"acl": "/image/upload/*"}, "/res/demo/image/upload/a.jpg?x=1", True),
        ({"acl": "/image/private/*"}, "/demo/image/upload/a.jpg", False),
        ({"acl": "/demo/image/upload/*"}, "/demo/demo/image/upload/a.jpg", False),
        ({"url": "/a.jpg"}, "/demo/a.jpg", False),
    ],
)
def test_a_token_for_a_host_of_its_own_names_no_cloud(signed: dict[str, str], target: str, is_one: bool) -> None:
    assert is_good(made(**signed), target) is is_one


def test_a_pattern_of_many_stars_costs_no_more_than_it_is_long() -> None:
    said = f"exp={NOW + 9}~acl={escape_lower('/' + 'a*' * 400 + 'b')}"
    token = f"{said}~hmac={hmac.new(KEY, said.encode(), hashlib.sha256).hexdigest()}"
    assert not is_good(token, "/" + "a" * 4000)


def test_tokens_are_found_in_the_query_and_in_cookies() -> None:
    assert tokens_of("/x?_a=1&__cld_token__=one=1", ["a=b; __cld_token__=two; c=d", "__cld_token__=three"]) == (
        "one=1",
        "two",
        "three",
    )
    assert tokens_of("/x__cld_token__=1", ["x__cld_token__=1", "__cld_token__="]) == ()
    assert len(tokens_of("/x", [f"__cld_token__={n}" for n in range(100)])) == 4


def test_the_good_token_that_lasts_longest_counts() -> None:
    short, long, bad = made(acl="*"), made(acl="*", duration=400), made(acl="/no/*", duration=500)
    found = held(Shown(tokens=(short, bad, long)), PATH, [KEY], now=NOW)
    assert found is not None
    assert (found.text, found.until) == (long, 1_111_111_511)
    assert held(NOTHING, PATH, [KEY], now=NOW) is None
    assert held(Shown(tokens=(long,)), PATH, [], now=NOW) is None


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="\x7f"), max_size=40))
def test_escaping_is_that_of_the_sdk(text: str) -> None:
    assert escape_lower(text) == cloudinary.auth_token._escape_to_lower(text)
