"""Bodies of calls: what is parsed before anybody is known stays small, and what is not what it says is a BadRequest."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from domicile.media.errors import BadRequest, LimitExceeded, MediaError, Overloaded
from origin.api import forms
from origin.api.forms import Budget, UploadForm, file_bytes, read_params, read_upload, remote_address
from origin.api.params import Params
from origin.settings import UploadSettings

LIMITS = UploadSettings(
    upload_bytes_max=60_000, fields_max=10, field_bytes_max=3000, body_bytes_max=8000, in_flight_bytes_max=100_000
)

Post = Callable[..., Awaitable[Any]]


class Reader:
    """What the handler read, or the error it raised."""

    def __init__(self) -> None:
        self.limits = LIMITS
        self.budget = Budget(LIMITS.in_flight_bytes_max)
        self.taken = 0

    async def upload(self, request: web.Request) -> web.Response:
        with self.budget.account() as account:
            return await self._answer(read_upload(request, self.limits, account))

    async def params(self, request: web.Request) -> web.Response:
        return await self._answer(read_params(request, self.limits))

    async def _answer(self, reading: Awaitable[Any]) -> web.Response:
        try:
            self.read = await reading
        except MediaError as refused:
            self.read = refused
        self.taken = self.budget.used
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


async def test_a_file_is_charged_to_the_budget_of_all_uploads(post: Post, reader: Reader) -> None:
    def form(size: int) -> aiohttp.FormData:
        fields = aiohttp.FormData({"tags": "a"}, quote_fields=False)
        fields.add_field("file", io.BytesIO(b"x" * size), filename="pics/a.png")
        return fields

    read = await post("/upload", form(50_000))
    assert isinstance(read, UploadForm)
    assert (read.file_name, len(read.raw or b""), reader.taken) == ("a.png", 50_000, 50_000)
    assert reader.budget.used == 0
    reader.budget.used = 60_000
    assert isinstance(await post("/upload", form(50_000)), Overloaded)
    assert reader.budget.used == 60_000
    reader.budget.used = 0
    assert isinstance(await post("/upload", form(60_001)), LimitExceeded)


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


PNG = bytes(range(256)) * 100
BASE64 = base64.b64encode(PNG)


@pytest.mark.parametrize(
    "text",
    [
        b"data:image/png;base64," + BASE64,
        b"data:;base64," + BASE64.replace(b"+", b"%2B").replace(b"/", b"%2f").replace(b"=", b"%3D"),
        b"data:image/png;charset=x;base64,\r\n " + BASE64[:100] + b"\n" + BASE64[100:],
        PNG,
    ],
)
def test_a_text_is_a_data_uri_or_the_bytes_themselves(text: bytes) -> None:
    assert file_bytes(UploadForm(params=Params(), raw=text, is_text=True), LIMITS) == PNG


def test_a_data_uri_larger_than_one_step_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "BASE64_STEP_CHARS", 8)
    body = b"0123456789abcdefg"
    text = b"data:a/b;base64," + base64.b64encode(body)
    assert file_bytes(UploadForm(params=Params(), raw=text, is_text=True), LIMITS) == body


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"data:a/b;base64,abcde", BadRequest),
        (b"data:a/b;base64,QQ==QQ==", BadRequest),
        (b"data:a/b;base64,%%%%", BadRequest),
        (b"data:a/b;base64,", BadRequest),
        (b"data:a/b," + b"%41" * 3000, LimitExceeded),
        (b"data:a/b;base64," + b"A" * 100_000, LimitExceeded),
        (b"s3://bucket/a.png", BadRequest),
        (b"x" * 60_001, LimitExceeded),
        (b"", BadRequest),
        (None, BadRequest),
    ],
)
def test_a_text_that_carries_no_file_is_refused(text: bytes | None, kind: type[MediaError]) -> None:
    with pytest.raises(kind):
        file_bytes(UploadForm(params=Params(), raw=text, is_text=True), LIMITS)


@pytest.mark.parametrize(
    ("raw", "is_text", "address"),
    [
        (b"https://example.org/a.png", True, "https://example.org/a.png"),
        (b"HTTP://example.org/\xc3\xbc ", True, "HTTP://example.org/\u00fc"),
        (b"https://example.org/a.png", False, None),
        (b"data:image/png;base64,QQ==", True, None),
        (b"s3://bucket/a.png", True, None),
        (None, True, None),
    ],
)
def test_an_address_is_told_from_a_file(raw: bytes | None, is_text: bool, address: str | None) -> None:
    assert remote_address(UploadForm(params=Params(), raw=raw, is_text=is_text)) == address


def test_the_defaults_keep_parameters_far_below_a_file() -> None:
    plain = UploadSettings()
    assert plain.body_bytes_max <= 1024 * 1024
    assert plain.field_bytes_max < plain.body_bytes_max
