from __future__ import annotations

import pytest

from edge.cache.fields import joined, values
from edge.cache.forward import HOPS_MAX, Looping, end_to_end, stated_length, to_origin, to_viewer
from tests.unit.edge.cache.heads import fields


def test_what_is_about_the_connection_ends_here() -> None:
    head = fields(connection="A, close", a="1", te="x", keep_alive="y", proxy_authorization="z", upgrade="h2c", foo="2")
    assert end_to_end(head) == fields(foo="2")


def test_requests_are_marked_and_keep_everything_else_in_order() -> None:
    head = (
        ("foo", "1"),
        ("Host", "here"),
        ("Foo", "2"),
        ("Via", "1.0 other"),
        ("Content-Length", "5"),
        ("Cookie", "a"),
    )
    assert to_origin(head) == (
        ("foo", "1"),
        ("Foo", "2"),
        ("Via", "1.0 other"),
        ("Cookie", "a"),
        ("CDN-Loop", "domicile"),
        ("Surrogate-Capability", 'domicile="Surrogate/1.0"'),
        ("Via", "1.1 domicile"),
    )


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-HTTP-Method-Override", "X-Real-IP"]
)
def test_what_could_change_an_answer_without_being_in_the_key_is_dropped(name: str) -> None:
    assert values(to_origin(((name, "evil"),)), name.lower()) == []


def test_other_networks_are_passed_on_and_our_own_mark_ends_it() -> None:
    assert joined(to_origin(fields(cdn_loop="other; x=1")), "cdn-loop") == "other; x=1, domicile"
    for loop in ("domicile", "other, Domicile; v=1", "domicile;x"):
        with pytest.raises(Looping):
            to_origin(fields(cdn_loop=loop))


def test_a_request_that_came_through_too_many_is_refused() -> None:
    to_origin(fields(via=", ".join(["1.1 a"] * HOPS_MAX)))
    with pytest.raises(Looping):
        to_origin(fields(via=", ".join(["1.1 a"] * (HOPS_MAX + 1))))


def test_responses_are_marked() -> None:
    head = fields(
        content_length="3",
        connection="x",
        x="1",
        set_cookie="a",
        transfer_encoding="chunked",
        surrogate_control="max-age=1",
    )
    assert to_viewer(head) == (("Set-Cookie", "a"), ("Via", "1.1 domicile"))


@pytest.mark.parametrize(
    "text, length", [("5", 5), ("05", 5), ("", None), ("-1", None), ("5, 5", None), ("1" * 16, None)]
)
def test_a_length_is_a_number(text: str, length: int | None) -> None:
    assert stated_length(fields(content_length=text)) == length
    assert stated_length(()) is None
