"""What a preset adds to a call, and what strangers may say."""

from __future__ import annotations

import pytest

from domicile.media.errors import BadRequest
from origin.api.admission import check_unsigned, with_preset
from origin.api.params import Params, context_of
from origin.api.presets import settings_in
from origin.records import Preset


def preset(**settings: str) -> Preset:
    return Preset(name="p", unsigned=True, settings=dict(settings), created_at=0.0)


@pytest.mark.parametrize(
    ("preset_wins", "folder", "alt", "tags"),
    [(False, "call", "call", "preset,call"), (True, "preset", "preset", "preset,call")],
)
def test_who_wins_depends_on_the_signature(preset_wins: bool, folder: str, alt: str, tags: str) -> None:
    call = Params({"folder": "call", "tags": "call", "context": "alt=call|own=1", "public_id": "x"})
    settings = {"folder": "preset", "tags": "preset", "context": "alt=preset", "overwrite": "true", "live": "true"}
    merged = with_preset(call, settings, preset_wins=preset_wins)
    assert (merged.text("folder"), merged.text("tags"), merged.text("overwrite")) == (folder, tags, "true")
    assert context_of(merged) == {"alt": alt, "own": "1"}
    assert "live" not in merged


@pytest.mark.parametrize(
    "name", ["overwrite", "transformation", "eager", "notification_url", "type", "return_delete_token"]
)
def test_strangers_may_not_say_what_the_preset_decides(name: str) -> None:
    with pytest.raises(
        BadRequest, match=f"{name.capitalize()} parameter is not allowed when using unsigned upload. Only "
    ):
        check_unsigned(Params({name: "1", "upload_preset": "p"}), preset())


def test_a_preset_can_keep_the_choice_of_the_name() -> None:
    named = Params({"public_id": "x", "upload_preset": "p", "timestamp": "1"})
    check_unsigned(named, preset())
    with pytest.raises(BadRequest, match="Public ID is not allowed"):
        check_unsigned(named, preset(disallow_public_id="true"))


def test_settings_are_upload_parameters_and_nothing_about_one_upload() -> None:
    params = Params(
        {"name": "p", "unsigned": "true", "timestamp": "1", "context[a]": "x|y", "overwrite": "1", "folder": ""}
    )
    assert settings_in(params) == {"context": r"a=x\|y", "overwrite": "true"}
    for name in ("file", "public_id", "upload_preset", "nonsense"):
        with pytest.raises(BadRequest):
            settings_in(Params({name: "x"}))
    with pytest.raises(BadRequest, match="overwrite"):
        settings_in(Params({"overwrite": "maybe"}))


@pytest.mark.parametrize("preset_wins", [True, False])
def test_a_text_swallows_nothing_of_what_is_put_beside_it(preset_wins: bool) -> None:
    theirs, ours = {"context": "own=call\\"}, {"context": "by=preset|alt=preset"}
    with pytest.raises(BadRequest, match="backslash"):
        with_preset(Params(theirs), ours, preset_wins=preset_wins)
    merged = with_preset(Params({"context": r"a=x\|y"}), {"context": r"b=\=z"}, preset_wins=preset_wins)
    assert context_of(merged) == {"a": "x|y", "b": "=z"}


def test_a_setting_swallows_no_other_setting() -> None:
    with pytest.raises(BadRequest, match="backslash"):
        settings_in(Params({"context[a]": "x\\", "context[b]": "y"}))
