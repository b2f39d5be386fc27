"""Where a chain is parted, and what is said again in each part."""

from __future__ import annotations

import pytest

from domicile.media.grammar import build_transformation, parse_transformation
from domicile.media.trims import parts_of, trim_at_end


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w_5/e_blur", ["w_5/e_blur"]),
        ("", [""]),
        ("e_trim", ["/e_trim", "/"]),
        ("w_5,e_trim:3/h_6", ["/e_trim:3,w_5", "//h_6"]),
        ("b_red,bo_2px_solid_red,e_trim,o_40,r_3,w_5", ["/e_trim,w_5", "/b_rgb:ff0000,bo_2px_solid_rgb:ff0000,o_40,r_3"]),
        ("b_red,c_pad,e_trim,h_5,w_5", ["/b_rgb:ff0000,c_pad,e_trim,h_5,w_5", "/b_rgb:ff0000"]),
        ("b_blurred,c_pad,e_trim,h_5,w_5", ["/b_blurred,c_pad,e_trim,h_5,w_5", "/"]),
        ("dpr_3.0,w_5/e_trim/a_ignore,dpr_2.0,h_6", [
            "a_ignore,dpr_2.0/w_5/e_trim", "a_ignore,dpr_2.0//a_ignore,h_6",
        ]),
        ("e_trim/e_trim", ["/e_trim", "//e_trim", "/"]),
        ("e_trim,fl_apng.lossy/w_5", ["fl_apng/e_trim,fl_apng.lossy", "fl_apng//w_5"]),
    ],
)  # fmt: skip
def test_a_chain_is_parted_after_each_trim(text: str, expected: list[str]) -> None:
    assert list(map(build_transformation, parts_of(parse_transformation(text)))) == expected


def test_each_part_but_the_last_ends_with_a_trim() -> None:
    *parts, last = parts_of(parse_transformation("e_trim:5/w_3/e_trim/h_2"))
    assert [trim.strength for part in parts if (trim := trim_at_end(part))] == [5, None]
    assert trim_at_end(last) is None
