"""What is handed out ends when what is in it is erased."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient, TestServer

from origin.api.handing_out import WRITE_BYTES, hand_out


async def pieces() -> AsyncGenerator[bytes, None]:
    yield bytes(4 * WRITE_BYTES)


@pytest.mark.parametrize(("live", "status"), [(0, 500), (3, 200)])
async def test_what_is_erased_on_its_way_is_cut_off(live: int, status: int) -> None:
    """`live`: how often it is there when that is asked; the first time is before the head."""
    answers: Iterator[bool] = iter([True] * live)

    async def handed(request: web.Request) -> web.StreamResponse:
        return await hand_out(request, web.StreamResponse(), pieces(), is_live=lambda: next(answers, False))

    app = web.Application()
    app.router.add_get("/", handed)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        assert answer.status == status
        if status == 200:
            came = 0
            with pytest.raises(ClientError):
                async for piece in answer.content.iter_any():
                    came += len(piece)
            assert came <= (live - 1) * WRITE_BYTES
