"""The Upload API beyond a plain upload, by the unmodified SDK against one running installation: presets, metadata, names for
people, tokens, chunks, raw files, renditions made early, archives."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import cloudinary.exceptions
import numpy as np
import pytest
import requests
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.infra import postgres

WORKERS = 1
BYTES_MAX = 2_000_000
UNSIGNED_BYTES_MAX = 20_000
ENVIRONMENT = {
    "DOMICILE_ORIGIN_UPLOAD_UPLOAD_BYTES_MAX": str(BYTES_MAX),
    "DOMICILE_ORIGIN_UPLOAD_UNSIGNED_BYTES_MAX": str(UNSIGNED_BYTES_MAX),
}

pytestmark = pytest.mark.timeout(120)


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), color: tuple[int, ...] = (200, 30, 30)) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", size, color).save(body, kind)
    return body.getvalue()


PNG = picture()


@pytest.fixture(scope="module")
def rows(database: postgres.Rows | None) -> postgres.Rows | None:
    return database


@pytest.fixture
def sdk(stack: Stack):
    return stack.sdk()


@pytest.fixture
def name(canaries: Canaries) -> str:
    return canaries.name("t")


def put(sdk, public_id: str, body: bytes = PNG, **options: Any) -> dict:
    return sdk.uploader.upload(io.BytesIO(body), public_id=public_id, **options)


def until(condition: Callable[[], bool], seconds_max: float = 30.0) -> None:
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
    sdk.api.create_upload_preset(name=name, transformation=[{"width": 20, "crop": "scale"}, {"effect": "blur:7"}])
    assert sdk.api.upload_preset(name)["settings"] == {
        "transformation": [{"crop": "scale", "width": 20}, {"effect": "blur:7"}]
    }
    assert put(sdk, name, upload_preset=name)["width"] == 20
    for wrong, said in (
        ({"raw_convert": "aspose"}, "Raw convert is invalid - aspose"),
        ({"eager": "c_explode"}, "c_explode"),
        ({"moderation": "aws_rek"}, "only manual is supported"),
        ({"type": "text"}, "Invalid value for parameter type"),
    ):
        with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
            sdk.api.create_upload_preset(name=f"{name}-2", **wrong)


def test_strangers_upload_through_an_unsigned_preset_and_nothing_else(sdk, stack: Stack, name: str) -> None:
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
    reply = stack.api("POST", "/v1_1/nobody/image/upload?x=1", {}, b"upload_preset=a&file=x")
    assert reply.status == 400


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


def test_a_delete_token_takes_back_the_very_upload_it_was_given_for(sdk, stack: Stack, name: str) -> None:
    first = put(sdk, name, return_delete_token=True)["delete_token"]
    second = put(sdk, name, picture(color=(0, 9, 0)), return_delete_token=True)["delete_token"]
    path, form = "/v1_1/demo/delete_by_token", {"Content-Type": "application/x-www-form-urlencoded"}

    def take_back(token: str):
        return stack.api("POST", path, form, f"token={token}".encode())

    assert take_back(first).status == 404
    assert sdk.api.resource(name)["public_id"] == name
    assert take_back(second[:-6] + "AAAAAA").status == 400
    assert take_back(second).json()["result"] == "ok"
    assert take_back(second).status == 404
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name)


def test_a_raw_file_comes_back_byte_for_byte_and_never_as_a_page_of_ours(sdk, stack: Stack, name: str) -> None:
    page = b"<html><script>alert(1)</script>" + bytes(range(256)) * 100
    made = sdk.uploader.upload(io.BytesIO(page), resource_type="raw", public_id=f"{name}/page.html", context="a=b")
    assert (made["resource_type"], made["bytes"], "width" in made, "format" in made) == ("raw", len(page), False, False)
    assert made["url"].endswith(f"/raw/upload/v{made['version']}/{name}/page.html")
    reply = stack.get(stack.path_of(made["url"]))
    assert (reply.status, reply.body, reply.headers["etag"]) == (200, page, f'"{made["etag"]}"')
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"] == 'attachment; filename="page.html"'
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == "default-src 'none'; sandbox"
    part = stack.get(f"/demo/raw/upload/{name}/page.html", Range="bytes=6-13")
    assert (part.status, part.body) == (206, b"<script>")
    assert stack.get(f"/demo/raw/upload/w_5/v1/{name}/page.html").status == 400
    shown = sdk.api.resource(f"{name}/page.html", resource_type="raw", faces=True)
    assert (shown["bytes"], shown["etag"]) == (len(page), made["etag"])
    sdk.uploader.add_tag(name, [f"{name}/page.html"], resource_type="raw")
    assert sdk.uploader.destroy(f"{name}/page.html", resource_type="raw")["result"] == "ok"
    assert stack.get(f"/demo/raw/upload/{name}/page.html").status == 404


def test_auto_tells_pictures_from_files_and_takes_no_torn_film(sdk, name: str) -> None:
    def auto(body: bytes, file_name: str) -> dict[str, Any]:
        made: dict[str, Any] = sdk.uploader.upload(
            io.BytesIO(body),
            resource_type="auto",
            filename=file_name,
            use_filename=True,
            unique_filename=False,
            folder=name,
        )
        return made

    assert [auto(PNG, "a.png")[key] for key in ("resource_type", "public_id")] == ["image", f"{name}/a"]
    assert [auto(b"PK text", "b.zip")[key] for key in ("resource_type", "public_id")] == ["raw", f"{name}/b.zip"]
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Unsupported video format or file"):
        auto(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "c.mp4")
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Invalid image file"):
        auto(PNG[:60], "d.png")
    with pytest.raises(cloudinary.exceptions.BadRequest, match="faces is not for raw files"):
        sdk.uploader.upload(io.BytesIO(b"x"), resource_type="raw", faces=True)


def test_a_file_comes_in_chunks_and_is_one_asset(sdk, stack: Stack, name: str) -> None:
    body = bytes(range(251)) * 2000
    made = sdk.uploader.upload_large(io.BytesIO(body), public_id=f"{name}.bin", chunk_size=200_000, tags=[name])
    assert (made["done"], made["bytes"], made["resource_type"]) == (True, len(body), "raw")
    assert stack.get(f"/demo/raw/upload/{name}.bin").body == body
    noise = io.BytesIO()
    Image.effect_noise((400, 300), 90).convert("RGB").save(noise, "PNG")
    noise.seek(0)
    shown = sdk.uploader.upload_large(
        noise, public_id=name, chunk_size=100_000, resource_type="image", filename=f"{name}.png"
    )
    assert (shown["format"], shown["width"], shown["public_id"]) == ("png", 400, name)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="File size too large"):
        sdk.uploader.upload_large(io.BytesIO(bytes(BYTES_MAX + 1)), chunk_size=500_000, resource_type="image")
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Invalid image file"):
        sdk.uploader.upload_large(io.BytesIO(body), chunk_size=300_000, resource_type="image")


def test_eager_renditions_are_made_with_the_upload_and_told_with_urls(sdk, stack: Stack, name: str) -> None:
    sdk.api.create_transformation(f"n{name}", "c_fill,h_10,w_10")
    wanted = [
        {"width": 32, "crop": "scale", "format": "jpg"},
        {"transformation": [f"n{name}"]},
        {"overlay": f"{name}-logo", "width": 8, "gravity": "north", "format": ""},
    ]
    put(sdk, f"{name}-logo", picture(color=(0, 0, 200)))
    made = put(sdk, name, eager=wanted)
    assert [(one["transformation"], one["width"], one["height"], one["format"]) for one in made["eager"]] == [
        ("c_scale,w_32", 32, 24, "jpg"),
        (f"t_n{name}", 10, 10, "png"),
        (f"g_north,l_{name}-logo,w_8", 64, 48, "png"),
    ]
    for one in made["eager"]:
        reply = stack.get(stack.path_of(one["secure_url"]))
        assert (reply.status, len(reply.body)) == (200, one["bytes"]), one
    put(sdk, f"{name}-seal", type="private")
    sealed = put(sdk, f"{name}-2", eager=[{"overlay": f"private:{name}-seal", "width": 8}])["eager"][0]
    assert stack.get(stack.path_of(sealed["url"])).status == 200
    listed = {one["transformation"] for one in sdk.api.resource(name)["derived"]}
    assert {"c_scale,w_32", "c_fill,h_10,w_10"} <= listed
    again = sdk.uploader.explicit(name, type="upload", eager=[{"width": 16, "crop": "scale"}], tags=["later"])
    assert (again["tags"], again["eager"][0]["width"], again["eager"][0]["url"].endswith(".png")) == (
        ["later"],
        16,
        True,
    )
    for wrong, said in (
        ({"crop": "explode"}, "Invalid transformation component - c_explode"),
        ({"overlay": f"{name}-none"}, f"Resource not found - {name}-none"),
        ({"raw_transformation": "t_none"}, "Invalid transformation component - t_none"),
    ):
        with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
            put(sdk, f"{name}-3", eager=[wrong])
        with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
            sdk.uploader.explicit(name, type="upload", eager=[wrong], tags=["never"])
    assert sdk.api.resource(name)["tags"] == ["later"]
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(f"{name}-3")


def test_eager_renditions_can_come_after_the_answer(sdk, stack: Stack, name: str) -> None:
    later: dict[str, Any] = {"eager_async": True}
    made = put(sdk, name, eager=[{"width": 20, "crop": "scale"}], **later)
    assert [(one["status"], one["transformation"]) for one in made["eager"]] == [("processing", "c_scale,w_20")]
    assert made["batch_id"] == made["eager"][0]["batch_id"]

    def derived() -> list[int]:
        return [one["width"] for one in sdk.api.resource(name)["derived"]]

    until(lambda: derived() == [20])
    sdk.uploader.explicit(name, type="upload", eager=[{"width": 21, "crop": "scale"}], **later)
    until(lambda: sorted(derived()) == [20, 21])


def test_what_is_kept_is_what_an_incoming_transformation_makes(sdk, stack: Stack, name: str) -> None:
    made = put(sdk, name, transformation=[{"width": 20, "crop": "scale"}, {"effect": "grayscale"}], format="jpg")
    assert (made["width"], made["height"], made["format"]) == (20, 15, "jpg")
    assert made["bytes"] < len(picture(size=(640, 480)))
    kept = Image.open(io.BytesIO(stack.get(f"/demo/image/upload/v1/{name}.jpg").body))
    red, green, blue = kept.convert("RGB").getpixel((10, 7))  # type: ignore[misc]
    assert abs(red - green) + abs(green - blue) < 9
    with pytest.raises(cloudinary.exceptions.BadRequest, match="a layer cannot become part of an original"):
        put(sdk, name, transformation=[{"overlay": name}])
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Invalid value for parameter format"):
        put(sdk, name, format="exe")


def fetched(url: str) -> requests.Response:
    """As whoever has the URL: its errors repeat to them what they asked for."""
    return requests.get(url, timeout=30)


def test_an_archive_is_handed_out_as_a_stream(sdk, stack: Stack, name: str) -> None:
    other = picture(color=(0, 0, 9))
    put(sdk, f"{name}/a", tags=[name], filename="Holiday.png")
    put(sdk, f"{name}/deep/a", other, tags=[name])
    sdk.uploader.upload(io.BytesIO(b"text"), resource_type="raw", public_id=f"{name}/b.txt")

    def names_in(url: str) -> dict[str, bytes]:
        reply = fetched(url)
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/zip"), reply.text
        assert reply.headers["cache-control"] == "private, no-store"
        with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
            assert archive.testzip() is None
            return {one: archive.read(one) for one in archive.namelist()}

    download = sdk.utils.download_zip_url
    assert names_in(download(tags=[name])) == {f"{name}/a.png": PNG, f"{name}/deep/a.png": other}
    assert set(names_in(download(tags=[name], flatten_folders=True))) == {"a.png", "a_1.png"}
    assert set(names_in(sdk.utils.download_folder(f"{name}/"))) == {
        f"{name}/a.png", f"{name}/deep/a.png", f"{name}/b.txt",
    }  # fmt: skip
    small = names_in(download(public_ids=[f"{name}/a"], transformations={"width": 8, "crop": "scale"}))
    assert [(one, Image.open(io.BytesIO(body)).size) for one, body in small.items()] == [
        (f"{name}/c_scale,w_8/a.png", (8, 6))
    ]
    packed = fetched(sdk.utils.download_archive_url(tags=[name], target_format="tgz"))
    with tarfile.open(fileobj=io.BytesIO(packed.content)) as archive:
        assert sorted(archive.getnames()) == [f"{name}/a.png", f"{name}/deep/a.png"]
    older = fetched(sdk.utils.zip_download_url(name, width=8, crop="scale"))
    with zipfile.ZipFile(io.BytesIO(older.content)) as zipped:
        assert len(zipped.namelist()) == 2
    gone = download(public_ids=[f"{name}/a", f"{name}/none"])
    assert fetched(gone).status_code == 404
    assert set(names_in(download(public_ids=[f"{name}/a", f"{name}/none"], allow_missing=True))) == {f"{name}/a.png"}
    assert fetched(download(tags=[name]).replace("tags", "tagz", 1)).status_code == 401
    assert fetched(download(tags=[name], expires_at=1)).status_code == 400


def test_an_archive_that_is_kept_goes_with_what_is_in_it(sdk, stack: Stack, name: str) -> None:
    put(sdk, f"{name}/a")
    put(sdk, f"{name}/b")
    kept = sdk.uploader.create_zip(prefixes=f"{name}/", target_public_id=f"{name}.zip", target_tags=[name])
    assert (kept["resource_type"], kept["resource_count"], kept["file_count"], kept["tags"]) == ("raw", 2, 2, [name])
    reply = stack.get(stack.path_of(kept["url"]))
    assert zipfile.ZipFile(io.BytesIO(reply.body)).namelist() == [f"{name}/a.png", f"{name}/b.png"]
    assert stack.get(stack.path_of(kept["url"])).cache == "hit"
    put(sdk, f"{name}/p", type="private")
    private = sdk.uploader.create_archive(
        fully_qualified_public_ids=[f"image/private/{name}/p", f"image/upload/{name}/b"], target_format="tgz"
    )
    assert (private["type"], private["file_count"]) == ("private", 2)
    assert stack.get(stack.path_of(private["url"])).status == 200
    assert stack.get(f"/demo/raw/private/v1/{private['public_id']}").status == 401
    sdk.uploader.destroy(f"{name}/a")
    assert stack.get(stack.path_of(kept["url"])).status == 404
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(f"{name}.zip", resource_type="raw")
    assert stack.get(f"/demo/image/upload/{name}/b.png").status == 200


def test_a_private_original_is_handed_out_by_a_signed_url_of_the_api(sdk, stack: Stack, name: str) -> None:
    put(sdk, name, type="private")
    url = sdk.utils.private_download_url(name, "png", type="private")
    reply = fetched(url)
    assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, PNG, "image/png")
    assert (reply.headers["cache-control"], "content-disposition" in reply.headers) == ("private, no-store", False)
    made = fetched(sdk.utils.private_download_url(name, "webp", type="private", attachment=True))
    assert (Image.open(io.BytesIO(made.content)).format, made.headers["content-type"]) == ("WEBP", "image/webp")
    assert made.headers["content-disposition"] == f'attachment; filename="{name}.webp"'
    assert fetched(url.replace("type=private", "type=upload")).status_code == 401
    assert fetched(sdk.utils.private_download_url(name, "png", type="private", expires_at=1)).status_code == 400


def test_a_text_is_drawn_and_kept_as_a_picture(sdk, stack: Stack, name: str) -> None:
    made = sdk.uploader.text("Grüße, a/b", public_id=name, font_family="Open Sans", font_size=40, font_color="#ff0000")
    assert (made["type"], made["format"], made["public_id"]) == ("text", "png", name)
    assert made["width"] > 100
    assert 20 < made["height"] < 80
    drawn = Image.open(io.BytesIO(stack.get(stack.path_of(made["url"])).body)).convert("RGBA")
    assert drawn.size == (made["width"], made["height"])
    pixels = np.asarray(drawn)
    opaque = pixels[pixels[..., 3] == 255]
    assert len(opaque) > 100
    assert (opaque[:, :3] == (255, 0, 0)).all()
    assert sdk.uploader.text("x")["height"] < made["height"]
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Unknown font"):
        sdk.uploader.text("x", font_family="Wingdings")
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Invalid value for parameter type"):
        put(sdk, name, type="text")
    assert sdk.uploader.destroy(name, type="text")["result"] == "ok"


def test_what_was_deleted_with_a_backup_is_delivered_again_once_it_is_restored_and_never_after_an_erase(
    stack: Stack, sdk, name: str
) -> None:
    made = put(sdk, name, backup=True)
    path = f"/demo/image/upload/w_20,c_scale/{name}.png"
    before = stack.get(path)
    assert before.status == 200
    sdk.api.delete_resources([name])
    assert stack.get(path).status == 404
    back = sdk.api.restore([name])[name]
    assert (back["etag"], back["version_id"] == made["version_id"]) == (made["etag"], False)
    until(lambda: stack.get(path).status == 200)  # an absence is remembered for seconds
    assert stack.get(path).body == before.body
    original = sdk.utils.private_download_url(name, "png", type="upload")
    assert requests.get(original, timeout=10).content == PNG
    erasure = {"mode": "erase", "selector[asset_id]": made["asset_id"], "timestamp": int(time.time())}
    assert sdk.uploader.call_api("erasures", erasure)["removed"]["versions"] == 2
    assert stack.get(path).status == 404
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.restore([name])


def test_what_is_restricted_is_delivered_by_no_edge_until_that_ends_and_then_as_it_was(
    stack: Stack, sdk, name: str
) -> None:
    put(sdk, name)
    path = f"/demo/image/upload/w_20,c_scale/{name}.png"
    until(lambda: stack.get(path).cache == "hit")
    before = stack.get(path)
    done = stack.run("erase", "--public-id", name, "--mode", "restrict", "--yes", "--wait", "30")
    assert done.returncode == 0, done.stderr
    assert {stack.get(path).status for _ in range(10)} == {404}
    done = stack.run("erase", "--public-id", name, "--mode", "unrestrict", "--yes", "--wait", "30")
    assert done.returncode == 0, done.stderr
    until(lambda: stack.get(path).status == 200)  # an absence is remembered for seconds
    assert stack.get(path).body == before.body
    held = stack.run("hold", "place", "--public-id", name, "--by", "Legal", "--reason", "case", "--json")
    assert sdk.uploader.destroy(name)["result"] == "ok"
    assert {stack.get(path).status for _ in range(10)} == {404}
    assert stack.run("hold", "lift", json.loads(held.stdout)["hold_id"]).returncode == 0
