"""Settings say what is wrong in words, whatever the file, the variable or the operating system holds against them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from domicile.service.settings import BadSetting, blamed, load, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    colour: str = setting("red", "Of the door.", check=str.islower, like="a colour in lower case")
    handles: int = setting(1, "On the door.", at_least=0)


def test_a_checked_value_is_refused_in_the_words_of_the_setting_and_not_of_its_check() -> None:
    assert load(Door, "door", environ={"DOMICILE_DOOR_COLOUR": "blue"}).colour == "blue"
    with pytest.raises(BadSetting, match=r"^door\.colour: 'RED' is not a colour in lower case$"):
        load(Door, "door", environ={"DOMICILE_DOOR_COLOUR": "RED"})


@pytest.mark.parametrize("text", ["=", "handles = " + "9" * 5000, "handles = " + "[" * 5000 + "]" * 5000])
def test_a_file_that_cannot_be_parsed_is_a_bad_setting_however_it_fails(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[door]\n" + text)
    with pytest.raises(BadSetting, match="not TOML"):
        load(Door, "door", file=file, environ={})


def test_what_the_system_refuses_is_blamed_on_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    where = tmp_path / "file" / "below"
    with pytest.raises(BadSetting) as caught, blamed("door.place", where, "a directory"):
        where.mkdir()
    assert str(caught.value) == f"door.place: {str(where)!r} cannot be used (Not a directory); allowed: a directory"
