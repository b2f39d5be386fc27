from __future__ import annotations

from unittest.mock import AsyncMock, Mock

import msgspec
import pytest

from domicile.media.errors import BadRequest
from edge.question import QUESTION_BYTES_MAX, read_question


class Asked(msgspec.Struct):
    text: str


def request(body: bytes, *, method: str = "POST", path: str = "/ask") -> Mock:
    pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)]
    return Mock(method=method, raw_path=path, content=Mock(readany=AsyncMock(side_effect=[*pieces, b""])))


async def test_a_question_is_read_from_its_pieces() -> None:
    asked = Asked(text="x" * 10_000)
    assert await read_question(request(msgspec.msgpack.encode(asked)), "/ask", Asked) == asked


@pytest.mark.parametrize(
    "wrong",
    [
        request(b"\x81\xa4text\xa1x", method="GET"),
        request(b"\x81\xa4text\xa1x", path="/other"),
        request(b"\xff"),
        request(msgspec.msgpack.encode(Asked(text="x" * QUESTION_BYTES_MAX))),
    ],
)
async def test_what_is_no_question_or_too_long_a_one_is_refused(wrong: Mock) -> None:
    with pytest.raises(BadRequest):
        await read_question(wrong, "/ask", Asked)
