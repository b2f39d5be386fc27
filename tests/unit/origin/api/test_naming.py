from __future__ import annotations

import re

import pytest

from domicile.media.errors import BadRequest
from origin.api.naming import asset_folder, display_name, extension_of, name_for, original_name
from origin.api.params import Params
from tests.unit.origin.api.test_delete_tokens import tenant


def public_id(kind: str = "image", file_name: str = "Trip/My photo.JPG", **given: str) -> str:
    return name_for(tenant(), Params(given), file_name, kind).public_id


def test_the_public_id_is_what_is_asked_for() -> None:
    assert public_id(public_id="a/b") == "a/b"
    assert public_id(public_id="x", folder="/f/", public_id_prefix="p") == "f/p/x"
    assert public_id(public_id="x", asset_folder="f", use_asset_folder_as_public_id_prefix="1") == "f/x"
    assert public_id(use_filename="1", unique_filename="0") == "My_photo"
    assert public_id(use_filename="1", unique_filename="0", filename_override="z.txt") == "z"
    assert re.fullmatch(r"My_photo_[a-z0-9]{6}", public_id(use_filename="1"))
    assert re.fullmatch(r"[a-z0-9]{20}", public_id())
    with pytest.raises(BadRequest, match="type"):
        public_id(type="text")


def test_a_raw_file_keeps_its_extension_in_its_name() -> None:
    assert public_id("raw", "a.tar.GZ", use_filename="1", unique_filename="0") == "a.tar.gz"
    assert re.fullmatch(r"[a-z0-9]{20}\.txt", public_id("raw", "b.txt"))
    assert re.fullmatch(r"[a-z0-9]{20}", public_id("raw", "noname"))
    assert public_id("raw", "b.txt", public_id="mine") == "mine"
    assert [extension_of(name) for name in ("x.a b", ".profile", "a/b.c/d", "x." + "y" * 17)] == [""] * 4


def test_names_for_people() -> None:
    assert display_name(Params({"display_name": "The first"}), "a.png") == "The first"
    assert display_name(Params({"use_filename_as_display_name": "1"}), "a b.png") == "a b"
    assert display_name(Params({}), "a.png") == ""
    assert original_name(Params({}), "dir/a b.png") == "a b"
    assert original_name(Params({"discard_original_filename": "1"}), "a.png") == ""
    assert asset_folder(Params({"folder": "/a/b/"})) == "a/b"
    for wrong in ("a/b", "x" * 300):
        with pytest.raises(BadRequest):
            display_name(Params({"display_name": wrong}), "")
    with pytest.raises(BadRequest):
        asset_folder(Params({"asset_folder": "x" * 300}))
