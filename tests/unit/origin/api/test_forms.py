"""Bodies of calls: what is parsed before anybody is known stays small, and what is not what it says is a BadRequest."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from domicile.media.errors import BadRequest, LimitExceeded, MediaError
from origin.api.forms import UploadForm, read_params, read_upload
from origin.api.params import Params
from origin.records import Body, Held
from origin.settings import UploadSettings

LIMITS = UploadSettings(
    upload_bytes_max=60_000, fields_max=10, field_bytes_max=3000, body_bytes_max=8000, in_flight_bytes_max=100_000
)

Post = Callable[..., Awaitable[Any]]


class Reader:
    """What the handler read, or the error it raised."""

    def __init__(self) -> None:
        self.limits = LIMITS
        self.before: Params | None = None

    async def upload(self, request: web.Request) -> web.Response:
        return await self._answer(read_upload(request, self.limits, self.take))

    async def take(self, pieces: AsyncIterator[bytes], before: Params, is_text: bool) -> Body:
        self.before = before
        return Held(b"".join([piece async for piece in pieces]))

    async def params(self, request: web.Request) -> web.Response:
        return await self._answer(read_params(request, self.limits))

    async def _answer(self, reading: Awaitable[Any]) -> web.Response:
        try:
            self.read = await reading
        except MediaError as refused:
            self.read = refused
        return web.Response()


@pytest_asyncio.fixture
async def reader() -> Reader:
    return Reader()


@pytest_asyncio.fixture
async def post(reader: Reader) -> AsyncIterator[Post]:
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/upload", reader.upload)
    app.router.add_route("*", "/params", reader.params)
    async with TestClient(TestServer(app)) as client:

        async def send(path: str, body: Any, kind: str | None = None, **headers: str) -> Any:
            given = {**headers, **({"Content-Type": kind} if kind else {})}
            async with client.post(path, data=body, headers=given) as answer:
                assert answer.status == 200
            return reader.read

        yield send


FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.mark.parametrize("path", ["/upload", "/params"])
@pytest.mark.parametrize(("kind", "body"), [(FORM, b"file=" + b"%41" * 3000), (JSON, b'{"a":["' + b"x" * 8000)])
async def test_a_flat_body_is_as_small_as_parameters_are(post: Post, path: str, kind: str, body: bytes) -> None:
    refused = await post(path, body, kind)
    assert isinstance(refused, LimitExceeded)
    assert "Maximum is 8000 bytes; send a file as multipart/form-data" in refused.message


@pytest.mark.parametrize("path", ["/upload", "/params"])
async def test_the_fields_of_a_form_are_small_all_together(post: Post, path: str) -> None:
    form = aiohttp.FormData({f"p{number}": "x" * 2700 for number in range(3)}, default_to_multipart=True)
    refused = await post(path, form)
    assert isinstance(refused, LimitExceeded)
    alone = await post(path, aiohttp.FormData({"a": "x" * 3001}, default_to_multipart=True))
    assert isinstance(alone, BadRequest)
    assert "too long" in alone.message


async def test_a_file_is_handed_on_with_what_came_before_it(post: Post, reader: Reader) -> None:
    fields = aiohttp.FormData({"tags": "a"}, quote_fields=False)
    fields.add_field("file", io.BytesIO(b"x" * 50_000), filename="pics/a.png")
    fields.add_field("public_id", "b")
    read = await post("/upload", fields)
    assert isinstance(read, UploadForm)
    assert (read.file_name, read.file, read.is_text) == ("a.png", Held(b"x" * 50_000), False)
    assert reader.before is not None
    assert (reader.before.values, read.params.values) == ({"tags": "a"}, {"tags": "a", "public_id": "b"})


async def test_a_body_that_comes_too_slowly_is_refused_and_a_large_file_has_longer(post: Post, reader: Reader) -> None:
    async def slow(pieces: int, pause: float) -> AsyncIterator[bytes]:
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(pieces):
            await asyncio.sleep(pause)
            yield b"x" * 1000
        yield b"\r\n--B--\r\n"

    kind = "multipart/form-data; boundary=B"
    reader.limits = replace(LIMITS, body_seconds_max=0.4, body_bytes_per_second_min=1)
    assert isinstance(await post("/upload", slow(7, 0.1), kind), UploadForm), "each piece earns its second"
    assert isinstance(await post("/upload", slow(1, 0.7), kind), BadRequest), "nothing may come for too long"
    reader.limits = replace(LIMITS, body_seconds_max=0.4, body_bytes_per_second_min=1_000_000)
    assert isinstance(await post("/upload", slow(7, 0.1), kind), BadRequest), "it is below the slowest pace"


async def test_a_call_without_a_file_takes_none(post: Post) -> None:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(b"x" * 100_000), filename="a.png")
    refused = await post("/params", form)
    assert isinstance(refused, BadRequest)
    assert refused.message == "Unknown parameter - file"


@pytest.mark.parametrize("path", ["/upload", "/params"])
@pytest.mark.parametrize(
    ("body", "kind", "headers"),
    [
        (b"no gzip at all", FORM, {"Content-Encoding": "gzip"}),
        (b"\xff\xfe=1", FORM, {}),
        (b'{"prefix": "\\ud800"}', JSON, {}),
        (b'{"asset_ids": ["\\ud800"]}', JSON, {}),
        (b'{"selector": {"tag": "\\ud800"}}', JSON, {}),
        (b'{"\\ud800": 1}', JSON, {}),
        (b'{"selector": {"\\ud800": 1}}', JSON, {}),
        (b'{"a": [', JSON, {}),
        (b"--B\r\n\r\nx\r\n--B--", "multipart/form-data; boundary=B", {}),
        (b"--B\r\n", "multipart/form-data", {}),
        (
            b'--B\r\nContent-Disposition: form-data; name="tags"\r\n\r\n\xff\r\n--B--\r\n',
            "multipart/form-data; boundary=B",
            {},
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--B--\r\n',
            "multipart/form-data; boundary=B",
            {},
        ),
        (b"&".join(b"k%d=" % number for number in range(11)), FORM, {}),
    ],
)
async def test_what_is_not_what_it_says_is_a_bad_request(
    post: Post, path: str, body: bytes, kind: str, headers: dict[str, str]
) -> None:
    assert isinstance(await post(path, body, kind, **headers), BadRequest)


async def test_a_compressed_body_is_measured_unpacked(post: Post) -> None:
    packed = gzip.compress(b"a=" + b"x" * 1_000_000)
    assert len(packed) < 8000
    assert isinstance(await post("/params", packed, FORM, **{"Content-Encoding": "gzip"}), LimitExceeded)


async def test_query_and_body_are_read_together_and_never_twice(post: Post) -> None:
    read = await post("/params?type=private", b"public_id=a", FORM)
    assert read.values == {"type": "private", "public_id": "a"}
    assert isinstance(await post("/params?public_id=b", b"public_id=a", FORM), BadRequest)
    assert isinstance(await post("/params?" + "&".join(f"k{n}=" for n in range(11)), b"", FORM), BadRequest)


def test_the_defaults_keep_parameters_far_below_a_file() -> None:
    plain = UploadSettings()
    assert plain.body_bytes_max <= 1024 * 1024
    assert plain.field_bytes_max < plain.body_bytes_max
