from __future__ import annotations

from fractions import Fraction

import pytest

from domicile.media.expression import (
    TEXT_CHARS_MAX,
    Comparison,
    Context,
    Defined,
    Expression,
    Name,
    Number,
    Text,
    Variable,
    read_condition,
    read_expression,
    write_condition,
    write_expression,
)
from domicile.media.params.base import Malformed

TERMS_MAX = 9


@pytest.mark.parametrize(
    "text,canonical",
    [
        ("iw_div_2", "iw_div_2"),
        ("007", "7"),
        ("-0", "0"),
        ("1.50", "1.5"),
        ("-0.0", "0.0"),
        ("100.0", "100.0"),
        ("$a_mul_$b_add_-3", "$a_mul_$b_add_-3"),
        ("!a%2db c!", "!a-b%20c!"),
        ("ctx:!a_b!", "ctx:!a_b!"),
        ("!a:b!", "!a:b!"),
        ("!a_in_b!", "!a_in_b!"),
    ],
)
def test_an_expression_has_one_canonical_text(text: str, canonical: str) -> None:
    expression = read_expression(text, terms_max=TERMS_MAX)
    assert write_expression(expression) == canonical
    assert read_expression(canonical, terms_max=TERMS_MAX) == expression


@pytest.mark.parametrize(
    "text",
    [
        "", "_", "iw_", "_iw", "iw_div", "div_2", "iw_times_2", "iw__div_2", "iw_div_2_", "$", "$1", "$a-b", "!a", "a!",
        "!a!b", "!a!!b!", "1.", ".5", "1e3", "+1", "1:2", "tags", "tags_add_1", "fc", "tar", "idn", "ils", "du", "iwx",
        "IW", "١", "ctx:a", "ctx!a!", "!%ff!", "!%00!", "9999999999", f"!{'x' * (TEXT_CHARS_MAX + 1)}!",
        f"${'x' * 65}",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read_expression(text, terms_max=TERMS_MAX)


def test_an_expression_is_not_read_beyond_its_limit() -> None:
    text = "1_add_1_add_1_add_1_add_1"
    assert len(read_expression(text, terms_max=TERMS_MAX).rest) == 4
    with pytest.raises(Malformed):
        read_expression(text, terms_max=TERMS_MAX - 1)


def test_operands_are_told_apart() -> None:
    expression = read_expression("w_add_$w_add_!w!_add_ctx:!w!_add_2.5", terms_max=TERMS_MAX)
    assert list(expression.operands) == [Name("w"), Variable("$w"), Text("w"), Context("w"), Number("2.5")]
    assert Number("2.5").value == Fraction(5, 2)


def test_and_binds_tighter_than_or() -> None:
    condition = read_condition("w_gt_1_and_h_lt_2_or_isdef_$a_and_isndef_$b", terms_max=20)
    one = Comparison(Expression(Name("w")), "gt", Expression(Number("1")))
    two = Comparison(Expression(Name("h")), "lt", Expression(Number("2")))
    assert condition.groups == ((one, two), (Defined("$a", wanted=True), Defined("$b", wanted=False)))


@pytest.mark.parametrize(
    "text,canonical",
    [
        ("w_gt_100", "w_gt_100"),
        ("ar_gt_32:18", "ar_gt_16:9"),
        ("!a:b!_in_tags", "!a:b!_in_tags"),
        ("ctx:!k!_nin_!x:y!", "ctx:!k!_nin_!x:y!"),
        ("w_div_2_lte_iw_sub_1.0_or_h_eq_007", "w_div_2_lte_iw_sub_1.0_or_h_eq_7"),
    ],
)
def test_a_condition_has_one_canonical_text(text: str, canonical: str) -> None:
    condition = read_condition(text, terms_max=20)
    assert write_condition(condition) == canonical
    assert read_condition(canonical, terms_max=20) == condition


@pytest.mark.parametrize(
    "text",
    [
        "", "w", "w_gt", "gt_5", "w_gt_5_lt_6", "w_is_5", "w_gt_5_and", "or_w_gt_5", "w_gt_5_and_or_h_lt_2", "isdef_w",
        "isdef", "isdef_$a_$b", "tags_in_!a!", "tags_eq_!a!", "!a!_eq_tags", "!a!_in_tags_add_1", "fc_gt_1", "ar_gt_3:0",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read_condition(text, terms_max=20)
