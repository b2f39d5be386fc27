"""Searching with the unmodified SDK, and by the URLs that it signs for whoever has them."""

from __future__ import annotations

import io
import secrets
from urllib.parse import urlsplit

import cloudinary.exceptions
import pytest
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.stack import Reply, Stack

ENVIRONMENT = {"DOMICILE_EDGE_DELIVERY_PRIVATE_HOSTS": "localhost=demo"}
SUBJECT = f"person-{secrets.token_hex(12)}"


def picture(size: tuple[int, int] = (32, 24), kind: str = "PNG") -> io.BytesIO:
    body = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(body, kind)
    body.seek(0)
    return body


@pytest.fixture(scope="module")
def sdk(stack: Stack, canaries: Canaries):
    sdk = stack.sdk()
    put = sdk.uploader.upload
    canaries.planted.append(SUBJECT)
    put(picture(), public_id="s/people/jane", tags=["team", "red flower"], context={"alt": "Jane at sea"})
    put(picture((64, 64)), public_id="s/people/john", tags=["team"], asset_folder="staff/old")
    put(picture((200, 100), "JPEG"), public_id="s/sunset", tags=["red", "big flower"], asset_folder="staff")
    put(picture((10, 10)), public_id="s/hidden", type="private", tags=["team"])
    params = sdk.utils.build_upload_params(public_id="s/about", tags=["subjects"], subject_ids="dropped by the SDK")
    assert "subject_ids" not in params, "if it is there, docs/life-of-an-erasure.md can say less"
    sdk.uploader.call_api("upload", params | {"subject_ids": SUBJECT}, file=picture((10, 20)))
    return sdk


def names(answer: dict) -> list[str]:
    return sorted(row["public_id"].removeprefix("s/") for row in answer["resources"])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("public_id:s AND tags:team", ["hidden", "people/jane", "people/john"]),
        ("public_id:s AND tags:team AND -type:private", ["people/jane", "people/john"]),
        ('tags:"red flower"', ["people/jane"]),
        ("tags=red", ["sunset"]),
        ("tags:red", ["people/jane", "sunset"]),
        ("tags:flo*", ["people/jane", "sunset"]),
        ("context.alt:sea OR (format=jpg AND public_id:s)", ["people/jane", "sunset"]),
        ("public_id:s AND width > 32 && (height<=64 || bytes>100mb)", ["people/john"]),
        ("aspect_ratio:[1.9 TO 2.1}", ["sunset"]),
        ('folder:"s/people/*"', ["people/jane", "people/john"]),
        ("asset_folder=staff", ["sunset"]),
        ("asset_folder:staff/*", ["people/john", "sunset"]),
        ("jane", ["people/jane"]),
        ("jane sunset", ["people/jane", "sunset"]),
        ("+public_id:s +created_at>1d -tags:team", ["about", "sunset"]),
        ("tags:team AND uploaded_at<1d", []),
        ('subject="WHO"', ["about"]),
        ('subject="PART"', []),
    ],
)
def test_what_is_asked_for_is_found(sdk, expression: str, expected: list[str]) -> None:
    asked = expression.replace("WHO", SUBJECT).replace("PART", SUBJECT[:-1])  # a name of this run names no test
    answer = sdk.Search().expression(asked).execute()
    assert names(answer) == expected
    assert answer["total_count"] == len(expected)
    assert isinstance(answer["time"], int)


@pytest.mark.parametrize("expression", ["tags:", "nothing:x", "(tags:a", "width:wide", "tags>a", "a" * 4001, "tags:--"])
def test_what_cannot_be_understood_is_refused_clearly(sdk, stack: Stack, expression: str) -> None:
    with pytest.raises(cloudinary.exceptions.BadRequest, match="expression"):
        sdk.Search().expression(expression).execute()


def test_fields_are_told_as_asked_and_say_which_asset_it_is(sdk) -> None:
    search = sdk.Search().expression("tags=red")
    (plain,) = search.execute()["resources"]
    assert {"url", "etag", "pixels", "folder"} <= plain.keys()
    assert "tags" not in plain
    (more,) = search.with_field("tags").with_field("context").execute()["resources"]
    assert (more["tags"], more["context"]) == (["red", "big flower"], {})
    (less,) = sdk.Search().expression("tags=red").fields("tags").fields("secure_url").execute()["resources"]
    assert less.keys() == {"asset_id", "public_id", "resource_type", "type", "tags", "secure_url"}


def test_whom_it_is_about_is_told_to_who_asks_by_name(sdk) -> None:
    (plain,) = sdk.Search().expression("tags:subjects").execute()["resources"]
    assert SUBJECT not in repr(plain)
    (more,) = sdk.Search().expression("tags:subjects").with_field("subject_ids").execute()["resources"]
    assert more["subject_ids"] == [SUBJECT]


def test_results_are_sorted_and_counted(sdk) -> None:
    answer = (
        sdk.Search()
        .expression("public_id:s")
        .sort_by("width", "asc")
        .sort_by("height", "desc")
        .aggregate("format")
        .aggregate(
            {"type": "bytes", "ranges": [{"key": "small", "to": 10_000_000}, {"key": "big", "from": 10_000_000}]}
        )
        .execute()
    )
    rows = [row["public_id"] for row in answer["resources"]]
    assert rows == ["s/about", "s/hidden", "s/people/jane", "s/people/john", "s/sunset"]
    assert answer["aggregations"] == {"format": {"png": 4, "jpg": 1}, "bytes": {"small": 5, "big": 0}}


def test_pages_stay_where_they_are_while_assets_come_and_go(sdk) -> None:
    for n in range(5):
        sdk.uploader.upload(picture(), public_id=f"page/{n}", tags=["paged"])
    search = sdk.Search().expression("tags:paged").sort_by("public_id", "asc").max_results(2)
    first = search.execute()
    assert first["total_count"] == 5
    assert "page" not in first["next_cursor"]
    sdk.uploader.destroy("page/1")  # the row that the cursor stands at
    sdk.uploader.upload(picture(), public_id="page/0a", tags=["paged"])
    sdk.uploader.upload(picture(), public_id="page/5", tags=["paged"])
    seen = [row["public_id"] for row in first["resources"]]
    cursor: str | None = first["next_cursor"]
    while cursor:
        page = search.next_cursor(cursor).execute()
        seen += [row["public_id"] for row in page["resources"]]
        cursor = page.get("next_cursor")
    assert seen == [f"page/{n}" for n in range(6)]
    with pytest.raises(cloudinary.exceptions.BadRequest, match="next_cursor"):
        sdk.Search().expression("tags:paged").next_cursor(first["next_cursor"]).execute()  # of another order


def test_folders_are_found(sdk) -> None:
    sdk.api.create_folder("made/by hand")
    found = sdk.SearchFolders().expression('path="staff/*" OR name:hand').sort_by("path", "asc").execute()
    assert [one["path"] for one in found["folders"]] == ["made/by hand", "staff", "staff/old"]
    assert found["total_count"] == 3
    page = sdk.SearchFolders().expression("path:staff*").sort_by("name", "desc").max_results(1).execute()
    assert [one["name"] for one in page["folders"]] == ["staff"]
    rest = sdk.SearchFolders().expression("path:staff*").sort_by("name", "desc").next_cursor(page["next_cursor"])
    assert [one["name"] for one in rest.execute()["folders"]] == ["old"]


def fetched(stack: Stack, url: str) -> Reply:
    return stack.get(urlsplit(url).path)


def test_a_signed_search_is_answered_on_the_delivery_host(sdk, stack: Stack) -> None:
    search = sdk.Search().expression("public_id:s AND tags:team").sort_by("public_id", "asc").max_results(2)
    reply = fetched(stack, search.to_url(300))
    assert reply.status == 200, reply.headers
    assert reply.headers["cache-control"] == "private, no-store"
    answer = reply.json()
    assert names(answer) == ["hidden", "people/jane"]  # type: ignore[arg-type]
    hidden = answer["resources"][0]  # type: ignore[index]
    assert "/s--" not in hidden["url"], "who has the URL is a stranger"
    more = fetched(stack, search.to_url(300, next_cursor=answer["next_cursor"]))
    assert names(more.json()) == ["people/john"]  # type: ignore[arg-type]
    sdk.uploader.add_tag("team", ["s/sunset"])
    assert len(fetched(stack, search.to_url(300)).json()["resources"]) == 2  # type: ignore[arg-type]
    assert fetched(stack, search.to_url(300)).json()["total_count"] == 4, "no copy was kept"
    sdk.uploader.remove_tag("team", ["s/sunset"])


def test_a_host_of_one_cloud_has_no_cloud_in_its_paths(sdk, stack: Stack) -> None:
    """As SDKs write URLs for a private CDN: a search, a picture, its signature."""
    own = {"private_cdn": True, "cname": f"localhost:{stack.edge_port}"}
    search = (
        sdk.Search()
        .expression("public_id:s AND tags:team")
        .sort_by("public_id", "asc")
        .max_results(2)
        .to_url(300, **own)
    )
    shown, _ = sdk.utils.cloudinary_url("s/sunset", width=20, crop="scale", format="jpg", **own)
    signed, _ = sdk.utils.cloudinary_url("s/hidden", type="private", sign_url=True, **own)
    for url in (search, shown, signed):
        parts = urlsplit(url)
        assert (parts.hostname, parts.path.split("/")[1] in {"search", "image"}) == ("localhost", True), url
        assert stack.get(parts.path, Host=parts.netloc).status == 200
    assert names(stack.get(urlsplit(search).path, Host="localhost").json()) == ["hidden", "people/jane"]  # type: ignore[arg-type]
    assert stack.get(urlsplit(search).path).status == 404, "on a host of all clouds that is no cloud's"
    assert stack.get(urlsplit(signed).path.replace("s--", "s--x", 1), Host="localhost").status in {400, 401}


def test_a_search_that_nobody_signed_is_refused(sdk, stack: Stack) -> None:
    url = urlsplit(sdk.Search().expression("tags:team").to_url(300)).path
    _, cloud, _, signature, ttl, query = url.split("/")
    assert stack.get(url).status == 200
    other = urlsplit(sdk.Search().expression("tags:red").to_url(300)).path.split("/")[-1]
    for bad in ("0" * 64, signature[:-1] + ("0" if signature[-1] != "0" else "1")):
        assert stack.get(f"/{cloud}/search/{bad}/{ttl}/{query}").status == 401
    assert stack.get(f"/{cloud}/search/{signature}/{ttl}/{other}").status == 401
    assert stack.get(f"/{cloud}/search/{signature}/301/{query}").status == 401
    assert stack.get(f"/nobody/search/{signature}/{ttl}/{query}").status == 401
    about = sdk.Search().expression("tags:team").with_field("subject_ids").to_url(300)
    assert fetched(stack, about).status == 400


def test_whom_it_is_about_lies_nowhere_in_the_clear(sdk, stack: Stack, canaries: Canaries) -> None:
    assert SUBJECT in canaries.planted
    assert list(canaries.leaks(stack)) == []


def test_what_is_deleted_is_found_no_more(sdk) -> None:
    sdk.uploader.upload(picture(), public_id="gone/soon", tags=["fleeting"])
    search = sdk.Search().expression("tags:fleeting")
    assert search.execute()["total_count"] == 1
    sdk.uploader.destroy("gone/soon")
    assert search.execute()["total_count"] == 0
