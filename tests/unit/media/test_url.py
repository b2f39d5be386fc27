from __future__ import annotations

import csv
from pathlib import Path

import cloudinary
import cloudinary.utils
import pytest

from domicile.media.errors import AssetNotFound, BadSignature, BadTransformation, BadUrl, LimitExceeded, MediaError
from domicile.media.raw_path import PATH_BYTES_MAX
from domicile.media.remote_rules import RemoteRules, check_fetched
from domicile.media.url import build, on_shared_host, parse
from domicile.media.wire import NAMES_MAX

TESTS = Path(__file__).parents[2]


def path_rows() -> list[dict[str, str]]:
    with (TESTS / "vectors" / "url" / "paths.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def bad_rows() -> list[dict[str, str]]:
    with (TESTS / "data" / "bad_urls.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def none_as_dash(value: object) -> str:
    return "-" if value in {None, ""} else str(value)


@pytest.mark.parametrize("row", path_rows(), ids=lambda row: row["path"])
def test_a_path_says_what_it_asks_for(row):
    request = parse(row["path"])
    likeliest = request.candidates[0]
    assert request.cloud == "demo"
    assert f"{request.resource_type}/{request.delivery_type}" == row["place"]
    assert none_as_dash(request.signature) == row["signature"]
    assert none_as_dash(request.version) == row["version"]
    assert none_as_dash(likeliest.transformation_text) == row["transformation"]
    assert likeliest.public_id == row["public_id"]
    assert none_as_dash(likeliest.extension) == row["extension"]
    assert none_as_dash(request.seo_suffix) == row["suffix"]


@pytest.mark.parametrize("row", path_rows(), ids=lambda row: row["path"])
def test_the_canonical_path_asks_for_the_same(row):
    request = parse(row["path"])
    assert parse(build(request)) == request


@pytest.mark.parametrize("row", bad_rows(), ids=lambda row: row["id"])
def test_a_hostile_path_is_refused_in_the_languages_words(row):
    """Or by the strictest policy, which no picture from elsewhere passes."""
    with pytest.raises(MediaError):
        for candidate in parse(row["target"]).candidates:
            for layer in candidate.layers:
                check_fetched(layer.delivery_type, layer.public_id, RemoteRules())


def test_the_table_of_hostile_paths_is_not_empty():
    assert len(bad_rows()) == 45


@pytest.mark.parametrize(
    "path",
    [
        "",
        "demo/image/upload/pic",
        "http://evil.example/demo/image/upload/pic",
        "*",
        "//demo/image/upload/pic",
        "/demo/",
        "/demo",
        "/demo/image/upload",
        "/demo/image/upload/",
        "/demo/image/upload//pic",
        "/demo/image/upload/a//b",
        "/demo/image/upload/pic/",
        "/demo/image/upload/../pic",
        "/demo/image/upload/a/./pic",
        "/demo/image/upload/%2e%2E/pic",
        "/demo/image/upload/.%2e/pic",
        "/demo/image/upload/..jpg/%2e",
        "/demo/image/upload/v1/..jpg",
        "/demo/image/upload/a%2Fb",
        "/demo/image/upload/a%5cb",
        "/demo/image/upload/a\\b",
        "/demo/image/upload/a%00b",
        "/demo/image/upload/a%1fb",
        "/demo/image/upload/a%7Fb",
        "/demo/image/upload/a%C2%85b",
        "/demo/image/upload/a\tb",
        "/demo/image/upload/a b",
        "/demo/image/upload/a;b",
        "/demo/image/upload/a#b",
        '/demo/image/upload/a"b',
        "/demo/image/upload/a%",
        "/demo/image/upload/a%4",
        "/demo/image/upload/a%zz",
        "/demo/image/upload/%ff",
        "/demo/image/upload/%c0%ae%c0%ae/x",
        "/demo/image/upload/%ed%a0%80",
        "/demo/image/upload/\udcff",
        "/demo/image/upload/v1/" + "a" * 256,
        "/demo/image/upload/v1234567890123/pic",
        "/demo/image/upload/%76123/pic",
        "/demo/image/upload/s--AAAAAAAA--",
        "/demo/image/upload/pic%2Ejpg",
        "/demo/image/list/tag.json",
        "/demo/images/pic.jpg",
        "/demo/images/pic/seo.name.jpg",
        "/demo/image/fetch/pic.jpg",
        "/demo/image/fetch/http://",
        "/demo/image/fetch/http:",
        "/demo/image/fetch/http:///x",
        "/demo/image/fetch/http://x//y",
        "/demo/image/fetch/http://x/../y",
        "/demo/image/fetch/ftp:/x/y",
        "/demo/image/fetch/file:/etc/passwd",
    ],
)
def test_what_is_no_canonical_delivery_url_is_a_bad_url(path):
    with pytest.raises(BadUrl):
        parse(path)


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", "/DEMO/image/upload/pic", "/demo_1/x", "/iu/pic", "/" + "a" * 65 + "/x"]
)
def test_no_cloud_is_spelled_like_that(path):
    with pytest.raises(AssetNotFound):
        parse(path)


@pytest.mark.parametrize("signature", ["s----", "s--AAAAAAA--", "s--AAAAAAAAA--", "s--AAAA!AAA--", "%73--AAAAAAAA--"])
def test_a_malformed_signature_is_never_part_of_a_name(signature):
    with pytest.raises(BadSignature):
        parse(f"/demo/image/upload/{signature}/pic.jpg")


@pytest.mark.parametrize(
    "path",
    [
        "/demo/image/upload/photos/v1/pic.jpg",
        "/demo/image/upload/w_100/photos/v1/pic.jpg",
        "/demo/image/upload/w_100/h_abc/pic.jpg",
        "/demo/image/upload/w%5F100/pic.jpg",
        "/demo/image/upload/w_100%2Cc_fill/pic.jpg",
        "/demo/image/fetch/v1/w_5/http://x/y",
        "/demo/executable/upload/v1/a.png",
    ],
)
def test_what_stands_where_a_transformation_belongs_is_never_skipped(path):
    with pytest.raises(BadTransformation):
        parse(path)


def test_a_path_is_bounded_in_bytes_not_in_characters():
    rest = "/demo/image/upload/v1/"
    with pytest.raises(BadUrl, match="4096"):
        parse(rest + "é" * ((PATH_BYTES_MAX - len(rest)) // 2 + 1))
    assert parse("/demo/image/upload/pic?" + "x" * PATH_BYTES_MAX).candidates[0].public_id == "pic"


def test_without_a_version_every_split_is_a_candidate_and_the_longest_transformation_comes_first():
    request = parse("/demo/image/upload/c_fill,w_0100/w_20/pic.jpg")
    assert [(each.transformation_text, each.public_id, each.extension) for each in request.candidates] == [
        ("c_fill,w_100/w_20", "pic", "jpg"),
        ("c_fill,w_100", "w_20/pic", "jpg"),
        ("", "c_fill,w_0100/w_20/pic", "jpg"),
    ]
    assert len({each.signed_text for each in request.candidates}) == 1


def test_with_a_version_there_is_one_candidate():
    assert len(parse("/demo/image/upload/w_100/w_20/v1/pic.jpg").candidates) == 1


def test_there_are_never_more_candidates_than_the_wire_carries():
    request = parse("/demo/image/upload/" + "w_1/" * 20 + "pic")
    assert len(request.candidates) == NAMES_MAX
    assert len(request.candidates[0].transformation.components) == 20
    with pytest.raises(LimitExceeded):
        parse("/demo/image/upload/" + "w_1/" * 21 + "pic")
    with pytest.raises(LimitExceeded):
        parse("/demo/image/upload/" + "w_1/" * 21 + "v1/pic")


def test_a_split_whose_name_is_too_long_is_left_out():
    component = "fl_attachment:" + "a" * 120
    request = parse(f"/demo/image/upload/{component}/{component}/{'b' * 60}.jpg")
    assert [len(each.transformation.components) for each in request.candidates] == [2, 1]


@pytest.mark.parametrize(
    "path,cloud,public_id",
    [
        ("/image/upload/w_5/v1/pic.jpg", "acme", "pic"),
        ("/acme/image/upload/w_5/v1/pic.jpg", "acme", "pic"),
        ("/images/pic/seo.jpg", "acme", "pic"),
        ("/acme/images/pic/seo.jpg", "acme", "pic"),
        ("/iu/pic.jpg", "acme", "pic"),
        ("/pic.jpg", "acme", "pic"),
        ("/folder/pic.jpg", "acme", "folder/pic"),
        ("/acme/pic.jpg", "acme", "acme/pic"),
        ("/other/image/upload/pic.jpg", "acme", "other/image/upload/pic"),
        ("/res/acme/image/upload/pic.jpg", "acme", "pic"),
        ("/res/other/image/upload/pic.jpg", "acme", "res/other/image/upload/pic"),
    ],
)
def test_a_private_host_says_the_cloud(path, cloud, public_id):
    request = parse(on_shared_host(path, "acme"))
    assert request.cloud == cloud
    assert request.candidates[0].public_id == public_id


@pytest.mark.parametrize(
    "path,signed",
    [
        ("/demo/image/upload/s--AAAAAAAA--/w_5,c_fill/v1/folder/a%281%29.jpg", "w_5,c_fill/folder/a%281%29.jpg"),
        ("/demo/image/upload/s--AAAAAAAA--/w_5,c_fill/v1/folder/a(1).jpg?_a=x", "w_5,c_fill/folder/a(1).jpg"),
        ("/demo/image/upload/w_0100/pic.JPG", "w_0100/pic.JPG"),
        ("/demo/images/w_5/pic/seo.jpg", "w_5/pic.jpg"),
        ("/demo/files/v1/doc.pdf/report", "doc.pdf"),
        ("/demo/image/fetch/w_5/http:/x.eu/a%20b", "w_5/http://x.eu/a%20b"),
        ("/demo/image/fetch/http://x.eu/a%20b", "http://x.eu/a%20b"),
    ],
)
def test_a_signature_covers_the_bytes_as_received(path, signed):
    assert parse(path).candidates[0].signed_text == signed


@pytest.fixture
def sdk(monkeypatch):
    monkeypatch.delenv("CLOUDINARY_URL", raising=False)
    cloudinary.reset_config()
    cloudinary.config(cloud_name="demo", api_key="k", api_secret="s", cname="127.0.0.1:8080", secure=False)
    yield cloudinary.utils.cloudinary_url
    cloudinary.reset_config()


@pytest.mark.parametrize(
    "source,options,public_id",
    [
        ("pic", {"format": "jpg"}, "pic"),
        (
            "folder/pic",
            {"format": "jpg", "width": 300, "height": 200, "crop": "fill", "gravity": "north"},
            "folder/pic",
        ),
        ("a, b (1)!~é'*", {"format": "png", "width": 0.5, "crop": "scale"}, "a, b (1)!~é'*"),
        ("pic", {"url_suffix": "seo", "width": 10, "crop": "scale", "private_cdn": True, "format": "jpg"}, "pic"),
        ("w_100/pic", {"format": "jpg"}, "w_100/pic"),
        ("pic", {"shorten": True, "format": "jpg"}, "pic"),
        ("folder/pic", {"use_root_path": True, "format": "jpg"}, "folder/pic"),
        ("pic", {"transformation": [{"width": 5, "crop": "fit"}, {"angle": ["vflip", 20]}], "format": "gif"}, "pic"),
        (
            "pic",
            {"radius": [1, 2, 3], "effect": "blur:300", "dpr": 2.0, "quality": "auto:best", "format": "avif"},
            "pic",
        ),
        ("http://x.eu/a b.jpg?q=1&r=é", {"type": "fetch", "width": 5, "crop": "fit"}, "http://x.eu/a b.jpg?q=1&r=é"),
    ],
)
def test_what_the_python_sdk_writes_is_read(sdk, source, options, public_id):
    address, _ = sdk(source, sign_url=True, **dict(options))
    private = options.get("private_cdn", False)
    path = address.removeprefix("http://127.0.0.1:8080")
    request = parse(on_shared_host(path, "demo") if private else path)
    assert request.cloud == "demo"
    assert request.candidates[0].public_id == public_id
    assert request.signature is not None


@pytest.mark.parametrize(
    "path", ["v1/l_text:Arial_20:a%0Ab/pic", "v1/pic/l_text:Arial_20:a%0Ab", "l_text:Arial_20:a%0Ab"]
)
def test_a_line_break_never_becomes_part_of_a_name(path: str) -> None:
    with pytest.raises(BadUrl):
        parse(f"/demo/image/upload/{path}")


def test_no_candidate_of_a_text_with_lines_has_them_in_its_name() -> None:
    candidates = parse("/demo/image/upload/l_text:Arial_20:a%0Ab/pic.jpg").candidates
    assert [candidate.public_id for candidate in candidates] == ["pic"]
