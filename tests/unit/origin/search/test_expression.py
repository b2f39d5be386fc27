from __future__ import annotations

import pytest

from domicile.media.errors import BadRequest, LimitExceeded
from origin.search.expression import (
    DEPTH_MAX,
    EXPRESSION_CHARS_MAX,
    TERMS_MAX,
    And,
    Bare,
    Compare,
    Everything,
    Node,
    Not,
    Or,
    Range,
    Text,
    parse,
)

A, B, C = (Bare(Text(word)) for word in "abc")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Everything()),
        ("  ", Everything()),
        ("a", A),
        ("tags:cat", Compare("tags", ":", Text("cat"))),
        ("tags : cat", Compare("tags", ":", Text("cat"))),
        ('tags="red flower"', Compare("tags", "=", Text("red flower"))),
        ("public_id:people/ja*", Compare("public_id", ":", Text("people/ja", goes_on=True))),
        ('folder:"x y/*"', Compare("folder", ":", Text("x y/", goes_on=True))),
        (r'tags:"a\"b\*"', Compare("tags", ":", Text('a"b*'))),
        (r"tags:a\*b\ c", Compare("tags", ":", Text("a*b c"))),
        (r"context.my\ key=x", Compare("context.my key", "=", Text("x"))),
        ("width>=100", Compare("width", ">=", Text("100"))),
        ("width > -1", Compare("width", ">", Text("-1"))),
        ("created_at>2026-11-24T01:02:03Z", Compare("created_at", ">", Text("2026-11-24T01:02:03Z"))),
        ("bytes:[1 TO 2}", Range("bytes", Text("1"), Text("2"), True, False)),
        ("bytes={* TO 2]", Range("bytes", Text("", goes_on=True), Text("2"), False, True)),
        ("a b", Or((A, B))),
        ("a OR b || c", Or((A, B, C))),
        ("a AND b && c", And((A, B, C))),
        ("a b AND c", Or((A, And((B, C))))),
        ("a AND b OR c", Or((And((A, B)), C))),
        ("a AND (b OR c)", And((A, Or((B, C))))),
        ("NOT a", Not(A)),
        ("-a", Not(A)),
        ("!a", Not(A)),
        ("NOT NOT a", A),
        ("a AND NOT b", And((A, Not(B)))),
        ("a -b", And((A, Not(B)))),
        ("+a b -c", And((A, Not(C)))),
        ("a b -c", And((Or((A, B)), Not(C)))),
        ("-a -b", And((Not(A), Not(B)))),
        ("a OR -b", Or((A, Not(B)))),
        ("android", Bare(Text("android"))),
        ("ORDER", Bare(Text("ORDER"))),
        ('"AND"', Bare(Text("AND"))),
        ("a-b", Bare(Text("a-b"))),
        ("tags:(a)", None),
    ],
)
def test_expressions_mean_what_they_say(text: str, tree: Node | None) -> None:
    if tree is None:
        with pytest.raises(BadRequest):
            parse(text)
    else:
        assert parse(text) == tree


@pytest.mark.parametrize(
    "text",
    [
        "AND",
        "a AND",
        "OR a",
        "(a",
        "a)",
        "()",
        "tags:",
        ":x",
        "tags:a*b",
        "a**",
        "*:x",
        "a ~",
        "a?",
        "bytes:[1 2]",
        "bytes:[1 TO 2",
        '"a',
        "a & b",
        "NOT",
        "\\",
        "\ud800",
    ],
)
def test_what_is_no_expression_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadRequest, match="Invalid expression"):
        parse(text)


@pytest.mark.parametrize(
    ("most", "more"),
    [
        ("a" * EXPRESSION_CHARS_MAX, "a" * (EXPRESSION_CHARS_MAX + 1)),
        ("a " * TERMS_MAX, "a " * (TERMS_MAX + 1)),
        ("(" * DEPTH_MAX + "a" + ")" * DEPTH_MAX, "(" * (DEPTH_MAX + 1) + "a" + ")" * (DEPTH_MAX + 1)),
    ],
)
def test_an_expression_has_limits(most: str, more: str) -> None:
    parse(most)
    with pytest.raises(LimitExceeded):
        parse(more)
