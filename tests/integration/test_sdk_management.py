"""The unmodified SDK of PyPI against a really running origin: what a cloud keeps beside its assets."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator

import cloudinary.exceptions
import pytest

from tests.integration.origin_process import OriginProcess, running_origin
from tests.integration.test_sdk_upload import PNG


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    with running_origin(tmp_path_factory.mktemp("origin"), DOMICILE_ORIGIN_REMOTE_PRIVATE_HOSTS="127.0.0.1") as running:
        yield running


@pytest.fixture
def sdk(origin: OriginProcess):
    return origin.sdk()


@pytest.fixture
def name() -> str:
    return f"t{secrets.token_hex(6)}"


def names(rows: list[dict]) -> list[str]:
    return [row["name"] for row in rows]


def test_folders_are_made_listed_renamed_and_dropped(sdk, name: str) -> None:
    made = sdk.api.create_folder(f"{name}/ü b/c")
    assert (made["success"], made["path"], made["name"]) == (True, f"{name}/ü b/c", "c")
    sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}x", asset_folder=f"{name}/d")
    assert name in names(sdk.api.root_folders()["folders"])
    first = sdk.api.subfolders(name, max_results=1)
    assert (names(first["folders"]), first["total_count"]) == (["d"], 2)
    second = sdk.api.subfolders(name, max_results=1, next_cursor=first["next_cursor"])
    assert (names(second["folders"]), second["next_cursor"]) == (["ü b"], None)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Folder is not empty"):
        sdk.api.delete_folder(name)
    moved = sdk.api.rename_folder(f"{name}/d", f"{name}/e/f")
    assert (moved["from"]["path"], moved["to"]["path"]) == (f"{name}/d", f"{name}/e/f")
    assert sdk.api.resource(f"{name}x")["asset_folder"] == f"{name}/e/f"
    sdk.uploader.destroy(f"{name}x")
    assert sdk.api.delete_folder(f"{name}/ü b", skip_backup=True)["deleted"] == [f"{name}/ü b", f"{name}/ü b/c"]
    with pytest.raises(cloudinary.exceptions.NotFound, match="Can't find folder with path"):
        sdk.api.subfolders(f"{name}/ü b")
    assert sdk.api.config(settings=True)["settings"] == {"folder_mode": "dynamic"}


def test_metadata_fields_change_and_take_their_values_along(sdk, name: str) -> None:
    color, note = f"{name}c", f"{name}n"
    values = [{"external_id": one, "value": one.upper()} for one in ("red", "blue")]
    sdk.api.add_metadata_field(
        {"external_id": color, "label": "Colour", "type": "set", "datasource": {"values": values}}
    )
    sdk.api.add_metadata_field({"external_id": note, "label": "A note", "type": "string"})
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name, metadata={color: ["red"], note: "hello"})
    changed = sdk.api.update_metadata_field(note, {"label": "Note", "default_value": "none"})
    assert (changed["label"], changed["default_value"], changed["type"]) == ("Note", "none", "string")
    more = sdk.api.update_metadata_field_datasource(
        color, [{"external_id": "red", "value": "Rouge"}, {"external_id": "green", "value": "Green"}]
    )
    assert {one["external_id"]: one["value"] for one in more["values"]}["red"] == "Rouge"
    ordered = sdk.api.reorder_metadata_field_datasource(color, "value", "desc")
    assert [one["value"] for one in ordered["values"]] == ["Rouge", "Green", "BLUE"]
    sdk.api.delete_datasource_entries(color, ["red"])
    with pytest.raises(cloudinary.exceptions.BadRequest, match="red is not one of its values"):
        sdk.uploader.update_metadata({color: ["red"]}, name)
    assert sdk.api.resource(name)["metadata"][color] == ["red"]
    sdk.api.restore_metadata_field_datasource(color, ["red"])
    sdk.uploader.update_metadata({color: ["red", "blue"]}, name)
    listed = sdk.api.reorder_metadata_fields("external_id", "desc")["metadata_fields"]
    assert [one["external_id"] for one in listed if one["external_id"] in {color, note}] == [note, color]
    assert sdk.api.list_metadata_fields()["metadata_fields"] == listed
    assert sdk.api.delete_metadata_field(color)["message"] == "ok"
    assert sdk.api.resource(name)["metadata"] == {note: "hello"}
    sdk.api.delete_metadata_field(note)
    assert "metadata" not in sdk.api.resource(name)


def test_metadata_rules_are_kept_and_followed(sdk, name: str) -> None:
    kind, model = f"{name}k", f"{name}m"
    sdk.api.add_metadata_field({"external_id": kind, "label": "Kind", "type": "string"})
    sdk.api.add_metadata_field({"external_id": model, "label": "Model", "type": "string", "default_disabled": True})
    made = sdk.api.add_metadata_rule(
        {
            "metadata_field_id": model,
            "name": "models of portraits",
            "condition": {"metadata_field_id": kind, "equals": "portrait"},
            "result": {"enable": True, "set_mandatory": True},
        }
    )
    with pytest.raises(cloudinary.exceptions.BadRequest, match="is disabled"):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=name, metadata={kind: "other", model: "x"})
    with pytest.raises(cloudinary.exceptions.BadRequest, match="is mandatory"):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=name, metadata={kind: "portrait"})
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name, metadata={kind: "other"})
    with pytest.raises(cloudinary.exceptions.BadRequest, match="is mandatory"):
        sdk.uploader.update_metadata({kind: "portrait"}, name)
    assert sdk.uploader.update_metadata({kind: "portrait", model: "x"}, name)["public_ids"] == [name]
    with pytest.raises(cloudinary.exceptions.BadRequest, match="is used by a metadata rule"):
        sdk.api.delete_metadata_field(kind)
    changed = sdk.api.update_metadata_rule(made["external_id"], {"state": "inactive"})
    assert (changed["state"], changed["name"]) == ("inactive", "models of portraits")
    assert [one["state"] for one in sdk.api.list_metadata_rules()["metadata_rules"]] == ["inactive"]
    assert sdk.api.delete_metadata_rule(made["external_id"])["success"] is True
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.delete_metadata_rule(made["external_id"])
    for field in (kind, model):
        sdk.api.delete_metadata_field(field)
