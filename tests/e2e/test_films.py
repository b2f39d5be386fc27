"""Films and large files by the unmodified SDK, from their upload to what a browser gets of them, and to their end."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import cloudinary.exceptions
import cloudinary.utils
import pytest

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.infra.large_files import Blocks, Got, get, growth
from tests.pictures import films

LARGE_BYTES = 120_000_000
GROWTH_BYTES_MAX = 30_000_000

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def sdk(stack: Stack):
    return stack.sdk()


@pytest.fixture
def name(canaries: Canaries) -> str:
    return canaries.name("f")


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def test_a_film_is_told_of_and_comes_back_byte_for_byte(sdk, stack: Stack, name: str, corpus_media: Path) -> None:
    body = (corpus_media / "video" / "flower.mp4").read_bytes()
    made = sdk.uploader.upload(
        str(corpus_media / "video" / "flower.mp4"), resource_type="video", public_id=name, tags=[name]
    )
    told = {key: made[key] for key in ("resource_type", "format", "width", "height", "duration", "is_audio", "bytes")}
    assert told == {
        "resource_type": "video", "format": "mp4", "width": 960, "height": 540, "duration": 5.055, "is_audio": False,
        "bytes": len(body),
    }  # fmt: skip
    assert (made["etag"], made["bit_rate"]) == (md5(body), round(len(body) * 8 / 5.055))
    assert (made["video"], made["audio"]) == ({"codec": "h264"}, {"codec": "aac", "frequency": 48000, "channels": 2})
    url, _ = cloudinary.utils.cloudinary_url(name, resource_type="video", format="mp4", version=made["version"])
    assert url == made["url"]
    path = stack.path_of(url)
    got = stack.get(path)
    assert (got.status, got.body == body) == (200, True)
    assert got.headers["content-type"] == "video/mp4"
    assert got.headers["etag"] == f'"{md5(body)}"'
    assert "content-disposition" not in got.headers
    part = stack.get(path, Range="bytes=1000-1999")
    assert (part.status, part.body) == (206, body[1000:2000])
    head = stack.request("HEAD", path)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(body)), b"")
    listed = sdk.api.resources(resource_type="video", type="upload", prefix=name)["resources"]
    assert [(one["public_id"], one["duration"], one["format"]) for one in listed] == [(name, 5.055, "mp4")]
    assert sdk.api.resource(name, resource_type="video")["bit_rate"] == made["bit_rate"]


@pytest.mark.parametrize("transformation", ["w_300", "c_fill,h_100,w_100", "f_auto,q_auto", "if_w_gt_1,w_5,if_end"])
def test_a_film_is_not_transformed_and_that_is_said(sdk, stack: Stack, name: str, transformation: str) -> None:
    sdk.uploader.upload(io.BytesIO(films.mp4()), resource_type="video", public_id=name)
    got = stack.get(f"/demo/video/upload/{transformation}/v1/{name}.mp4")
    assert got.status == 400
    if "if_" not in transformation:
        assert got.headers["x-cld-error"] == "Video transformations are not supported"
    for extension in ("jpg", "webm"):
        poster = stack.get(f"/demo/video/upload/v1/{name}.{extension}")
        assert (poster.status, poster.headers["x-cld-error"]) == (400, "Video transformations are not supported")
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Video transformations are not supported"):
        sdk.uploader.upload(
            io.BytesIO(films.mp4()), resource_type="video", public_id=name, eager=[{"width": 300, "crop": "scale"}]
        )


@pytest.mark.parametrize("kind", sorted(films.ALL))
def test_auto_tells_films_from_other_files(sdk, stack: Stack, name: str, kind: str) -> None:
    body = films.ALL[kind]
    made = sdk.uploader.upload(io.BytesIO(body), resource_type="auto", public_id=name)
    assert (made["resource_type"], made["format"]) == ("video", kind)
    assert made["is_audio"] is (kind in {"mp3", "wav", "m4a"})
    assert stack.get(stack.path_of(made["url"])).body == body


def test_what_is_no_film_is_refused(sdk, name: str) -> None:
    for body in (b"no film at all", films.mp4()[:150], films.box(b"ftyp", b"isom", bytes(4)) + bytes(100)):
        with pytest.raises(cloudinary.exceptions.BadRequest, match="Unsupported video format or file"):
            sdk.uploader.upload(io.BytesIO(body), resource_type="video", public_id=name)


def test_a_private_film_needs_a_signature_whatever_is_asked_of_it(sdk, stack: Stack, name: str) -> None:
    made = sdk.uploader.upload(io.BytesIO(films.mp4()), resource_type="video", type="private", public_id=name)
    assert stack.get(stack.path_of(made["url"])).body == films.mp4()
    for asked in ("", "w_300/"):
        assert stack.get(f"/demo/video/private/{asked}v1/{name}.mp4").status == 401


def test_a_film_of_many_chunks_is_relayed_in_parts_and_held_by_nobody(sdk, stack: Stack, name: str) -> None:
    index = films.mp4(media=b"", last=False)[:-8]
    head = index + (LARGE_BYTES - len(index)).to_bytes(4, "big") + b"mdat"
    file = Blocks(LARGE_BYTES, head)
    made = sdk.uploader.upload_large(file, resource_type="video", public_id=name, chunk_size=20_000_000)
    assert (made["bytes"], made["etag"], made["format"]) == (LARGE_BYTES, file.md5, "mp4")
    path, host = stack.path_of(made["url"]), f"127.0.0.1:{stack.edge_port}"
    workers = stack.processes("edge")
    for _ in workers:
        get(host, path, {"Range": "bytes=0-1000000"})
    grown, got = _grown(workers, lambda: get(host, path))
    assert (got.status, got.body_bytes, got.md5) == (200, LARGE_BYTES, file.md5)
    assert grown < GROWTH_BYTES_MAX
    last = get(host, path, {"Range": f"bytes={LARGE_BYTES - 10}-"})
    assert (last.status, last.body_bytes) == (206, 10)
    sdk.uploader.destroy(name, resource_type="video")
    assert stack.get(path).status == 404


def _grown(pids: list[int], work) -> tuple[int, Got]:
    """The most that one of these processes grew."""
    if not pids:
        return 0, work()
    with growth(pids[0]) as seen:
        rest, got = _grown(pids[1:], work)
    return max(seen.bytes, rest), got
