"""Parameters as the SDKs send them, and the list of what an upload may ask for."""

from __future__ import annotations

import cloudinary.utils
import pytest

from domicile.media.errors import BadRequest
from origin.api.params import (
    HARMLESS,
    HARMLESS_WHEN_OFF,
    HEADERS,
    LIST_ITEMS_MAX,
    NO_SUCH,
    REFUSED,
    USED,
    Params,
    check_parameters,
    context_of,
    from_json,
    from_pairs,
    tags_of,
)


def pairs(*given: tuple[str, str]) -> Params:
    return from_pairs(given, fields_max=10)


def test_lists_come_with_brackets_or_indices() -> None:
    read = pairs(("public_ids[]", "a"), ("public_ids[]", "b"), ("tags[0]", "x"), ("tags[1]", "y"), ("type", "upload"))
    assert read.values == {"public_ids": ["a", "b"], "tags": ["x", "y"], "type": "upload"}
    assert read.texts("public_ids") == ("a", "b")
    assert read.texts("type") == ("upload",)
    assert read.texts("missing") == ()


def test_a_key_given_twice_is_refused() -> None:
    for given in ((("a", "1"), ("a", "2")), (("a", "1"), ("a[]", "2"))):
        with pytest.raises(BadRequest):
            pairs(*given)


def test_there_are_not_too_many() -> None:
    with pytest.raises(BadRequest, match="Too many parameters"):
        pairs(*((f"k{number}", "v") for number in range(11)))
    with pytest.raises(BadRequest, match="Too many values"):
        Params({"a": ["x"] * (LIST_ITEMS_MAX + 1)}).texts("a")


def test_json_is_read_like_a_form() -> None:
    read = from_json(b'{"all": true, "max": 5, "ids": ["a", 1, false], "none": null, "selector": {"public_id": "x"}}')
    assert read.values == {"all": "true", "max": "5", "ids": ["a", "1", "false"], "selector[public_id]": "x"}
    assert from_json(b" ").values == {}


@pytest.mark.parametrize(
    "body", [b"[]", b"5", b"{", b'{"a": [[1]]}', b'{"a": {"b": {"c": 1}}}', b'{"a": [{}]}', b"\xff", b"[" * 100_000]
)
def test_json_that_is_no_object_of_plain_values_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        from_json(body)


@pytest.mark.parametrize(("text", "means"), [("1", True), ("true", True), ("0", False), ("false", False), ("", True)])
def test_flags(text: str, means: bool) -> None:
    assert Params({"flag": text}).flag("flag", default=True) is means


@pytest.mark.parametrize("text", ["yes", "2", "-1", "null"])
def test_a_flag_is_true_or_false(text: str) -> None:
    with pytest.raises(BadRequest, match="parameter flag"):
        Params({"flag": text}).flag("flag", default=True)


@pytest.mark.parametrize("text", ["-1", "1.5", "501", "٣", "1e3", "9" * 40])
def test_a_number_is_inside_its_bounds(text: str) -> None:
    with pytest.raises(BadRequest, match="must be 1 to 500"):
        Params({"n": text}).number("n", 10, at_least=1, at_most=500)


def test_a_list_is_no_text() -> None:
    with pytest.raises(BadRequest):
        Params({"public_id": ["a"]}).text("public_id")


def test_every_upload_parameter_of_the_sdk_is_decided() -> None:
    decided = USED | set(HARMLESS) | HARMLESS_WHEN_OFF | REFUSED | set(NO_SUCH) | {HEADERS}
    assert set(cloudinary.utils.upload_params) <= decided
    lists = [USED, set(HARMLESS), HARMLESS_WHEN_OFF, REFUSED, set(NO_SUCH), {HEADERS}]
    assert sum(map(len, lists)) == len(decided)


def test_nothing_is_ignored_silently() -> None:
    check_parameters(Params({"public_id": "a", "invalidate": "1", "backup": "0", "eager": "", "colors": "false"}), USED)
    for name in (*REFUSED, *HARMLESS_WHEN_OFF):
        with pytest.raises(BadRequest, match=f"Parameter {name} is not supported yet"):
            check_parameters(Params({name: "1"}), USED)
    for name in NO_SUCH:
        with pytest.raises(BadRequest, match=r"x{64}.*: it is not supported here"):
            check_parameters(Params({name: "x" * 99}), USED)
    check_parameters(Params({HEADERS: "Link: 1\nlink: 2"}), USED)
    for text in ("X-Robots-Tag: noindex", "Link: 1\nSet-Cookie: a=b"):
        with pytest.raises(BadRequest, match=r"Parameter headers: .* is not supported"):
            check_parameters(Params({HEADERS: text}), USED)
    with pytest.raises(BadRequest, match="Unknown parameter - brand_new"):
        check_parameters(Params({"brand_new": "x"}), USED)


def test_what_belongs_to_another_endpoint_is_unknown_here() -> None:
    here = frozenset({"public_id", "type"})
    signing = {"timestamp": "1", "signature": "x", "api_key": "1", "invalidate": "1"}
    check_parameters(Params({"public_id": "a", "type": "upload", **signing}), here)
    for name in ("tags", "overwrite", "folder", "selector[public_id]"):
        with pytest.raises(BadRequest, match="Unknown parameter"):
            check_parameters(Params({"public_id": "a", name: "x", **signing}), here)


def test_tags_are_trimmed_and_kept_once() -> None:
    assert tags_of(Params({"tags": "b, a ,,b"})) == ("b", "a")
    assert tags_of(Params({"tags": ["x,y", "z"]})) == ("x,y", "z")
    with pytest.raises(BadRequest):
        tags_of(Params({"tags": "x" * 256}))
    with pytest.raises(BadRequest):
        tags_of(Params({"tags": ",".join(map(str, range(1001)))}))


@pytest.mark.parametrize("context", [{"alt": "a=b|c"}, {"a": "1", "b": "|=|"}, {"ü": ""}, {}])
def test_context_reads_what_the_sdk_writes(context: dict[str, str]) -> None:
    assert context_of(Params({"context": cloudinary.utils.encode_context(context)})) == context


@pytest.mark.parametrize("text", ["novalue", "=x", "a=1|b", "k=" + "v" * 1025])
def test_context_that_is_no_pairs_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        context_of(Params({"context": text}))
