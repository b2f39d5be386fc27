"""The unmodified SDK of PyPI against a really running origin: uploads, management, Admin API, errors."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import cloudinary.exceptions
import pytest
from PIL import Image

from deploy import verify_receipt
from domicile.cli.verify import verifier_of
from domicile.media import merkle
from domicile.media.receipt import read_receipt
from domicile.media.statement import canonical
from tests.corpus import require_corpus
from tests.infra import postgres
from tests.infra.elsewhere import running_elsewhere
from tests.integration.origin_process import EDGE, OriginProcess, running_origin
from tests.integration.test_origin_wire import operate
from tests.pictures.people import CLEAR


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), color: tuple[int, ...] = (200, 30, 30)) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", size, color).save(body, kind)
    return body.getvalue()


PNG = picture()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, database: postgres.Rows | None) -> Iterator[OriginProcess]:
    with running_origin(
        tmp_path_factory.mktemp("origin"),
        **(database.environment if database is not None else {}),
        DOMICILE_ORIGIN_UPLOAD_UPLOAD_BYTES_MAX="2000000",
        DOMICILE_ORIGIN_REMOTE_PRIVATE_HOSTS="127.0.0.1",
    ) as running:
        yield running


@pytest.fixture
def sdk(origin: OriginProcess):
    return origin.sdk()


@pytest.fixture
def name() -> str:
    return f"t{secrets.token_hex(6)}"


def test_the_answer_has_the_shape_that_clients_read(sdk, origin: OriginProcess, name: str) -> None:
    answer = sdk.uploader.upload(
        io.BytesIO(PNG), public_id=f"people/{name}", tags=["one", "two"], context={"alt": "a=b|c"}
    )
    version = answer["version"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer["asset_id"])
    assert re.fullmatch(r"[0-9a-f]{32}", answer["version_id"])
    assert answer["asset_id"] != answer["version_id"]
    assert abs(version - time.time()) < 60
    key, secret = origin.credentials
    signed = f"public_id=people/{name}&version={version}{secret}"
    wanted = {
        "public_id": f"people/{name}",
        "signature": hashlib.sha1(signed.encode()).hexdigest(),
        "width": 64,
        "height": 48,
        "format": "png",
        "resource_type": "image",
        "type": "upload",
        "bytes": len(PNG),
        "etag": hashlib.md5(PNG).hexdigest(),
        "placeholder": False,
        "tags": ["one", "two"],
        "context": {"custom": {"alt": "a=b|c"}},
        "folder": "people",
        "display_name": name,
        "original_filename": "stream",
        "access_mode": "public",
        "overwritten": False,
        "api_key": key,
        "url": f"http://{EDGE}/demo/image/upload/v{version}/people/{name}.png",
        "secure_url": f"http://{EDGE}/demo/image/upload/v{version}/people/{name}.png",
    }
    assert {field: answer.get(field) for field in wanted} == wanted
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["created_at"])
    assert answer["request_id"]
    assert answer["domicile"]["fenced"] is True
    assert sdk.utils.verify_api_response_signature(answer["public_id"], version, answer["signature"])


def test_the_url_is_what_the_sdk_itself_would_build(sdk, name: str) -> None:
    answer = sdk.uploader.upload(io.BytesIO(PNG), public_id=f"ü {name}(1)")
    built, _ = sdk.utils.cloudinary_url(answer["public_id"], format="png", version=answer["version"])
    assert answer["url"] == built


def test_an_authenticated_asset_gets_a_signed_url(sdk, name: str) -> None:
    answer = sdk.uploader.upload(io.BytesIO(PNG), public_id=name, type="authenticated")
    built, _ = sdk.utils.cloudinary_url(
        name, format="png", version=answer["version"], type="authenticated", sign_url=True
    )
    assert (answer["url"], answer["access_mode"]) == (built, "authenticated")


@pytest.mark.parametrize("how", ["path", "bytes", "file object", "data URI", "pathlib", "auto", "webp"])
def test_every_way_to_hand_over_a_file(sdk, tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / "holiday photo.png"
    path.write_bytes(PNG)
    options = {"public_id": name, "resource_type": "auto" if how == "auto" else "image"}
    body = picture("WEBP") if how == "webp" else PNG
    given = {
        "path": str(path),
        "auto": str(path),
        "bytes": PNG,
        "file object": io.BytesIO(PNG),
        "data URI": "data:image/png;base64," + base64.b64encode(PNG).decode(),
        "pathlib": path,
        "webp": body,
    }[how]
    answer = sdk.uploader.upload(given, **options)
    assert (answer["etag"], answer["resource_type"]) == (hashlib.md5(body).hexdigest(), "image")
    assert answer["format"] == ("webp" if how == "webp" else "png")


def test_a_name_is_made_up_when_none_is_given(sdk) -> None:
    one, two = (sdk.uploader.upload(io.BytesIO(PNG))["public_id"] for _ in range(2))
    assert one != two
    assert re.fullmatch(r"[a-z0-9]{20}", one)


def test_the_file_name_can_be_the_name(sdk, tmp_path: Path) -> None:
    stem = f"Holiday {secrets.token_hex(4)}"
    path = tmp_path / f"{stem}.png"
    path.write_bytes(PNG)
    plain = sdk.uploader.upload(str(path), use_filename=True, unique_filename=False, folder="trip")
    assert plain["public_id"] == f"trip/{stem.replace(' ', '_')}"
    assert (plain["asset_folder"], plain["original_filename"]) == ("trip", stem)
    unique = sdk.uploader.upload(str(path), use_filename=True)
    assert re.fullmatch(rf"{stem.replace(' ', '_')}_[a-z0-9]{{6}}", unique["public_id"])
    named = sdk.uploader.upload(
        io.BytesIO(PNG), use_filename=True, unique_filename=False, filename_override=f"o{stem}.x"
    )
    assert named["public_id"] == f"o{stem.replace(' ', '_')}"


def test_overwriting_keeps_the_asset_and_changes_the_version(sdk, name: str) -> None:
    first = sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    kept = sdk.uploader.upload(io.BytesIO(picture(color=(0, 0, 9))), public_id=name, overwrite=False)
    assert (kept["existing"], kept["etag"], kept["version_id"]) == (True, first["etag"], first["version_id"])
    second = sdk.uploader.upload(io.BytesIO(picture(color=(0, 0, 9))), public_id=name)
    assert (second["overwritten"], second["asset_id"]) == (True, first["asset_id"])
    assert second["version_id"] != first["version_id"]
    assert second["version"] > first["version"]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("version", [1, 2])
def test_every_signature_of_the_sdk_is_taken(sdk, name: str, algorithm: str, version: int) -> None:
    answer = sdk.uploader.upload(
        io.BytesIO(PNG),
        public_id=name,
        context={"k": "a&b=c"},
        signature_algorithm=algorithm,
        signature_version=version,
    )
    assert answer["context"]["custom"] == {"k": "a&b=c"}


def test_destroy_frees_the_name_at_once(sdk, name: str) -> None:
    first = sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    gone = sdk.uploader.destroy(name, invalidate=True)
    assert (gone["result"], gone["domicile"]["fenced"]) == ("ok", True)
    assert sdk.uploader.destroy(name)["result"] == "not found"
    again = sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    assert again["asset_id"] != first["asset_id"]
    assert sdk.uploader.destroy(name)["result"] == "ok"


def test_rename(sdk, name: str) -> None:
    first = sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}-taken")
    with pytest.raises(cloudinary.exceptions.BadRequest, match="already exists"):
        sdk.uploader.rename(name, f"{name}-taken")
    with pytest.raises(cloudinary.exceptions.NotFound, match=f"Resource not found - {name}-missing"):
        sdk.uploader.rename(f"{name}-missing", f"{name}-new")
    moved = sdk.uploader.rename(name, f"{name}-taken", overwrite=True, to_type="private")
    assert (moved["public_id"], moved["type"], moved["asset_id"]) == (f"{name}-taken", "private", first["asset_id"])
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name)


def test_explicit_selects_by_type_and_never_publishes(sdk, name: str) -> None:
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name, type="private")
    kept = sdk.uploader.explicit(name, tags=["x"], context={"a": "b"})
    assert (kept["type"], kept["tags"], kept["context"]["custom"]) == ("private", ["x"], {"a": "b"})
    with pytest.raises(cloudinary.exceptions.NotFound, match=f"Resource not found - {name}"):
        sdk.uploader.explicit(name, type="upload", tags=["published"])
    assert sdk.api.resource(name, type="private")["tags"] == ["x"]
    changed = sdk.uploader.explicit(name, type="authenticated")
    assert (changed["type"], changed["tags"]) == ("authenticated", ["x"])
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name, type="private")
    with pytest.raises(cloudinary.exceptions.BadRequest, match="c_explode"):
        sdk.uploader.explicit(name, type="authenticated", eager=[{"crop": "explode"}])
    assert sdk.uploader.rename(name, name, type="authenticated", to_type="upload")["type"] == "upload"


def test_an_explicit_call_is_whole_or_nothing(sdk, name: str) -> None:
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Tag is too long"):
        sdk.uploader.explicit(name, type="private", tags=["x" * 300])
    assert sdk.api.resource(name)["type"] == "upload"


def test_tags_added_at_once_are_all_there(sdk, name: str) -> None:
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: sdk.uploader.add_tag(f"t{number}", [name]), range(12)))
    assert sorted(sdk.api.resource(name)["tags"]) == sorted(f"t{number}" for number in range(12))


def test_tags_and_context(sdk, name: str) -> None:
    tag = f"tag-{name}"
    for suffix in "ab":
        sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}{suffix}")
    both = [f"{name}a", f"{name}b"]
    assert sdk.uploader.add_tag(tag, [*both, "missing"])["public_ids"] == both
    assert {row["public_id"] for row in sdk.api.resources_by_tag(tag)["resources"]} == set(both)
    sdk.uploader.add_tag(tag, [both[0]], exclusive=True)
    assert [row["public_id"] for row in sdk.api.resources_by_tag(tag)["resources"]] == [both[0]]
    assert tag in sdk.api.tags(prefix="tag-", max_results=500)["tags"]
    sdk.uploader.replace_tag("other", both)
    sdk.uploader.remove_tag("other", [both[1]])
    assert [sdk.api.resource(one).get("tags") for one in both] == [["other"], None]
    sdk.uploader.remove_all_tags(both)
    sdk.uploader.add_context({"k": "v"}, both)
    assert sdk.api.resource(both[0])["context"]["custom"] == {"k": "v"}
    sdk.uploader.remove_all_context(both)
    assert "context" not in sdk.api.resource(both[0])


def test_the_admin_api_reads(sdk, name: str) -> None:
    assert sdk.api.ping()["status"] == "ok"
    assert sdk.api.config(settings=True)["settings"] == {"folder_mode": "dynamic"}
    assert sdk.api.usage()["resources"] > 0
    ids = [f"{name}/{number}" for number in range(5)]
    uploaded = [sdk.uploader.upload(io.BytesIO(PNG), public_id=one, tags=[name]) for one in ids]
    listed = sdk.api.resources(type="upload", prefix=f"{name}/", max_results=2, direction="asc", tags=True)
    assert [row["public_id"] for row in listed["resources"]] == ids[:2]
    assert listed["resources"][0]["tags"] == [name]
    assert listed.rate_limit_remaining > 0
    assert listed.rate_limit_reset_at is not None
    seen = [row["public_id"] for row in listed["resources"]]
    while "next_cursor" in listed:
        cursor = listed["next_cursor"]
        listed = sdk.api.resources(type="upload", prefix=f"{name}/", max_results=2, direction="asc", next_cursor=cursor)
        seen += [row["public_id"] for row in listed["resources"]]
    assert seen == ids
    by_ids = sdk.api.resources_by_ids([ids[3], "missing"])["resources"]
    assert [row["public_id"] for row in by_ids] == [ids[3]]
    by_asset = sdk.api.resources_by_asset_ids([uploaded[1]["asset_id"]])["resources"]
    assert [row["public_id"] for row in by_asset] == [ids[1]]
    assert len(sdk.api.resources_by_tag(name, max_results=500)["resources"]) == 5
    one = sdk.api.resource(ids[2])
    assert (one["asset_id"], one["derived"], one["bytes"]) == (uploaded[2]["asset_id"], [], len(PNG))
    assert sdk.api.resource_by_asset_id(uploaded[2]["asset_id"])["public_id"] == ids[2]
    fields = sdk.api.resources_by_ids([ids[0]], fields=["bytes", "tags"])["resources"][0]
    assert set(fields) == {"asset_id", "public_id", "resource_type", "type", "bytes", "tags"}


def test_the_admin_api_updates_and_deletes(sdk, name: str) -> None:
    ids = [f"{name}/{number}" for number in range(4)]
    uploaded = [sdk.uploader.upload(io.BytesIO(PNG), public_id=one, tags=[name]) for one in ids]
    assert sdk.api.update(ids[0], tags="p,q", context={"a": "1"})["tags"] == ["p", "q"]
    by_id = sdk.api.delete_resources([ids[0], "missing"])
    assert by_id["deleted"] == {ids[0]: "deleted", "missing": "not_found"}
    assert by_id["deleted_counts"] == {ids[0]: {"original": 1, "derived": 0}}
    assert by_id["partial"] is False
    by_asset = sdk.api.delete_resources_by_asset_ids([uploaded[1]["asset_id"]])
    assert list(by_asset["deleted"].values()) == ["deleted"]
    assert sdk.api.delete_resources_by_tag(name)["deleted"] == {ids[2]: "deleted", ids[3]: "deleted"}
    sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}/again")
    assert sdk.api.delete_resources_by_prefix(f"{name}/")["deleted"] == {f"{name}/again": "deleted"}
    assert sdk.api.resources(type="upload", prefix=f"{name}/")["resources"] == []


def test_a_delete_finds_the_last_of_many_names(sdk, name: str) -> None:
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    deleted = sdk.api.delete_resources([*(f"{name}-{number}" for number in range(600)), name])
    assert (deleted["deleted"][name], deleted["partial"]) == ("deleted", False)
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name)
    with pytest.raises(cloudinary.exceptions.BadRequest):
        sdk.api.delete_resources([f"{name}-{number}" for number in range(1001)])


def test_an_erasure_leaves_a_statement_that_verifies(sdk, origin: OriginProcess, name: str) -> None:
    from cloudinary.api_client.call_api import call_json_api

    from tests.infra.statement_reader import check

    sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    preview = call_json_api("post", ["erasures"], {"selector": {"public_id": name}, "mode": "dry_run"})
    assert [row["public_id"] for row in preview["assets"]] == [name]
    assert (preview["total_count"], preview["cut"]) == (1, False)
    wanted = {"selector": {"public_id": name}, "mode": "erase", "request_id": f"r-{name}"}
    statement = dict(call_json_api("post", ["erasures"], wanted))
    assert dict(call_json_api("post", ["erasures"], wanted)) == statement
    assert dict(call_json_api("get", ["erasures", statement["erasure_id"]], {})) == statement
    assert statement["status_url"] == f"/v1_1/demo/erasures/{statement['erasure_id']}"
    keys = origin.request("GET", "/.well-known/domicile/receipt-keys").json()
    assert check(json.dumps(statement), keys["statement"])["outcome"] == "erased"
    receipt = dict(call_json_api("get", ["erasures", statement["erasure_id"], "receipt"], {}))
    assert verify_receipt.verify(receipt, keys) == statement
    assert read_receipt(receipt, verifier_of(json.dumps(keys).encode()))["outcome"] == "erased"
    note = origin.request("GET", "/.well-known/domicile/log/checkpoint").body.decode()
    assert note.split("\n")[0] == keys["log"]["name"]
    size = int(note.split("\n")[1])
    proof = origin.request("GET", f"/.well-known/domicile/log/consistency?from=1&to={size}").json()["proof"]
    leaves = origin.request("GET", "/.well-known/domicile/log/leaves?start=0&end=1").json()["leaves"]
    roots = [merkle.leaf_hash(canonical(leaves[0])), base64.b64decode(note.split("\n")[2])]
    assert merkle.is_extended(1, size, [*map(base64.b64decode, proof)], *roots)
    assert name not in json.dumps(origin.request("GET", f"/.well-known/domicile/log/leaves?start=0&end={size}").json())
    assert name not in repr(statement)
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name)
    with pytest.raises(cloudinary.exceptions.NotFound):
        call_json_api("post", ["erasures"], {"selector": {"public_id": name}, "mode": "erase"})
    with pytest.raises(cloudinary.exceptions.NotFound):
        call_json_api("get", ["erasures", "0" * 32], {})


def test_an_asset_is_restricted_held_and_erased_in_the_end(sdk, name: str) -> None:
    from cloudinary.api_client.call_api import call_json_api

    def erasures(mode: str, **more: Any) -> dict[str, Any]:
        return dict(call_json_api("post", ["erasures"], {"selector": {"public_id": name}, "mode": mode, **more}))

    sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    assert erasures("restrict")["state"] == "restricted"
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="may not be replaced now"):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    assert erasures("unrestrict")["state"] == "unrestricted"
    asset_id = sdk.api.resource(name)["asset_id"]

    waiting = erasures("erase", grace=3600)
    assert (waiting["state"], waiting["outcome"]) == ("restricted", "waiting")
    kept = dict(call_json_api("get", ["erasures", waiting["erasure_id"]], {}))["places"][0]
    assert (kept["state"], kept["evidence"]) == ("kept", "")
    assert dict(call_json_api("delete", ["erasures", waiting["erasure_id"]], {}))["state"] == "cancelled"
    assert sdk.api.resource(name)["asset_id"] == asset_id
    with pytest.raises(cloudinary.exceptions.BadRequest, match="cannot be cancelled"):
        call_json_api("delete", ["erasures", waiting["erasure_id"]], {})
    with pytest.raises(cloudinary.exceptions.BadRequest, match="does not wait for an approval"):
        call_json_api("post", ["erasures", waiting["erasure_id"], "approve"], {})
    with pytest.raises(cloudinary.exceptions.BadRequest, match="are for mode erase alone"):
        erasures("restrict", grace=1)

    wanted = {"selector": {"public_id": name}, "placed_by": "Legal", "reason": "case 17"}
    hold = call_json_api("post", ["holds"], wanted)["hold_id"]
    assert [one["reason"] for one in call_json_api("get", ["holds"], {})["holds"] if one["hold_id"] == hold] == [
        "case 17"
    ]
    blocked = erasures("erase")
    assert blocked["state"] == "blocked_by_hold"
    call_json_api("delete", ["holds", hold], {})
    assert dict(call_json_api("get", ["erasures", blocked["erasure_id"]], {}))["outcome"] == "erased"
    with pytest.raises(cloudinary.exceptions.NotFound):
        call_json_api("delete", ["holds", hold], {})


def test_a_signed_call_may_erase_one_asset_and_no_more(sdk, name: str) -> None:
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name, tags=[name])
    stamp = int(time.time())
    for selector in ("tag", "subject", "search"):
        with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="need Basic"):
            sdk.uploader.call_api("erasures", {"timestamp": stamp, f"selector[{selector}]": name, "mode": "erase"})
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="need Basic"):
        sdk.uploader.call_api("erasures", {"timestamp": stamp, "selector[tenant]": "demo", "mode": "erase"})
    with pytest.raises(cloudinary.exceptions.BadRequest, match="must be the name of this cloud"):
        sdk.uploader.call_api("erasures", {"timestamp": stamp, "selector[tenant]": "another", "mode": "erase"})
    statement = sdk.uploader.call_api(
        "erasures", {"timestamp": stamp, "selector[public_id]": name, "mode": "erase", "request_id": name}
    )
    assert statement["signature"]


def test_an_erase_by_person_or_search_takes_what_is_about_them(sdk, name: str) -> None:
    from cloudinary.api_client.call_api import call_json_api

    for asset, person in ((f"{name}-a", name), (f"{name}-b", name), (f"{name}-c", "somebody-else")):
        said = {"timestamp": int(time.time()), "public_id": asset, "tags": asset, "subject_ids": person}
        sdk.uploader.call_api("upload", said, file=io.BytesIO(PNG))
    selector = {"search": f'tags="{name}-a" AND subject:"{name}"'}
    preview = call_json_api("post", ["erasures"], {"selector": selector, "mode": "dry_run"})
    assert [asset["public_id"] for asset in preview["assets"]] == [f"{name}-a"]
    erase = {"mode": "erase", "selector": selector}
    assert call_json_api("post", ["erasures"], erase)["removed"]["versions"] == 1
    statement = call_json_api("post", ["erasures"], {"mode": "erase", "selector": {"subject": f" {name} "}})
    assert statement["removed"]["versions"] == 1
    assert name not in repr(dict(statement))
    assert sdk.api.resource(f"{name}-c")["public_id"] == f"{name}-c"
    for selector, text in (
        ({"search": " "}, "would mean everything"),
        ({"subject": " "}, r"selector\[subject\]"),
        ({"public_id": name, "versions": "some"}, "all or current"),
        ({"subject": name, "search": name}, "selector with one of"),
    ):
        with pytest.raises(cloudinary.exceptions.BadRequest, match=text):
            call_json_api("post", ["erasures"], {"mode": "erase", "selector": selector})


@pytest.mark.parametrize(
    ("endpoint", "extra", "text"),
    [
        ("erasures", {}, "Unknown parameter - public_id"),
        ("erasures", {"tags": "a"}, "Unknown parameter"),
        ("destroy", {"tags": "a"}, "Unknown parameter - tags"),
        ("destroy", {"folder": "a"}, "Unknown parameter - folder"),
        ("rename", {"from_public_id": "a", "to_public_id": "b"}, "Unknown parameter - public_id"),
    ],
)
def test_a_signature_that_was_made_for_an_upload_deletes_nothing(
    sdk, name: str, endpoint: str, extra: dict, text: str
) -> None:
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    with pytest.raises(cloudinary.exceptions.BadRequest, match=text):
        sdk.uploader.call_api(endpoint, {"timestamp": int(time.time()), "public_id": name, **extra})
    assert sdk.api.resource(name)["public_id"] == name


@pytest.mark.parametrize("missing", ["mode", "selector[public_id]"])
def test_an_erasure_has_no_defaults(sdk, name: str, missing: str) -> None:
    wanted = {"timestamp": int(time.time()), "selector[public_id]": name, "mode": "erase"}
    del wanted[missing]
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Missing required parameter"):
        sdk.uploader.call_api("erasures", wanted)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_the_sdk_verifies_the_answer_with_the_hash_that_it_signs_with(sdk, name: str, algorithm: str) -> None:
    def verified(answer: dict) -> bool:
        return bool(
            sdk.utils.verify_api_response_signature(
                answer["public_id"], answer["version"], answer["signature"], algorithm=algorithm
            )
        )

    assert verified(sdk.uploader.upload(io.BytesIO(PNG), public_id=name, signature_algorithm=algorithm))
    assert verified(sdk.uploader.explicit(name, type="upload", signature_algorithm=algorithm))
    assert verified(sdk.uploader.rename(name, f"{name}-2", signature_algorithm=algorithm))


def test_a_signature_acts_once_across_a_restart(tmp_path: Path) -> None:
    with running_origin(tmp_path) as own:
        sdk = own.sdk()
        wanted = sdk.utils.sign_request({"public_id": "jane", "timestamp": int(time.time()) + 600}, {})
        body = urlencode(wanted).encode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        path = "/v1_1/demo/image/destroy"
        assert own.request("POST", path, form, body).json()["result"] == "not found"
        own.stop()
        own.start()
        sdk = own.sdk()
        sdk.uploader.upload(io.BytesIO(PNG), public_id="jane")
        deadline = time.monotonic() + 60
        while (again := own.request("POST", path, form, body)).status == 200:
            assert time.monotonic() < deadline
            sdk.uploader.upload(io.BytesIO(PNG), public_id="jane")
            time.sleep(0.2)
        assert (again.status, again.json()["error"]["message"]) == (400, "This signed request was used before")
        assert sdk.api.resource("jane")["public_id"] == "jane"


def test_an_upload_says_where_the_faces_are(sdk, name: str) -> None:
    photo = require_corpus() / "media" / "photos" / "two_people_shop.jpg"
    answer = sdk.uploader.upload(str(photo), public_id=name, faces=True)
    assert len(answer["faces"]) == 2
    for clear in CLEAR["two_people_shop.jpg"]:
        middle = (clear.left + clear.right) / 2, (clear.top + clear.bottom) / 2
        assert any(
            left < middle[0] < left + width and top < middle[1] < top + height
            for left, top, width, height in answer["faces"]
        )
    assert sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}-nobody", faces=True)["faces"] == []
    assert "faces" not in sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}-unasked")


def test_what_a_picture_is_like_is_told_when_that_is_asked_and_kept(sdk, name: str) -> None:
    everything = {"colors": True, "phash": True, "image_metadata": True, "blurhash": True, "thumbhash": True}
    answer = sdk.uploader.upload(io.BytesIO(picture("JPEG")), public_id=name, **everything)
    assert sum(share for _, share in answer["colors"]) == pytest.approx(100, abs=1)
    assert answer["predominant"]["google"][0][0] == "red"
    assert re.fullmatch(r"[0-9a-f]{16}", answer["phash"])
    assert answer["image_metadata"] == {}
    plain = sdk.api.resource(name)
    assert not {*everything, "predominant", "faces"} & plain.keys()
    details = sdk.api.resource(name, colors=True, phash=True, image_metadata=True, faces=True)
    assert (details["colors"], details["phash"], details["faces"]) == (answer["colors"], answer["phash"], [])
    sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}-late")
    late = sdk.uploader.explicit(f"{name}-late", type="upload", colors=True, media_metadata=True)
    assert late["predominant"]["cloudinary"][0][1] == 100.0
    assert late["media_metadata"] == {}
    assert sdk.api.resource(f"{name}-late", phash=True)["phash"] == "8000000000000000"
    again = sdk.uploader.upload(io.BytesIO(PNG), public_id=name, overwrite=False, phash=True)
    assert (again["existing"], again["phash"]) == (True, answer["phash"])


def test_metadata_is_told_to_the_owner_and_to_no_log(sdk, origin: OriginProcess, name: str) -> None:
    exif = Image.Exif()
    exif[0x013B] = f"canary-{name}"
    body = io.BytesIO()
    Image.new("RGB", (16, 16)).save(body, "JPEG", exif=exif)
    answer = sdk.uploader.upload(io.BytesIO(body.getvalue()), public_id=name, image_metadata=True)
    assert answer["image_metadata"]["Artist"] == f"canary-{name}"
    assert sdk.api.resource(name, image_metadata=True)["image_metadata"]["Artist"] == f"canary-{name}"
    canary = f"canary-{name}".encode()
    files = [path for path in origin.data.rglob("*") if path.is_file()]
    assert not [path.name for path in files if canary in path.read_bytes()], "in the clear nowhere"
    assert f"canary-{name}" not in origin.log.read_text()


def test_breakpoints_are_measured_and_told_with_urls(sdk, name: str) -> None:
    photo = require_corpus() / "media" / "photos" / "two_people_shop.jpg"
    answer = sdk.uploader.upload(
        str(photo),
        public_id=name,
        responsive_breakpoints=[
            {"create_derived": False, "bytes_step": 20000, "min_width": 200, "max_width": 600, "max_images": 5},
            {
                "create_derived": True,
                "bytes_step": 9000,
                "min_width": 100,
                "max_width": 300,
                "max_images": 3,
                "transformation": {"crop": "fill", "aspect_ratio": "1:1", "gravity": "auto"},
                "format": "webp",
            },
        ],
    )
    plain, square = answer["responsive_breakpoints"]
    widths = [each["width"] for each in plain["breakpoints"]]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 600
    assert len(widths) <= 5
    sizes = [each["bytes"] for each in plain["breakpoints"]]
    assert sizes == sorted(sizes, reverse=True)
    assert f"/image/upload/c_scale,w_600/v{answer['version']}/{name}.jpg" in plain["breakpoints"][0]["url"]
    assert square["transformation"] == "ar_1:1,c_fill,g_auto"
    assert all(each["width"] == each["height"] for each in square["breakpoints"])
    assert "/ar_1:1,c_fill,g_auto/c_scale,w_300/" in square["breakpoints"][0]["secure_url"]
    assert square["breakpoints"][0]["url"].endswith(".webp")
    later = sdk.uploader.explicit(
        name, type="upload", responsive_breakpoints={"max_width": 600, "min_width": 200, "max_images": 2}
    )
    [again] = later["responsive_breakpoints"]
    assert again["breakpoints"][0] == plain["breakpoints"][0]


@pytest.mark.parametrize(
    "wrong, said",
    [
        ("[{]", "must be a list of objects"),
        ('[{"surprise": 1}]', "must be a list of objects"),
        ('[{"min_width": 500, "max_width": 100}]', "max_width must be 500 to"),
        ('[{"bytes_step": 1}]', "bytes_step must be 1000 to"),
        ('[{"format": "exe"}]', "format"),
        ('[{"transformation": "c_explode"}]', "Invalid transformation component - c_explode"),
        ("[{},{},{},{}]", "at most 3"),
    ],
)
def test_breakpoints_that_mean_nothing_are_refused(
    origin: OriginProcess, sdk, name: str, wrong: str, said: str
) -> None:
    key, secret = origin.credentials
    headers = {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    body = urlencode({"public_id": name, "file": data_uri(PNG), "responsive_breakpoints": wrong}).encode()
    reply = origin.request("POST", "/v1_1/demo/image/upload", headers, body)
    assert reply.status == 400
    assert said in reply.json()["error"]["message"]
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name)


def data_uri(body: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(body).decode()


def test_coordinates_are_stored_changed_told_and_taken_away(sdk, origin: OriginProcess, name: str) -> None:
    faces, custom = [[10, 5, 20, 20], [40, 30, 100, 100]], [5, 6, 7, 8]
    answer = sdk.uploader.upload(io.BytesIO(PNG), public_id=name, face_coordinates=faces, faces=True)
    assert answer["faces"] == [faces[0], [40, 30, 64, 48]], "no larger than the picture"
    assert answer["coordinates"] == {"faces": faces}
    assert sdk.api.resource(name, faces=True)["faces"] == faces
    assert "coordinates" not in sdk.api.resource(name)
    changed = sdk.uploader.explicit(name, type="upload", custom_coordinates=custom)
    assert changed["coordinates"] == {"faces": faces, "custom": [custom]}
    sdk.uploader.add_tag("x", [name])
    assert sdk.api.resource(name, coordinates=True)["coordinates"] == {"faces": faces, "custom": [custom]}
    sdk.api.update(name, face_coordinates="1,2,3,4", custom_coordinates="")
    assert sdk.api.resource(name, coordinates=True)["coordinates"] == {"faces": [[1, 2, 3, 4]]}
    assert "coordinates" not in sdk.uploader.upload(io.BytesIO(PNG), public_id=name), "another picture has other faces"
    assert "face_coordinates" not in origin.log.read_text()


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"face_coordinates": "1,2,3"}, "face_coordinates: must be x,y,width,height"),
        ({"face_coordinates": "1,2,-3,4"}, "face_coordinates: must be x,y,width,height"),
        ({"face_coordinates": "|".join(["1,2,3,4"] * 101)}, "face_coordinates: at most 100"),
        ({"custom_coordinates": "1,2,3,4|5,6,7,8"}, "custom_coordinates: at most 1"),
        ({"custom_coordinates": "64,0,5,5"}, "custom_coordinates: a box lies outside the image"),
    ],
)
def test_coordinates_that_mean_nothing_are_refused_by_name(sdk, name: str, wrong: dict, said: str) -> None:
    with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=name, **wrong)
    sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
        sdk.uploader.explicit(name, type="upload", **wrong)
    with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
        sdk.api.update(name, **wrong)


def test_wrong_credentials_say_what_is_wrong(sdk, name: str) -> None:
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match=r"Invalid Signature [0-9a-f]{40}\. String"):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=name, api_secret="wrong")
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="Unknown API key 123"):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=name, api_key="123")
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="api_secret mismatch"):
        sdk.api.ping(api_secret="wrong")
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="cloud_name mismatch"):
        sdk.api.ping(cloud_name="other")
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Upload preset must be specified"):
        sdk.uploader.unsigned_upload(io.BytesIO(PNG), "")
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(name)


def test_an_error_never_holds_the_secret(sdk, origin: OriginProcess) -> None:
    secret = origin.credentials[1]
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired) as caught:
        sdk.uploader.upload(io.BytesIO(PNG), api_secret=secret + "x")
    assert secret not in str(caught.value)
    assert secret not in origin.log.read_text()


def test_a_stale_request_is_refused(sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk.utils, "now", lambda: str(int(time.time()) - 4000))
    with pytest.raises(cloudinary.exceptions.BadRequest, match=r"Stale request - reported time is .* \+0000 which is"):
        sdk.uploader.upload(io.BytesIO(PNG))


@pytest.mark.parametrize(
    ("body", "options", "text"),
    [
        (b"this is no picture", {}, "Invalid image file"),
        (PNG[:60], {}, "Invalid image file"),
        (PNG, {"resource_type": "video"}, "Unsupported video format or file"),
        (PNG, {"ocr": "adv_ocr"}, "ocr is not supported yet"),
        (PNG, {"faces": "maybe"}, "Invalid value for parameter faces"),
        (PNG, {"allowed_formats": ["jpg"]}, "format png not allowed"),
        (PNG, {"upload_preset": "none"}, "Upload preset not found"),
        (PNG, {"public_id": "a/../b"}, "is invalid"),
        (PNG, {"public_id": "x" * 300}, "too long"),
        (PNG, {"type": "nonsense"}, "Invalid value for parameter type"),
        (PNG + b"\0" * 2_000_000, {}, "File size too large"),
        (
            "https://127.0.0.1:1/picture.png",
            {},
            "Error in loading https://127.0.0.1:1/picture.png - this cloud's policy",
        ),
        ("https://x@127.0.0.1/picture.png", {}, "credentials are not allowed"),
        ("data:image/png;base64,abcde", {}, "not base64"),
    ],
)
def test_what_is_refused_is_a_400_that_says_why(sdk, body: bytes | str, options: dict, text: str) -> None:
    before = sdk.api.usage()["resources"]
    with pytest.raises(cloudinary.exceptions.BadRequest, match=text):
        sdk.uploader.upload(body, **options)
    assert sdk.api.usage()["resources"] == before


def test_a_file_that_comes_in_one_chunk_is_no_chunked_upload(sdk, name: str) -> None:
    answer = sdk.uploader.upload_large(io.BytesIO(PNG), resource_type="image", public_id=name)
    assert (answer["etag"], "done" in answer) == (hashlib.md5(PNG).hexdigest(), False)


def test_an_unknown_endpoint_is_a_404_in_json(origin: OriginProcess) -> None:
    for method, path in (
        ("GET", "/"),
        ("PUT", "/v1_1/demo/ping"),
        ("GET", "/v1_1/demo/streaming_profiles"),
        ("DELETE", "/x"),
    ):
        reply = origin.request(method, path)
        assert (reply.status, list(reply.json())) == (404, ["error"])
        assert "server" not in reply.headers


def test_ids_with_slashes_spaces_and_percent_signs_are_reached(sdk, origin: OriginProcess, name: str) -> None:
    key, secret = origin.credentials
    headers = {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}
    for public_id, path in (
        (f"{name}/a b", f"{name}%2Fa%20b"),
        (f"{name}%20x", f"{name}%2520x"),
        (f"{name}ü", f"{name}%C3%BC"),
    ):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=public_id)
        reply = origin.request("GET", f"/v1_1/demo/resources/image/upload/{path}", headers)
        assert (reply.status, reply.json()["public_id"]) == (200, public_id)


def test_garbage_gets_json_and_leaves_no_trace_in_the_log(origin: OriginProcess) -> None:
    import socket

    for raw in (b"GARBAGE canary-4711\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: canary-4711\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as connection:
            connection.sendall(raw)
            answer = connection.recv(65536)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert b'{"error"' in answer
        assert b"server:" not in answer.lower()
    assert "canary-4711" not in origin.log.read_text()
    assert "Traceback" not in origin.log.read_text()


def test_logs_and_metrics_name_nobody(sdk, origin: OriginProcess, name: str) -> None:
    sdk.uploader.upload(io.BytesIO(PNG), public_id=f"canary-{name}", tags=[f"canary-tag-{name}"])
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.resource(f"canary-{name}-missing")
    page = origin.request("GET", "/metrics").body.decode()
    assert "domicile_origin_request_seconds_bucket" in page
    for text in (page, origin.log.read_text()):
        assert name not in text
        assert "127.0.0.1" not in text


def test_the_demo_cloud_has_its_sample_and_its_secrets_are_private(sdk, origin: OriginProcess) -> None:
    assert sdk.api.resource("sample")["format"] == "jpg"
    assert (origin.data / "cloudinary-url").stat().st_mode & 0o777 == 0o600
    assert origin.socket.stat().st_mode & 0o777 == 0o600
    assert urlsplit(origin.cloudinary_url.replace("cloudinary:", "http:")).hostname == "demo"


def test_a_named_transformation_lives_its_life_through_the_sdk(sdk, name: str) -> None:
    api = sdk.api
    made = api.create_transformation(name, {"crop": "fill", "width": 102, "effect": "blur:7"})
    assert (made["message"], made["domicile"]["fenced"]) == ("created", True)
    with pytest.raises(cloudinary.exceptions.AlreadyExists):
        api.create_transformation(name, "w_5")
    shown = api.transformation(name)
    assert (shown["name"], shown["named"], shown["allowed_for_strict"]) == (f"t_{name}", True, False)
    assert shown["info"] == [{"crop": "fill", "effect": "blur:7", "width": 102}]
    assert api.update_transformation(name, allowed_for_strict=True, unsafe_update="w_7/h_8")["message"] == "updated"
    shown = api.transformation(f"t_{name}")
    assert (shown["allowed_for_strict"], shown["info"]) == (True, [{"width": 7}, {"height": 8}])
    assert api.delete_transformation(name)["message"] == "deleted"
    for gone in (api.transformation, api.delete_transformation, api.update_transformation):
        with pytest.raises(cloudinary.exceptions.NotFound, match=f"Transformation not found - {name}"):
            gone(name)


def test_named_transformations_are_listed_page_by_page(sdk, name: str) -> None:
    for n in range(3):
        sdk.api.create_transformation(f"{name}-{n}", f"w_{n + 1}")
    first = sdk.api.transformations(named=True, max_results=2, next_cursor=name)
    rest = sdk.api.transformations(named=True, max_results=2, next_cursor=first["next_cursor"])
    names = [row["name"] for page in (first, rest) for row in page["transformations"]]
    assert names[:3] == [f"t_{name}-{n}" for n in range(3)]
    for n in range(3):
        sdk.api.delete_transformation(f"{name}-{n}")


@pytest.mark.parametrize(
    "definition,said",
    [
        ("c_explode,w_5", "Invalid transformation component - c_explode"),
        ("t_other", "not allowed inside a named transformation"),
        ("if_w_gt_5/e_blur", "has no if_end"),
        ("w_5/" * 20 + "w_5", "at most 20"),
        ("$a_!" + "x" * 200 + "!/" + "/".join(["$a_!" + "y" * 200 + "!"] * 10), "at most 2000"),
    ],
)
def test_a_definition_that_nobody_could_use_is_refused(sdk, name: str, definition: str, said: str) -> None:
    with pytest.raises(cloudinary.exceptions.BadRequest, match=said):
        sdk.api.create_transformation(name, definition)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Invalid value for parameter name"):
        sdk.api.create_transformation("a.b", "w_5")


# --- pictures from elsewhere ----------------------------------------------------------------------------------------


def test_a_picture_elsewhere_is_fetched_from_listed_hosts_alone(sdk, origin: OriginProcess, name: str) -> None:
    file = origin.data / "policies" / "demo.toml"
    strict = file.read_text()
    with running_elsewhere() as there, running_elsewhere() as unlisted:
        try:
            allowed = f"""\n[remote]\nhosts = ["127.0.0.1:{there.port}"]\n[zones]\ningress_fetch = ["eu-de"]\n"""
            file.write_text(strict + allowed)
            assert operate(origin, "POST", "/_admin/v1/policies") == (200, {"changed": ["demo"]})
            address = there.put("/holiday%20photo.png?size=1", PNG)
            answer = sdk.uploader.upload(address, public_id=name)
            assert (answer["etag"], answer["bytes"]) == (hashlib.md5(PNG).hexdigest(), len(PNG))
            assert (answer["original_filename"], answer["type"]) == ("holiday photo", "upload")
            assert there.asked == ["/holiday%20photo.png?size=1"]
            there.put("/to", b"", status=302, Location="/holiday%20photo.png?size=1")
            assert sdk.uploader.upload(there.address("/to"), use_filename=True)["public_id"].startswith(
                "holiday_photo_"
            )
            for address, why in (
                (there.address("/gone.png"), f"Error in loading {there.address('/gone.png')} - 404 Not Found"),
                (unlisted.put("/x", PNG), "the host is not in this cloud's list"),
                (there.put("/page", b"<html>"), "Invalid image file"),
                (there.put("/huge", bytes(2_000_001)), "File size too large"),
                (there.put("/out", b"", status=302, Location=unlisted.address("/x")), "not in this cloud's list"),
            ):
                with pytest.raises(cloudinary.exceptions.Error) as refused:
                    sdk.uploader.upload(address)
                assert why in str(refused.value)
            assert unlisted.asked == []
        finally:
            file.write_text(strict)
            operate(origin, "POST", "/_admin/v1/policies")
    log = origin.log.read_text()
    assert "holiday" not in log
    assert "127.0.0.1:" + str(there.port) not in log


# --- webhooks -------------------------------------------------------------------------------------------------------


def test_a_receiver_is_told_of_changes_and_the_sdk_verifies_it(sdk, origin: OriginProcess, name: str) -> None:
    file = origin.data / "policies" / "demo.toml"
    strict = file.read_text()
    with running_elsewhere() as there:
        hook = there.put(f"/{name}", b"")
        with pytest.raises(cloudinary.exceptions.BadRequest, match="notification_url: the host is not one that"):
            sdk.uploader.upload(io.BytesIO(PNG), public_id=name, notification_url=hook)
        with pytest.raises(cloudinary.exceptions.NotFound):
            sdk.api.resource(name)
        try:
            allowed = (
                f"""\n[notifications]\nhosts = ["127.0.0.1:{there.port}"]\n[zones]\negress_webhook = ["eu-de"]\n"""
            )
            file.write_text(strict + allowed)
            assert operate(origin, "POST", "/_admin/v1/policies") == (200, {"changed": ["demo"]})
            later = {"eager": [{"width": 2, "crop": "scale"}], "eager_async": True, "eager_notification_url": hook}
            made = sdk.uploader.upload(io.BytesIO(PNG), public_id=name, notification_url=hook, **later)
            sdk.uploader.add_tag("x", [name], notification_url=hook)
            there.wait_until_told(3)
            sdk.uploader.destroy(name, notification_url=hook)
            there.wait_until_told(4)
        finally:
            file.write_text(strict)
            operate(origin, "POST", "/_admin/v1/policies")
    words = {}
    for path, headers, body in there.told:
        assert path == f"/{name}"
        signature, stamp = headers["X-Cld-Signature"], int(headers["X-Cld-Timestamp"])
        assert cloudinary.utils.verify_notification_signature(body.decode(), stamp, signature)
        assert not cloudinary.utils.verify_notification_signature(body.decode() + " ", stamp, signature)
        words[json.loads(body)["notification_type"]] = json.loads(body)
    assert set(words) == {"upload", "eager", "resource_tags_changed", "delete"}
    assert [row["asset_id"] for row in words["delete"]["resources"]] == [made["asset_id"]]
    assert words["upload"]["asset_id"] == made["asset_id"]
    assert words["eager"]["batch_id"] == made["batch_id"]
    assert len({headers["Idempotency-Key"] for _, headers, _ in there.told}) == 4
