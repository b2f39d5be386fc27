"""The Admin API about resources, driven by the unmodified SDK of PyPI against a really running origin."""

from __future__ import annotations

import base64
import email.utils
import io
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import cloudinary.exceptions
import pytest

from tests.integration.origin_process import OriginProcess, running_origin
from tests.integration.test_sdk_upload import PNG, picture

OTHER = picture(color=(10, 200, 30))


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    with running_origin(tmp_path_factory.mktemp("origin")) as running:
        yield running


@pytest.fixture
def sdk(origin: OriginProcess):
    return origin.sdk()


@pytest.fixture
def name() -> str:
    return f"t{secrets.token_hex(6)}"


def put(sdk, public_id: str, body: bytes = PNG, **options) -> dict:
    return sdk.uploader.upload(io.BytesIO(body), public_id=public_id, **options)


def ids(answer: dict) -> set[str]:
    return {row["public_id"] for row in answer["resources"]}


# --- lists ---------------------------------------------------------------------------------------------------------


def test_lists_by_context_moderation_and_folder(sdk, name: str) -> None:
    put(sdk, f"{name}-a", context={name: "1"}, moderation="manual", asset_folder=name)
    put(sdk, f"{name}-b", context={name: "2"}, asset_folder=f"{name}/below")
    put(sdk, f"{name}-c", asset_folder=name, type="private")
    assert ids(sdk.api.resources_by_context(name)) == {f"{name}-a", f"{name}-b"}
    assert ids(sdk.api.resources_by_context(name, "2")) == {f"{name}-b"}
    assert ids(sdk.api.resources_by_asset_folder(name)) == {f"{name}-a", f"{name}-c"}
    assert f"{name}-a" in ids(sdk.api.resources_by_moderation("manual", "pending", max_results=500))
    told = sdk.api.resources_by_asset_folder(name, moderations=True, context=True, metadata=True, tags=True)
    row = next(row for row in told["resources"] if row["public_id"] == f"{name}-a")
    assert (row["moderation"][0]["status"], row["context"], row["metadata"], row["tags"]) == (
        "pending",
        {"custom": {name: "1"}},
        {},
        [],
    )
    approved = sdk.api.update(f"{name}-a", moderation_status="approved")
    assert approved["moderation"][0]["status"] == "approved"
    assert f"{name}-a" not in ids(sdk.api.resources_by_moderation("manual", "pending", max_results=500))
    with pytest.raises(cloudinary.exceptions.BadRequest, match="not marked"):
        sdk.api.update(f"{name}-b", moderation_status="approved")
    sdk.uploader.remove_all_context([f"{name}-b"])
    assert ids(sdk.api.resources_by_context(name)) == {f"{name}-a"}


def test_lists_are_paged_and_say_which_resource_types_are_in_use(sdk, name: str) -> None:
    for number in range(3):
        put(sdk, f"{name}/{number}", context={name: "x"})
    first = sdk.api.resources_by_context(name, max_results=2, direction="asc")
    rest = sdk.api.resources_by_context(name, max_results=2, direction="asc", next_cursor=first["next_cursor"])
    assert [row["public_id"] for row in first["resources"] + rest["resources"]] == [f"{name}/{n}" for n in range(3)]
    assert "next_cursor" not in rest
    put(sdk, f"{name}.txt", b"text", resource_type="raw")
    assert set(sdk.api.resource_types()["resource_types"]) == {"image", "raw"}
    with pytest.raises(cloudinary.exceptions.BadRequest, match="asset_ids"):
        sdk.api.resources_by_asset_ids([])


# --- one asset -----------------------------------------------------------------------------------------------------


def test_update_takes_what_records_know_by_name_and_by_id(sdk, origin: OriginProcess, name: str) -> None:
    made = put(sdk, name, tags=["t"])
    changed = sdk.api.update(name, display_name="Shown", asset_folder="here", tags="a,b", context={"k": "v"})
    assert (changed["display_name"], changed["asset_folder"], changed["tags"], changed["context"]) == (
        "Shown",
        "here",
        ["a", "b"],
        {"custom": {"k": "v"}},
    )
    put(sdk, f"{name}-2", display_name="Shown", asset_folder="elsewhere")
    with pytest.raises(cloudinary.exceptions.AlreadyExists):
        sdk.api.update(f"{name}-2", asset_folder="here", unique_display_name=True)
    assert sdk.api.resource(f"{name}-2")["asset_folder"] == "elsewhere"
    by_id = sdk.api.call_json_api("put", ["resources", made["asset_id"]], {"display_name": ""})
    assert (by_id["display_name"], by_id["public_id"]) == (name, name)
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.call_json_api("put", ["resources", "0" * 32], {"tags": "x"})
    for service in ("categorization", "detection", "background_removal", "raw_convert"):
        with pytest.raises(cloudinary.exceptions.BadRequest, match="Illegal value"):
            sdk.api.update(name, **{service: "illegal"})
    with pytest.raises(cloudinary.exceptions.BadRequest, match="policy"):
        sdk.api.update(name, notification_url="http://example.com")


def test_update_checks_metadata_and_leaves_out_what_is_invalid_when_told_to(sdk, name: str) -> None:
    sdk.api.add_metadata_field({"type": "integer", "external_id": name, "label": name})
    try:
        put(sdk, name)
        assert sdk.api.update(name, metadata={name: "7"})["metadata"] == {name: 7}
        with pytest.raises(cloudinary.exceptions.BadRequest, match="must be"):
            sdk.api.update(name, metadata={name: "seven"})
        assert sdk.api.update(name, metadata={name: "seven"}, clear_invalid=True)["metadata"] == {name: 7}
    finally:
        sdk.api.delete_metadata_field(name)


def test_derived_are_paged_and_can_be_deleted_alone(sdk, name: str) -> None:
    wishes = [{"width": 10 + n, "crop": "scale"} for n in range(4)]
    put(sdk, name, eager=wishes)
    put(sdk, f"{name}-2", eager=wishes[:2])
    first = sdk.api.resource(name, max_results=3)
    rest = sdk.api.resource(name, max_results=3, derived_next_cursor=first["derived_next_cursor"])
    assert (len(first["derived"]), len(rest["derived"]), "derived_next_cursor" in rest) == (3, 1, False)
    one = first["derived"][0]
    gone = sdk.api.delete_derived_resources([one["id"], "0" * 64, "nonsense"])["deleted"]
    assert gone == {one["id"]: "deleted", "0" * 64: "not_found", "nonsense": "not_found"}
    left = sdk.api.resource(name)["derived"]
    assert {row["id"] for row in left} == {row["id"] for row in first["derived"] + rest["derived"]} - {one["id"]}
    transformation = left[0]["transformation"]
    answer = sdk.api.delete_derived_by_transformation([name, f"{name}-0"], [transformation])
    assert answer["deleted"] == {name: "deleted", f"{name}-0": "not_found"}
    assert answer["deleted_counts"] == {name: {"original": 0, "derived": 1}}
    assert len(sdk.api.resource(name)["derived"]) == 2
    answer = sdk.api.delete_resources_by_prefix(name, keep_original=True)
    assert answer["deleted_counts"][f"{name}-2"] == {"original": 0, "derived": 2}
    assert sdk.api.resource(f"{name}-2")["derived"] == []
    assert sdk.api.usage()["derived_resources"] == 0


def test_deleting_tells_originals_and_derived_and_goes_by_id_too(sdk, name: str) -> None:
    one = put(sdk, name, eager=[{"width": 10, "crop": "scale"}])
    two = put(sdk, f"{name}-2")
    answer = sdk.api.delete_resources([name], invalidate=True)
    assert answer["deleted_counts"] == {name: {"original": 1, "derived": 1}}
    assert answer["partial"] is False
    answer = sdk.api.call_json_api("delete", ["resources", two["asset_id"]], {})
    assert answer["deleted"] == {two["asset_id"]: "deleted"}
    for asset_id in (one["asset_id"], two["asset_id"]):
        with pytest.raises(cloudinary.exceptions.NotFound):
            sdk.api.resource_by_asset_id(asset_id)


def test_related_assets_tell_of_each_other(sdk, name: str) -> None:
    made = [put(sdk, f"{name}-{n}") for n in range(3)]
    names = [f"image/upload/{one['public_id']}" for one in made]
    answer = sdk.api.add_related_assets(f"{name}-0", [names[1], names[2], "image/upload/missing", names[0]])
    assert [one["asset"] for one in answer["success"]] == names[1:]
    assert [one["status"] for one in answer["failed"]] == [404, 400]

    def related(n: int) -> set[str]:
        return {row["public_id"] for row in sdk.api.resource(f"{name}-{n}", related=True)["related_assets"]}

    assert (related(0), related(1)) == ({f"{name}-1", f"{name}-2"}, {f"{name}-0"})
    sdk.api.delete_related_assets_by_asset_ids(made[0]["asset_id"], [made[1]["asset_id"]])
    assert (related(0), related(1)) == ({f"{name}-2"}, set())
    sdk.api.delete_resources([f"{name}-2"])
    assert related(0) == set()
    with pytest.raises(cloudinary.exceptions.BadRequest, match="at most 10"):
        sdk.api.add_related_assets(f"{name}-0", [f"image/upload/{n}" for n in range(11)])


def test_publishing_makes_private_assets_public(sdk, name: str) -> None:
    put(sdk, f"{name}-a", type="private")
    put(sdk, f"{name}-b", type="authenticated", tags=[name])
    put(sdk, f"{name}-b")
    assert [row["type"] for row in sdk.api.publish_by_ids([f"{name}-a"])["published"]] == ["upload"]
    answer = sdk.api.publish_by_tag(name, type="authenticated")
    assert (answer["published"], [row["public_id"] for row in answer["failed"]]) == ([], [f"{name}-b"])
    answer = sdk.api.publish_by_tag(name, type="authenticated", overwrite=True)
    assert [row["public_id"] for row in answer["published"]] == [f"{name}-b"]


# --- versions under retention --------------------------------------------------------------------------------------


def original(origin: OriginProcess, sdk, asset_id: str, version: str) -> bytes:
    url = sdk.utils.download_backedup_asset(asset_id, version)
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert "attachment" in answer.headers["Content-Disposition"]
        return bytes(answer.read())


def test_what_was_deleted_with_a_backup_is_restored(sdk, origin: OriginProcess, name: str) -> None:
    made = put(sdk, name, backup=True, tags=[name])
    before = sdk.api.usage()["storage"]["usage"]
    sdk.api.delete_resources([name])
    assert sdk.api.usage()["storage"]["usage"] == before, "what is kept counts"
    there = sdk.api.resource(name, versions=True)
    assert (there["bytes"], there["placeholder"]) == (0, True)
    assert [(one["version_id"], one["size"], one["restorable"]) for one in there["versions"]] == [
        (made["version_id"], len(PNG), True)
    ]
    assert original(origin, sdk, made["asset_id"], made["version_id"]) == PNG
    assert name not in ids(sdk.api.resources_by_tag(name))
    back = sdk.api.restore([name, f"{name}-never"])
    assert back[f"{name}-never"] == {"error": "no_backup"}
    assert (back[name]["bytes"], back[name]["etag"], back[name]["tags"]) == (len(PNG), made["etag"], [name])
    assert back[name]["version_id"] != made["version_id"]
    assert back[name]["asset_id"] == made["asset_id"]
    assert sdk.api.resource(name)["version_id"] == back[name]["version_id"]


def test_a_replaced_version_is_restored_by_its_id_and_old_ones_are_forgotten(sdk, origin, name: str) -> None:
    first = put(sdk, name, PNG, backup=True)
    put(sdk, name, OTHER, backup=True)
    told = sdk.api.resource(name, versions=True)["versions"]
    assert [(one["size"], one["restorable"]) for one in told] == [(len(OTHER), False), (len(PNG), True)]
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.restore([name], versions=["0" * 32])
    back = sdk.api.restore_by_asset_ids([first["asset_id"]], versions=[first["version_id"]])
    assert back[first["asset_id"]]["etag"] == first["etag"]
    assert sdk.api.resource(name)["etag"] == first["etag"]
    gone = sdk.api.delete_backed_up_assets(first["asset_id"], [first["version_id"], "0" * 32])
    assert (gone["deleted_version_ids"], gone["not_found"]) == ([first["version_id"]], ["0" * 32])
    with pytest.raises(urllib.error.HTTPError) as refused:
        original(origin, sdk, first["asset_id"], first["version_id"])
    with refused.value:
        assert refused.value.code == 404
    assert len(sdk.api.resource(name, versions=True)["versions"]) == 2, "the one of now, and the one it replaced"
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.delete_backed_up_assets(first["asset_id"], [first["version_id"]])


def test_what_was_erased_is_restored_by_nobody(sdk, origin: OriginProcess, name: str) -> None:
    made = put(sdk, name, backup=True)
    put(sdk, name, OTHER, backup=True)
    sdk.api.delete_resources([name])
    erased = sdk.uploader.call_api(
        "erasures", {"mode": "erase", "selector[asset_id]": made["asset_id"], "timestamp": int(time.time())}
    )
    assert erased["removed"]["versions"] == 2
    for call in (lambda: sdk.api.restore([name]), lambda: sdk.api.resource(name)):
        with pytest.raises(cloudinary.exceptions.NotFound):
            call()
    with pytest.raises(cloudinary.exceptions.NotFound):
        sdk.api.restore_by_asset_ids([made["asset_id"]], versions=[made["version_id"]])


# --- limits and usage ----------------------------------------------------------------------------------------------


def test_usage_is_of_today(sdk) -> None:
    today = datetime.now(UTC)
    told = sdk.api.usage()
    assert told["objects"]["usage"] >= told["resources"] > 0
    assert told["bandwidth"] == {"usage": None}, "the origin does not know what edges deliver"
    assert told["media_limits"]["image_max_size_bytes"] > 0
    again = sdk.api.usage(date=today)
    assert again["resources"] == told["resources"]
    assert again["requests"] == told["requests"] + 1
    for day in (today + timedelta(days=1), "yesterday"):
        with pytest.raises(cloudinary.exceptions.BadRequest):
            sdk.api.usage(date=day)


def test_usage_counts_what_was_drawn_today(sdk, name: str) -> None:
    before = sdk.api.usage()["transformations"]["usage"]
    put(sdk, name, eager=[{"width": 3}])
    assert sdk.api.usage()["transformations"]["usage"] == before + 1


def test_usage_of_a_past_day_has_the_shape_and_says_null_for_what_is_not_known(sdk) -> None:
    today, past = sdk.api.usage(), sdk.api.usage(date=datetime.now(UTC) - timedelta(days=1))
    assert past.keys() == today.keys()
    assert past["last_updated"] < today["last_updated"]
    assert (past["requests"], past["storage"], past["resources"]) == (None, {"usage": None}, None)


# --- lists that grow, and what an upload may say beside -----------------------------------------------------------------


def field_of(sdk, name: str, **settings: object) -> dict:
    source = {"values": [{"external_id": "red", "value": "Red"}]}
    return sdk.api.add_metadata_field({"external_id": name, "label": name, "datasource": source, **settings})


def test_a_list_grows_by_what_is_said_where_its_field_says_so(sdk, name: str) -> None:
    closed = field_of(sdk, f"{name}-closed", type="enum")
    assert closed["allow_dynamic_list_values"] is False
    with pytest.raises(cloudinary.exceptions.Error, match="is not one of its values"):
        put(sdk, name, metadata={f"{name}-closed": "blue"})
    assert field_of(sdk, name, type="set", allow_dynamic_list_values=True)["allow_dynamic_list_values"] is True
    made = put(sdk, name, metadata={name: ["Red", "blue", "dark green"]})
    kept = made["metadata"][name]
    assert kept[:2] == ["red", "blue"]
    choices = sdk.api.metadata_field_by_field_id(name)["datasource"]["values"]
    assert [choice["value"] for choice in choices] == ["Red", "blue", "dark green"]
    assert choices[2]["external_id"] == kept[2]
    sdk.uploader.update_metadata({name: ["dark green"]}, [name])
    assert sdk.api.resource(name)["metadata"][name] == [kept[2]], "said again, it is the same one"
    sdk.api.update_metadata_field(name, {"allow_dynamic_list_values": False})
    with pytest.raises(cloudinary.exceptions.Error, match="is not one of its values"):
        put(sdk, name, metadata={name: ["yellow"]})


def test_strangers_add_nothing_to_a_list_that_grows(sdk, name: str) -> None:
    field_of(sdk, name, type="enum", allow_dynamic_list_values=True)
    sdk.api.create_upload_preset(name=name, unsigned=True)
    with pytest.raises(cloudinary.exceptions.Error, match="is not one of its values"):
        sdk.uploader.unsigned_upload(io.BytesIO(PNG), name, metadata={name: "blue"})
    assert len(sdk.api.metadata_field_by_field_id(name)["datasource"]["values"]) == 1


def test_header_fields_that_nobody_misses_are_accepted_and_others_refused_by_name(sdk, name: str) -> None:
    put(sdk, name, headers={"Link": "<https://example.com>; rel=help"})
    put(sdk, name, headers=["link: 1", "Link: 2"])
    for wrong in (["X-Robots-Tag: noindex"], ["Link"], ["Link: 1", "Set-Cookie: a=b"]):
        with pytest.raises(cloudinary.exceptions.Error, match="arameter headers"):
            put(sdk, name, headers=wrong)


def test_a_search_tells_what_is_kept_of_image_metadata(sdk, name: str) -> None:
    put(sdk, name)
    (found,) = sdk.search.Search().expression(f"public_id={name}").with_field("image_metadata").execute()["resources"]
    assert found["image_metadata"] == {}


def test_answers_tell_the_rate_and_a_spent_one_is_429_with_it(tmp_path) -> None:
    with running_origin(tmp_path, DOMICILE_ORIGIN_ADMIN_CALLS_MAX="2") as strict:
        sdk = strict.sdk()
        first = sdk.api.ping()
        assert (first.rate_limit_allowed, first.rate_limit_remaining) == (2, 1)
        reset = time.mktime(first.rate_limit_reset_at)
        assert reset % 3600 == 0
        with pytest.raises(cloudinary.exceptions.NotFound):
            sdk.api.resource("missing")
        with pytest.raises(cloudinary.exceptions.RateLimited):
            sdk.api.ping()
        spent = strict.request("GET", "/v1_1/demo/ping", basic(strict))
        assert (spent.status, json.loads(spent.body)["error"]["message"][:10]) == (429, "Rate limit")
        assert spent.headers["x-featureratelimit-remaining"] == "0"
        assert email.utils.parsedate_to_datetime(spent.headers["x-featureratelimit-reset"]) > datetime.now(UTC)
        assert int(spent.headers["retry-after"]) < 10, "SDKs sleep for so long, up to three times, before they say so"
        wrong = strict.request("GET", "/v1_1/demo/ping", {"Authorization": "Basic eDp5"})
        assert wrong.status == 401


def basic(origin: OriginProcess) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(":".join(origin.credentials).encode()).decode()}
