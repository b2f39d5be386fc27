"""The unmodified SDK of PyPI against a really running origin: what a cloud keeps beside its assets."""

from __future__ import annotations

import io
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import cloudinary.exceptions
import pytest
from PIL import Image

from tests.infra.elsewhere import Elsewhere, running_elsewhere
from tests.integration.origin_process import OriginProcess, running_origin
from tests.integration.test_origin_wire import operate
from tests.integration.test_sdk_upload import PNG, picture


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


@contextmanager
def policy(origin: OriginProcess, more: str) -> Iterator[None]:
    """The strict one, with some more lines."""
    file = origin.data / "policies" / "demo.toml"
    strict = file.read_text()
    try:
        file.write_text(f"{strict}\n{more}\n")
        assert operate(origin, "POST", "/_admin/v1/policies") == (200, {"changed": ["demo"]})
        yield
    finally:
        file.write_text(strict)
        operate(origin, "POST", "/_admin/v1/policies")


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


def kinds(there: Elsewhere, path: str) -> list[str]:
    return [json.loads(body)["notification_type"] for asked, _, body in there.told if asked == path]


def test_notices_wait_for_who_cannot_be_called(sdk, name: str) -> None:
    def waiting(**where: str) -> list[dict]:
        return sdk.api.notifications(wait_seconds=0, **where).get("messages", [])

    channel = f"jobs.{secrets.token_hex(4)}"
    for uri, kind in (("poll://*", "poll"), ("poll://a/b", "poll"), (f"poll://{channel}", "webhook")):
        with pytest.raises(cloudinary.exceptions.BadRequest):
            sdk.api.create_trigger(uri, "upload", uri_type=kind)
    trigger = sdk.api.create_trigger(f"poll://{channel}", "upload", uri_type="poll")
    assert (trigger["uri"], trigger["uri_type"]) == (f"poll://{channel}", "poll")
    for one in (name, f"{name}-gone"):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=one)
    sdk.uploader.destroy(f"{name}-gone")
    [message] = sdk.api.notifications(channel=channel, visibility_timeout=600)["messages"]
    assert (message["payload"]["notification_type"], message["payload"]["public_id"]) == ("upload", name), (
        "what is gone is not told"
    )
    assert sdk.utils.verify_notification(message)
    assert waiting(channel=channel) == [], "somebody has it"
    told = sdk.api.ack_notifications([message["receipt_handle"], "0" * 32])["results"]
    assert [one["status"] for one in told] == ["acked", "not_found"]
    sdk.api.delete_trigger(trigger["id"])

    with pytest.raises(cloudinary.exceptions.Error, match="needs a batch_id"):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=name, notification_url="poll://*")
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name, notification_url="poll://*", batch_id=channel)
    [message] = sdk.api.notifications(batch_id=channel, visibility_timeout=1)["messages"]
    assert (message["batch_id"], message["payload"]["batch_id"]) == (channel, channel)
    [again] = sdk.api.notifications(batch_id=channel, wait_seconds=60)["messages"]
    assert again["receipt_handle"] == message["receipt_handle"], "what nobody acknowledges comes again"
    assert (waiting(channel=channel), waiting(batch_id="another")) == ([], [])


def test_triggers_are_told_of_what_they_ask_for_from_whatever_call(sdk, origin: OriginProcess, name: str) -> None:
    with running_elsewhere() as there, running_elsewhere() as unlisted:
        every, deletes, own = (there.put(f"/{name}/{one}", b"") for one in ("all", "delete", "own"))
        listed = f'[notifications]\nhosts = ["127.0.0.1:{there.port}"]\n[zones]\negress_webhook = ["eu-de"]\n'
        with policy(origin, listed):
            with pytest.raises(cloudinary.exceptions.BadRequest, match="uri: the host is not one that"):
                sdk.api.create_trigger(unlisted.address("/"), "all")
            with pytest.raises(cloudinary.exceptions.BadRequest, match="event_type"):
                sdk.api.create_trigger(every, "publish")
            made = sdk.api.create_trigger(every, "all")
            assert (made["uri"], made["event_type"], made["uri_type"]) == (every, "all", "webhook")
            with pytest.raises(cloudinary.exceptions.AlreadyExists):
                sdk.api.create_trigger(every, "all")
            second = sdk.api.create_trigger(every, "delete")
            assert sdk.api.update_trigger(second["id"], deletes)["message"] == "updated"
            assert [one["uri"] for one in sdk.api.triggers(event_type="delete")["triggers"]] == [deletes]
            assert sdk.api.test_trigger(made["id"], {"x": {"y": 1}})["filter_result"] is True
            sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
            sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}b", notification_url=own)
            sdk.api.update(name, tags=["a"], context={"b": "c"})
            sdk.api.create_folder(name)
            there.wait_until_told(5)  # before the end: of what is gone nothing else is told
            assert sdk.api.delete_resources([name, f"{name}b"])["deleted"] == {name: "deleted", f"{name}b": "deleted"}
            there.wait_until_told(7)
            assert sdk.api.triggers()["total"] == 2
            for one in (made, second):
                sdk.api.delete_trigger(one["id"])
            with pytest.raises(cloudinary.exceptions.NotFound):
                sdk.api.delete_trigger(made["id"])
            sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}c")
    assert sorted(kinds(there, f"/{name}/all")) == [
        "create_folder", "delete", "resource_context_changed", "resource_tags_changed", "upload",
    ]  # fmt: skip
    assert kinds(there, f"/{name}/own") == ["upload"]
    assert kinds(there, f"/{name}/delete") == ["delete"]
    gone = next(json.loads(body) for path, _, body in there.told if path == f"/{name}/delete")
    assert {row["public_id"] for row in gone["resources"]} == {name, f"{name}b"}
    assert unlisted.told == []


def test_upload_mappings_are_kept_where_the_policy_lets_be_fetched(sdk, origin: OriginProcess, name: str) -> None:
    with running_elsewhere() as there:
        template = there.address("/media/")
        with pytest.raises(cloudinary.exceptions.BadRequest, match="template: the host is not in this cloud's list"):
            sdk.api.create_upload_mapping(name, template=template)
        listed = f'[zones]\ningress_fetch = ["eu-de"]\n[remote]\nhosts = ["127.0.0.1:{there.port}"]'
        with policy(origin, listed):
            for wrong in (f"{template}#x", "ftp://127.0.0.1/x/", "media/"):
                with pytest.raises(cloudinary.exceptions.BadRequest, match="template"):
                    sdk.api.create_upload_mapping(name, template=wrong)
            assert sdk.api.create_upload_mapping(name, template=template)["message"] == "created"
            with pytest.raises(cloudinary.exceptions.AlreadyExists):
                sdk.api.create_upload_mapping(name, template=template)
            sdk.api.create_upload_mapping(f"{name}/deep", template=template)
            first = sdk.api.upload_mappings(max_results=1)
            assert [one["folder"] for one in first["mappings"]] == [name]
            more = sdk.api.upload_mappings(max_results=1, next_cursor=first["next_cursor"])
            assert ([one["folder"] for one in more["mappings"]], "next_cursor" in more) == ([f"{name}/deep"], False)
            sdk.api.update_upload_mapping(name, template=f"{template}new/")
            assert sdk.api.upload_mapping(name)["template"] == f"{template}new/"
            for folder in (name, f"{name}/deep"):
                sdk.api.delete_upload_mapping(folder)
            with pytest.raises(cloudinary.exceptions.NotFound):
                sdk.api.upload_mapping(name)


def test_transformations_without_a_name_are_listed_shown_allowed_and_deleted(sdk, name: str) -> None:
    text, width = f"c_scale,e_blur:{int(name[1:5], 16) % 1000 + 1},w_9", {"quality": 71}
    for n in range(2):
        made = sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}{n}", eager=[f"{text}/jpg", f"{text}/png", width])
    assert len(made["eager"]) == 3
    rows: list[dict] = []
    cursor = None
    while cursor is not None or not rows:
        page = sdk.api.transformations(max_results=1, next_cursor=cursor)
        rows += page["transformations"]
        cursor = page.get("next_cursor")
    assert names(rows).count(text) == 1
    (row,) = [row for row in rows if row["name"] == text]
    assert row == {"name": text, "allowed_for_strict": False, "used": True, "named": False}
    assert text not in names(sdk.api.transformations(named=True, max_results=500)["transformations"])
    first = sdk.api.transformation(text, max_results=3)
    rest = sdk.api.transformation(text, max_results=3, next_cursor=first["next_cursor"])
    derived = first["derived"] + rest["derived"]
    assert {(one["public_id"], one["format"]) for one in derived} == {
        (f"{name}{n}", kind) for n in range(2) for kind in ("jpg", "png")
    }
    assert (len(derived), "next_cursor" in rest) == (4, False)
    assert sdk.api.update_transformation(text, allowed_for_strict=True)["message"] == "updated"
    assert sdk.api.transformation(text)["allowed_for_strict"] is True
    listed = names(sdk.api.transformations(max_results=500)["transformations"])
    assert listed.count(text) == 1
    sdk.api.create_transformation(f"{name}part", text)
    sdk.api.create_transformation(f"{name}idle", "c_scale,w_7/e_sepia:7")
    assert sdk.api.transformation(f"{name}part")["used"] is True
    assert len(sdk.api.transformation(f"{name}part")["derived"]) == 4
    assert sdk.api.transformation(f"{name}idle")["used"] is False
    with pytest.raises(cloudinary.exceptions.BadRequest, match="only allowed_for_strict"):
        sdk.api.update_transformation(text, unsafe_update="w_5")
    assert sdk.api.delete_transformation(text)["domicile"]["fenced"] is True
    for gone in (sdk.api.transformation, sdk.api.delete_transformation):
        with pytest.raises(cloudinary.exceptions.NotFound, match="Transformation not found"):
            gone(text)
    assert [one["transformation"] for one in sdk.api.resource(f"{name}0")["derived"]] == ["q_71"]
    for one in ("part", "idle"):
        sdk.api.delete_transformation(f"{name}{one}")


def animation(*colors: tuple[int, int, int]) -> bytes:
    frames = [Image.new("RGB", (8, 6), color) for color in colors]
    body = io.BytesIO()
    frames[0].save(body, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return body.getvalue()


def test_pages_are_made_one_by_one_and_told(sdk, origin: OriginProcess, name: str) -> None:
    sdk.uploader.upload(io.BytesIO(animation((255, 0, 0), (0, 255, 0), (0, 0, 255))), public_id=name)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="must have pg_all"):
        sdk.uploader.explode(name, width=4, crop="scale")
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.uploader.explode(f"{name}-nobody", page="all")
    with running_elsewhere() as there:
        hook = there.put(f"/{name}", b"")
        listed = f'[notifications]\nhosts = ["127.0.0.1:{there.port}"]\n[zones]\negress_webhook = ["eu-de"]\n'
        with policy(origin, listed):
            made = sdk.uploader.explode(name, page="all", width=4, crop="scale", format="png", notification_url=hook)
            there.wait_until_told(1)
    assert (made["status"], len(made["batch_id"])) == ("processing", 32)
    [word] = [json.loads(body) for _, _, body in there.told]
    assert (word["notification_type"], word["batch_id"], word["public_id"]) == ("explode", made["batch_id"], name)
    derived = {(one["transformation"], one["format"]) for one in sdk.api.resource(name)["derived"]}
    assert derived == {(f"c_scale,pg_{n},w_4", "png") for n in (1, 2, 3)}


def test_what_is_not_supported_is_said_by_name(sdk, origin: OriginProcess) -> None:
    for ask, what in (
        (sdk.api.list_streaming_profiles, "streaming_profiles"),
        (lambda: sdk.api.get_streaming_profile("hd"), "streaming_profiles"),
        (lambda: sdk.uploader.create_slideshow(manifest_json={"w": 1}), "create_slideshow"),
        (lambda: sdk.api.visual_search(text="cats"), "visual_search"),
        (lambda: sdk.api.analyze("uri", "captioning", uri="https://x.example/a"), "analysis"),
    ):
        with pytest.raises(cloudinary.exceptions.NotFound, match=f"{what} is not supported"):
            ask()


def colored(sdk, public_id: str, color: tuple[int, int, int], size: tuple[int, int], **options) -> None:
    sdk.uploader.upload(io.BytesIO(picture("PNG", size, color)), public_id=public_id, **options)


def test_a_sprite_is_made_of_all_with_a_tag_and_goes_with_any_of_them(sdk, origin: OriginProcess, name: str) -> None:
    colored(sdk, f"{name}/b", (0, 0, 255), (10, 30), tags=[name])
    colored(sdk, f"{name}/a", (255, 0, 0), (40, 20), tags=[name])
    made = sdk.uploader.generate_sprite(tag=name, width=20, crop="scale", public_id=f"{name}-s")
    assert (made["public_id"], made["type"], made["format"]) == (f"{name}-s", "sprite", "png")
    assert made["image_infos"] == {
        f"{name}/a": {"width": 20, "height": 10, "x": 0, "y": 0},
        f"{name}/b": {"width": 20, "height": 60, "x": 0, "y": 10},
    }
    assert (made["width"], made["height"]) == (20, 70)
    # The sheet has a version of its own: a second may have begun since the picture's.
    assert re.search(rf"/raw/sprite/v\d+/{name}-s\.css$", made["css_url"])
    address = sdk.uploader.download_generated_sprite(tag=name, width=20, crop="scale")
    answer = origin.request("GET", address[address.index("/v1_1") :])
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.body)) as sheet:
        assert [sheet.convert("RGB").getpixel(at) for at in ((5, 5), (5, 40))] == [(255, 0, 0), (0, 0, 255)]
    kept = [("image", f"{name}-s"), ("raw", f"{name}-s.css"), ("raw", f"{name}-s.json")]
    for kind, public_id in kept:
        assert sdk.api.resource(public_id, resource_type=kind, type="sprite")["bytes"] > 0
    sdk.uploader.destroy(f"{name}/a")
    for kind, public_id in kept:
        with pytest.raises(cloudinary.exceptions.NotFound):
            sdk.api.resource(public_id, resource_type=kind, type="sprite")


def test_an_animation_is_made_of_all_with_a_tag(sdk, origin: OriginProcess, name: str) -> None:
    for n, color in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255))):
        colored(sdk, f"{name}{n}", color, (8, 8 + n), tags=[name])
    made = sdk.uploader.multi(tag=name, delay=70)
    assert (made["public_id"], made["type"], made["format"], made["pages"]) == (name, "multi", "gif", 3)
    assert sdk.uploader.multi(tag=name, format="webp")["format"] == "webp"
    address = sdk.uploader.download_multi(tag=name, delay=70)
    body = origin.request("GET", address[address.index("/v1_1") :]).body
    with Image.open(io.BytesIO(body)) as film:
        assert (film.format, getattr(film, "n_frames", 1), film.size, film.info["duration"]) == ("GIF", 3, (8, 10), 70)
    for wrong, why in (({"format": "mp4"}, "mp4 cannot be made"), ({"raw_transformation": "dl_0"}, "delay")):
        with pytest.raises(cloudinary.exceptions.BadRequest, match=why):
            sdk.uploader.multi(tag=name, **wrong)
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.uploader.multi(tag=f"{name}-nobody")
    urls = [sdk.api.resource(f"{name}{n}")["url"] for n in (2, 0)]
    made = sdk.uploader.multi(urls=[urls[0].replace("/upload/", "/upload/c_scale,h_5,w_4/"), urls[1]], format="png")
    assert (made["type"], made["pages"], made["width"], made["height"]) == ("multi", 2, 8, 8)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="urls: must be delivery URLs"):
        sdk.uploader.multi(urls=["https://x.example/a.png"])


def test_nothing_that_is_not_for_everybody_becomes_part_of_what_is(sdk, name: str) -> None:
    colored(sdk, f"{name}a", (255, 0, 0), (8, 8), tags=[name])
    colored(sdk, f"{name}p", (255, 0, 0), (8, 8), tags=[name], type="private")
    assert sdk.uploader.multi(tag=name)["pages"] == 1
    colored(sdk, f"{name}r", (255, 0, 0), (8, 8), tags=[name], access_control=[{"access_type": "token"}])
    for make in (sdk.uploader.multi, sdk.uploader.generate_sprite):
        with pytest.raises(cloudinary.exceptions.BadRequest, match="everybody may see"):
            make(tag=name)
