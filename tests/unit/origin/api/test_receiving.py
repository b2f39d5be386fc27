"""What a form has in the place of a file, how much of it is taken from whom, and what stays of it: nothing."""

from __future__ import annotations

import base64
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from domicile.media.errors import BadRequest, LimitExceeded, MediaError, Overloaded
from origin.api import intake, receiving
from origin.api.forms import UploadForm
from origin.api.params import Params
from origin.api.receiving import Receiver, from_base64
from origin.records import Body, Held, Records, SpoolFile, whole
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD

PNG = bytes(range(256)) * 100
BASE64 = base64.b64encode(PNG)
STRANGER_BYTES_MAX = 60_000


@pytest.fixture
def receiver(records: Records) -> Iterator[Receiver]:
    """For a raw file, of somebody without credentials."""
    origin = origin_over(records)
    limits = replace(
        origin.settings.upload,
        upload_bytes_max=STRANGER_BYTES_MAX,
        raw_bytes_max=200_000,
        body_bytes_max=8000,
        in_flight_bytes_max=100_000,
    )
    origin.settings = replace(origin.settings, upload=limits)
    origin.budget.bytes_max = limits.in_flight_bytes_max
    with origin.budget.account() as account, ExitStack() as opened:
        yield Receiver(
            origin=origin,
            request=make_mocked_request("POST", "/"),
            cloud=CLOUD,
            resource_type="image",
            account=account,
            opened=opened,
        )


@pytest.fixture
def owner(receiver: Receiver, records: Records) -> Receiver:
    """The same, and a raw file of the cloud's owner, by Basic."""
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    basic = base64.b64encode(f"{tenant.api_key}:{tenant.api_secret}".encode()).decode()
    request = make_mocked_request("POST", "/", {"Authorization": f"Basic {basic}"})
    return replace(receiver, request=request, resource_type="raw")


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 1000):
        yield body[at : at + 1000]


async def taken(receiver: Receiver, body: bytes) -> Body:
    return await receiver.take(in_pieces(body), Params(), False)


async def meant(receiver: Receiver, text: bytes | None) -> bytes:
    form = UploadForm(params=Params(), file=None if text is None else Held(text), is_text=True)
    return await whole((await receiver.file_of(form))[0])


async def test_a_small_file_lies_in_memory_and_is_charged_to_the_budget_of_all(receiver: Receiver) -> None:
    assert await taken(receiver, PNG) == Held(PNG)
    assert receiver.origin.budget.used == len(PNG)
    receiver.origin.budget.used = 90_000
    with pytest.raises(Overloaded):
        await taken(receiver, PNG)


async def test_a_large_file_lies_on_the_disk_sealed_and_without_a_name_until_the_call_is_over(
    owner: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(intake, "HELD_BYTES_MAX", 10_000)
    monkeypatch.setattr(intake, "WRITTEN_AT_ONCE_BYTES", 3000)
    body = b"plain words " * 12_000
    file = await taken(owner, body)
    spool = owner.origin.records.spool
    assert isinstance(file, SpoolFile)
    assert await whole(file) == body
    assert spool.bytes == len(body)
    assert owner.origin.budget.used <= 11_000, "what is in memory of it does not grow"
    held = Path(f"/proc/self/fd/{file._descriptor}").read_bytes()
    assert len(held) > len(body)
    assert b"plain words" not in held
    assert not list((tmp_path / "data" / "spool").iterdir())
    owner.opened.close()
    assert spool.bytes == 0
    assert not Path(f"/proc/self/fd/{file._descriptor}").exists()


async def test_a_stranger_sends_no_more_than_a_picture_may_have(receiver: Receiver) -> None:
    receiver.origin.budget.bytes_max = 10**6
    await taken(receiver, bytes(STRANGER_BYTES_MAX))
    with pytest.raises(LimitExceeded, match=r"Maximum is 60000\.$"):
        await taken(receiver, bytes(STRANGER_BYTES_MAX + 1))
    with pytest.raises(LimitExceeded, match=r"Maximum is 60000\. A larger file comes behind the parameters"):
        await taken(replace(receiver, resource_type="raw"), bytes(STRANGER_BYTES_MAX + 1))


async def test_an_owner_sends_raw_files_that_are_larger_than_pictures_may_be(
    owner: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "HELD_BYTES_MAX", 10_000)
    assert (await taken(owner, bytes(200_000))).body_bytes == 200_000
    with pytest.raises(LimitExceeded, match="Maximum is 200000"):
        await taken(owner, bytes(200_001))
    with pytest.raises(LimitExceeded, match="Maximum is 60000"):
        await taken(replace(owner, resource_type="image"), bytes(STRANGER_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "text",
    [
        b"data:image/png;base64," + BASE64,
        b"data:;base64," + BASE64.replace(b"+", b"%2B").replace(b"/", b"%2f").replace(b"=", b"%3D"),
        b"data:image/png;charset=x;base64,\r\n " + BASE64[:100] + b"\n" + BASE64[100:],
        PNG,
    ],
)
async def test_a_text_is_a_data_uri_or_the_bytes_themselves(receiver: Receiver, text: bytes) -> None:
    assert await meant(receiver, text) == PNG


def test_base64_may_be_cut_anywhere() -> None:
    chance = random.Random(7)
    text = BASE64[:3000].replace(b"+", b"%2B").replace(b"/", b"%2f") + b"QQ%3D%3D"
    for _ in range(200):
        left, plain = b"", b""
        for piece in _cut(text, chance):
            more, left = from_base64(left + piece)
            plain += more
        assert plain + from_base64(left, is_last=True)[0] == base64.b64decode(BASE64[:3000] + b"QQ==")


def _cut(text: bytes, chance: random.Random) -> Iterator[bytes]:
    while text:
        size = chance.randint(1, 90)
        yield text[:size]
        text = text[size:]


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
async def test_a_text_that_carries_no_file_is_refused(
    receiver: Receiver, text: bytes | None, kind: type[MediaError]
) -> None:
    with pytest.raises(kind):
        await meant(receiver, text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"https://example.org/a.png", "https://example.org/a.png"),
        (b"HTTP://example.org/\xc3\xbc ", "HTTP://example.org/\u00fc"),
        (b"data:image/png;base64,QQ==", None),
    ],
)
async def test_an_address_is_told_from_a_file(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, text: bytes, address: str | None
) -> None:
    asked: list[str] = []

    async def fetch(_origin: object, _cloud: str, text: str, *_: object, **__: object) -> object:
        asked.append(text)
        raise BadRequest("fetched")

    monkeypatch.setattr(receiving, "fetch", fetch)
    if address is None:
        await meant(receiver, text)
        assert asked == []
    else:
        with pytest.raises(BadRequest, match="fetched"):
            await meant(receiver, text)
        assert asked == [address]
