"""The main job, as a newcomer sees it: upload with the official SDK, look at the pictures, twice."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from tests.e2e.canary import Canaries
from tests.e2e.stack import Reply, Stack
from tests.infra.server_timing import parse_server_timing

PHOTOS = {
    "phone": ("photos/phone_12mp_exif6_gps_p3.jpg", (3024, 4032), "jpg"),
    "bug": ("png/rgba_blackbug.png", (2048, 1536), "png"),
    "loop": ("anim/loop3.gif", (370, 285), "gif"),
}


@pytest.fixture(scope="module")
def uploads(stack: Stack, canaries: Canaries) -> dict[str, dict[str, object]]:
    from tests.corpus import require_corpus

    uploader = stack.sdk().uploader
    answers = {}
    for label, (file, _, _) in PHOTOS.items():
        source = require_corpus() / "media" / file
        answers[label] = uploader.upload(
            io.BytesIO(source.read_bytes()),
            public_id=canaries.name(label),
            folder=canaries.name("folder"),
            tags=[canaries.name("tag"), "holiday"],
            context={"caption": canaries.name("caption")},
            filename=canaries.name("file") + source.suffix,
        )
    return answers


def source_of(corpus: Path, label: str) -> Image.Image:
    return Image.open(corpus / PHOTOS[label][0])


@pytest.mark.parametrize("label", list(PHOTOS))
def test_the_upload_answer_tells_the_displayed_size_and_our_own_urls(
    stack: Stack, uploads: dict[str, dict[str, object]], label: str
) -> None:
    answer, (_, size, kind) = uploads[label], PHOTOS[label]
    assert (answer["width"], answer["height"]) == size
    assert answer["format"] == kind
    assert answer["resource_type"] == "image"
    assert re.fullmatch("[0-9a-f]{32}", str(answer["asset_id"]))
    assert stack.path_of(str(answer["url"])).startswith("/demo/image/upload/v")


def test_the_greeting_says_what_decoders_read_and_write(stack: Stack, uploads: dict[str, dict[str, object]]) -> None:
    said = " ".join(stack.log.read_text("utf-8", "replace").split())
    assert re.search(r"formats reads [a-z0-9 ]*jpg [a-z0-9 ]+ pdf svg; writes jpg [a-z0-9 ]+ \(pillow", said)
    assert "faces CenterFace, onnxruntime " in said


RENDITIONS = [
    ("phone", "c_fill,w_300,h_200", "jpg", (300, 200), "JPEG"),
    ("phone", "c_fit,w_300,h_300", "jpg", (225, 300), "JPEG"),
    ("phone", "c_thumb,g_north_west,w_100,h_100/a_90", "webp", (100, 100), "WEBP"),
    ("bug", "c_scale,w_256", "png", (256, 192), "PNG"),
    ("bug", "c_pad,w_200,h_200,b_rgb:ff0000", "jpg", (200, 200), "JPEG"),
    ("loop", "c_scale,w_185", "gif", (185, 143), "GIF"),
    ("loop", "c_scale,w_185,f_webp", "gif", (185, 143), "WEBP"),
]


@pytest.mark.parametrize(("label", "transformation", "extension", "size", "kind"), RENDITIONS)
def test_a_rendition_has_its_size_and_format_and_its_second_request_is_a_hit(
    stack: Stack,
    uploads: dict[str, dict[str, object]],
    label: str,
    transformation: str,
    extension: str,
    size: tuple[int, int],
    kind: str,
) -> None:
    path = f"/demo/image/upload/{transformation}/v1/{uploads[label]['public_id']}.{extension}"
    first, second = stack.get(path), stack.get(path)
    assert (first.status, second.status) == (200, 200), first.headers
    picture = Image.open(io.BytesIO(first.body))
    assert picture.format == kind
    assert picture.size == size
    if label == "loop":
        assert getattr(picture, "n_frames", 1) == 10
    assert first.cache.startswith("fwd=")
    assert second.cache == "hit"
    assert second.body == first.body
    assert second.headers["etag"] == first.headers["etag"]
    timings = {metric.name: metric for metric in parse_server_timing(second.headers["server-timing"])}
    assert timings["cache"].desc is not None
    assert "hit" in timings["cache"].desc.lower()


def test_the_phone_photo_stands_upright(
    stack: Stack, uploads: dict[str, dict[str, object]], corpus_media: Path
) -> None:
    path = f"/demo/image/upload/c_scale,w_90/{uploads['phone']['public_id']}.png"
    got = Image.open(io.BytesIO(stack.get(path).body)).convert("L")
    upright = ImageOps.exif_transpose(source_of(corpus_media, "phone"))
    assert upright is not None
    wanted = upright.convert("L").resize(got.size)
    turned = wanted.rotate(180)

    def distance(one: Image.Image, other: Image.Image) -> float:
        pairs = zip(one.tobytes(), other.tobytes(), strict=True)
        return sum(abs(a - b) for a, b in pairs) / (one.width * one.height)

    assert distance(got, wanted) < 12
    assert distance(got, turned) > 25


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "avif", "gif"])
def test_no_metadata_survives_in_any_format(
    stack: Stack, uploads: dict[str, dict[str, object]], extension: str
) -> None:
    reply = stack.get(f"/demo/image/upload/c_scale,w_200/{uploads['phone']['public_id']}.{extension}")
    assert reply.status == 200
    picture = Image.open(io.BytesIO(reply.body))
    assert not picture.getexif()
    for marker in (b"Exif\0\0", b"http://ns.adobe.com/xap", b"8BIM", b"GPS", b"iPhone", b"Apple"):
        assert marker not in reply.body


def test_the_original_is_delivered_without_its_position(stack: Stack, uploads: dict[str, dict[str, object]]) -> None:
    reply = stack.get(stack.path_of(str(uploads["phone"]["url"])))
    assert reply.status == 200
    assert not Image.open(io.BytesIO(reply.body)).getexif()
    assert reply.headers["etag"].strip('"').split("-")[0] == uploads["phone"]["etag"]


def negotiated(stack: Stack, path: str, accept: str) -> Reply:
    return stack.get(path, Accept=accept)


def test_f_auto_gives_each_browser_what_it_can_read_and_says_so(
    stack: Stack, uploads: dict[str, dict[str, object]]
) -> None:
    path = f"/demo/image/upload/c_scale,w_120,f_auto/{uploads['phone']['public_id']}"
    for accept, kind in [("image/avif,image/webp,*/*", "avif"), ("image/webp,*/*", "webp"), ("*/*", "jpeg")]:
        reply = negotiated(stack, path, accept)
        assert reply.headers["content-type"] == f"image/{kind}"
        assert "accept" in reply.headers["vary"].lower()
    fixed = stack.get(f"/demo/image/upload/c_scale,w_120/{uploads['phone']['public_id']}.jpg", Accept="image/avif")
    assert fixed.headers["content-type"] == "image/jpeg"
    assert "accept" not in fixed.headers.get("vary", "").lower()


def test_conditional_and_range_requests(stack: Stack, uploads: dict[str, dict[str, object]]) -> None:
    path = f"/demo/image/upload/c_scale,w_220/{uploads['bug']['public_id']}.png"
    whole = stack.get(path)
    etag = whole.headers["etag"]
    same = stack.get(path, **{"If-None-Match": f'"other", W/{etag}'})
    assert (same.status, same.body) == (304, b"")
    assert same.headers["etag"] == etag
    assert "server-timing" in same.headers
    part = stack.get(path, Range="bytes=10-19")
    assert (part.status, part.body) == (206, whole.body[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.body)}"
    stale = stack.get(path, Range="bytes=10-19", **{"If-Range": '"another"'})
    assert (stale.status, stale.body) == (200, whole.body)
    beyond = stack.get(path, Range=f"bytes={len(whole.body)}-")
    assert beyond.status == 416
    head = stack.request("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))


def test_what_is_not_supported_is_refused_by_name(stack: Stack, uploads: dict[str, dict[str, object]]) -> None:
    for component in ("e_cartoonify", "c_imagga_scale,w_100", "l_video:a", "w_1e9"):
        reply = stack.get(f"/demo/image/upload/{component}/v1/{uploads['bug']['public_id']}.png")
        assert reply.status == 400, component
        assert reply.headers["x-cld-error"].startswith("Invalid transformation component - ")
        assert "no-store" in reply.headers["cache-control"]


def test_copies_outside_have_short_lives(stack: Stack, uploads: dict[str, dict[str, object]]) -> None:
    reply = stack.get(f"/demo/image/upload/c_scale,w_60/{uploads['bug']['public_id']}.png")
    said = reply.headers["cache-control"]
    assert "must-revalidate" in said
    assert "immutable" not in said
    assert int(re.findall(r"max-age=(\d+)", said)[0]) <= 60
    assert int(re.findall(r"s-maxage=(\d+)", said)[0]) <= 300
    assert reply.headers["x-content-type-options"] == "nosniff"
