"""The Upload API beyond a plain upload, by the unmodified SDK against one running origin: presets, metadata, names for
people, tokens, chunks, raw files, renditions made early, archives."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Iterator
from typing import Any

import cloudinary.exceptions
import pytest
from PIL import Image

from tests.integration.origin_process import OriginProcess, running_origin

BYTES_MAX = 2_000_000
UNSIGNED_BYTES_MAX = 20_000


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), color: tuple[int, ...] = (200, 30, 30)) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", size, color).save(body, kind)
    return body.getvalue()


PNG = picture()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    with running_origin(
        tmp_path_factory.mktemp("origin"),
        DOMICILE_ORIGIN_UPLOAD_UPLOAD_BYTES_MAX=str(BYTES_MAX),
        DOMICILE_ORIGIN_UPLOAD_UNSIGNED_BYTES_MAX=str(UNSIGNED_BYTES_MAX),
    ) as running:
        yield running


@pytest.fixture
def sdk(origin: OriginProcess):
    return origin.sdk()


@pytest.fixture
def name() -> str:
    return f"t{secrets.token_hex(6)}"


def put(sdk, public_id: str, body: bytes = PNG, **options: Any) -> dict:
    return sdk.uploader.upload(io.BytesIO(body), public_id=public_id, **options)


@pytest.fixture
def fields(sdk, name: str) -> Iterator[dict[str, str]]:
    """Metadata fields of this test: kind -> external_id."""
    choices = [{"external_id": f"{color}_id", "value": color} for color in ("red", "blue")]
    made: dict[str, dict[str, Any]] = {
        "number": {"type": "integer", "validation": {"type": "less_than", "value": 10, "equals": True}},
        "set": {"type": "set", "datasource": {"values": choices}, "default_value": ["blue_id"]},
        "day": {"type": "date"},
    }
    ids = {kind: f"{kind}_{name}" for kind in made}
    for kind, field in made.items():
        shown = sdk.api.add_metadata_field({**field, "external_id": ids[kind], "label": f"{kind} {name}"})
        assert (shown["external_id"], shown["type"]) == (ids[kind], field["type"])
    yield ids
    for external_id in ids.values():
        assert sdk.api.delete_metadata_field(external_id)["message"] == "ok"


def test_structured_metadata_is_checked_kept_changed_and_told(sdk, name: str, fields: dict[str, str]) -> None:
    made = put(sdk, name, metadata={fields["number"]: "7", fields["day"]: "2026-11-24"})
    assert made["metadata"] == {fields["number"]: 7, fields["day"]: "2026-11-24", fields["set"]: ["blue_id"]}
    done = sdk.uploader.update_metadata({fields["set"]: ["red_id", "blue_id"], fields["day"]: ""}, [name, "absent"])
    assert done["public_ids"] == [name]
    assert sdk.api.resource(name)["metadata"] == {fields["number"]: 7, fields["set"]: ["red_id", "blue_id"]}
    for wrong, said in (
        ({fields["number"]: "11"}, "fails the field's validation"),
        ({fields["set"]: ["green_id"]}, "green_id is not one of its values"),
        ({fields["day"]: "yesterday"}, "must be a date"),
        ({"nobody": "1"}, "does not exist"),
    ):
        with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
            sdk.uploader.update_metadata(wrong, [name])
    sdk.uploader.update_metadata({fields["number"]: "99", fields["set"]: ["red_id"]}, [name], clear_invalid=True)
    assert sdk.api.resource(name)["metadata"] == {fields["number"]: 7, fields["set"]: ["red_id"]}
    moved = sdk.uploader.rename(name, f"{name}-2", metadata=f"{fields['number']}=3", context="alt=new")
    assert (moved["metadata"][fields["number"]], moved["context"]["custom"]) == (3, {"alt": "new"})
    said = sdk.uploader.explicit(f"{name}-2", type="upload", metadata={fields["number"]: "4"}, asset_folder="shelf")
    assert (said["metadata"][fields["number"]], said["asset_folder"]) == (4, "shelf")


def test_a_mandatory_field_is_asked_for(sdk, name: str) -> None:
    sdk.api.add_metadata_field({"type": "string", "external_id": name, "label": name, "mandatory": True})
    try:
        with pytest.raises(cloudinary.exceptions.BadRequest, match=f"Metadata field {name} is mandatory"):
            put(sdk, name)
        assert put(sdk, name, metadata={name: "said"})["metadata"] == {name: "said"}
        with pytest.raises(cloudinary.exceptions.BadRequest, match="is mandatory"):
            sdk.uploader.update_metadata({name: ""}, [name])
    finally:
        sdk.api.delete_metadata_field(name)


def test_a_preset_lives_its_life_and_speaks_where_the_call_is_silent(sdk, name: str) -> None:
    settings = {"folder": "shelf", "tags": ["kept"], "context": {"alt": "preset", "by": "me"}, "use_filename": True}
    assert sdk.api.create_upload_preset(name=name, unsigned=False, **settings)["name"] == name
    with pytest.raises(cloudinary.exceptions.AlreadyExists):
        sdk.api.create_upload_preset(name=name, folder="other")
    shown = sdk.api.upload_preset(name)
    assert (shown["unsigned"], shown["settings"]) == (False, settings)
    assert name in [preset["name"] for preset in sdk.api.upload_presets(max_results=500)["presets"]]
    made = put(sdk, "", upload_preset=name, filename=f"{name}.png", tags=["own"], context={"alt": "call"})
    assert re.fullmatch(rf"shelf/{name}_[a-z0-9]{{6}}", made["public_id"])
    assert made["tags"] == ["kept", "own"]
    assert made["context"]["custom"] == {"alt": "call", "by": "me"}
    assert put(sdk, name, upload_preset=name, folder="mine")["public_id"] == f"mine/{name}"
    sdk.api.update_upload_preset(name, folder="moved")
    assert sdk.api.upload_preset(name)["settings"] == {**settings, "folder": "moved"}
    assert sdk.api.delete_upload_preset(name)["message"] == "deleted"
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Upload preset not found"):
        put(sdk, name, upload_preset=name)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="raw_convert is not supported yet"):
        sdk.api.create_upload_preset(name=name, raw_convert="aspose")


def test_strangers_upload_through_an_unsigned_preset_and_nothing_else(sdk, origin: OriginProcess, name: str) -> None:
    closed, opened = f"{name}-closed", f"{name}-open"
    sdk.api.create_upload_preset(name=closed, unsigned=False)
    sdk.api.create_upload_preset(
        name=opened, unsigned=True, folder="guests", allowed_formats="png,webp", tags="guest", overwrite=True
    )

    def stranger(body: bytes = PNG, preset: str = opened, **options) -> dict:
        return sdk.uploader.unsigned_upload(io.BytesIO(body), preset, **options)

    made = stranger(public_id=name, folder="elsewhere", tags="mine")
    assert (made["public_id"], made["tags"], "api_key" in made) == (f"guests/{name}", ["guest", "mine"], False)
    again = stranger(picture(color=(1, 2, 3)), public_id=name)
    assert (again["existing"], again["version_id"]) == (True, made["version_id"])
    for preset, body, options, said in (
        (closed, PNG, {}, "must be whitelisted for unsigned uploads"),
        (f"{name}-none", PNG, {}, "Upload preset not found"),
        (opened, picture("GIF"), {}, "format gif not allowed"),
        (
            opened,
            PNG,
            {"overwrite": True},
            "Overwrite parameter is not allowed when using unsigned upload. Only upload_",
        ),
        (opened, PNG, {"type": "private"}, "Type parameter is not allowed"),
        (opened, PNG + b"\0" * UNSIGNED_BYTES_MAX, {}, f"File size too large.* Maximum is {UNSIGNED_BYTES_MAX}"),
    ):
        with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
            stranger(body, preset, **options)
    reply = origin.request("POST", "/v1_1/nobody/image/upload?x=1", {}, b"upload_preset=a&file=x")
    assert (reply.status, name in origin.log.read_text()) == (400, False)


def test_names_for_people_are_kept_apart_from_the_public_id(sdk, name: str) -> None:
    made = put(sdk, name, asset_folder=f"{name}/shelf", display_name="The first", moderation="manual")
    assert (made["public_id"], made["asset_folder"], made["display_name"]) == (name, f"{name}/shelf", "The first")
    assert [(said["kind"], said["status"]) for said in made["moderation"]] == [("manual", "pending")]
    named = put(sdk, f"{name}-2", filename="Report 7.png", use_filename_as_display_name=True)
    assert named["display_name"] == "Report 7"
    where: dict[str, Any] = {"asset_folder": f"{name}/shelf", "unique_display_name": True}
    with pytest.raises(cloudinary.exceptions.BadRequest, match="display_name already exists"):
        put(sdk, f"{name}-3", display_name="The first", **where)
    assert put(sdk, f"{name}-3", display_name="The second", **where)["display_name"] == "The second"
    assert put(sdk, name, display_name="The first", **where)["overwritten"] is True
    prefixed = put(sdk, "", public_id_prefix=f"{name}/p", filename="a.png", use_filename=True, unique_filename=False)
    assert prefixed["public_id"] == f"{name}/p/a"
    inside = put(sdk, "x", asset_folder=name, use_asset_folder_as_public_id_prefix=True)
    assert inside["public_id"] == f"{name}/x"


def test_a_delete_token_takes_back_the_very_upload_it_was_given_for(sdk, origin: OriginProcess, name: str) -> None:
    first = put(sdk, name, return_delete_token=True)["delete_token"]
    second = put(sdk, name, picture(color=(0, 9, 0)), return_delete_token=True)["delete_token"]
    path, form = "/v1_1/demo/delete_by_token", {"Content-Type": "application/x-www-form-urlencoded"}

    def take_back(token: str):
        return origin.request("POST", path, form, f"token={token}".encode())

    assert take_back(first).status == 404
    assert sdk.api.resource(name)["public_id"] == name
    assert take_back(second[:-6] + "AAAAAA").status == 400
    assert take_back(second).json()["result"] == "ok"
    assert take_back(second).status == 404
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name)
