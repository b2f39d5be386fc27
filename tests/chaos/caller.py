"""Who uploads and erases: over the API, with the secret itself, again and again until there is an answer that counts."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.chaos.book import Life, Upload
from tests.chaos.bounds import POLL_SECONDS
from tests.integration.origin_process import OriginProcess
from tests.soak.oracle import Wrong

CALL_SECONDS_MAX = 60.0
UPLOAD_SECONDS_MAX = 30.0
ANSWERED_SECONDS_MAX = 600.0
"""By then an erasure is over, whatever happens meanwhile."""
RETRYABLE = frozenset({420, 429, 500, 503})


def name_of(slot: int) -> str:
    return f"chaos{slot}"


@dataclass(slots=True)
class Caller:
    origin: OriginProcess
    http: aiohttp.ClientSession

    async def upload(self, upload: Upload) -> bool:
        """Acknowledged? If not, it may still come to pass. Waits for an origin that takes no connection."""
        while True:
            try:
                return await self._upload(upload)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(POLL_SECONDS)

    async def _upload(self, upload: Upload) -> bool:
        form = aiohttp.FormData({"public_id": name_of(upload.slot)})
        form.add_field("file", upload.body(), filename="f")
        kind = "raw" if upload.is_raw else "image"
        try:
            status, answer = await self._call("POST", f"/v1_1/demo/{kind}/upload", form, UPLOAD_SECONDS_MAX)
        except aiohttp.ClientConnectorError:
            raise
        except (OSError, aiohttp.ClientError, TimeoutError):
            return False
        if status not in {200, *RETRYABLE}:
            raise Wrong(f"an upload was answered {status} {answer}")
        return status == 200

    async def erase(self, life: Life, request_id: str) -> None:
        """Until the statement says that it is verified; `life` is told each time."""
        async for statement in self.statements(name_of(life.upload.slot), request_id, POLL_SECONDS):
            life.told(statement, time.monotonic())

    async def statements(self, public_id: str, request_id: str, poll_seconds: float) -> AsyncIterator[dict[str, Any]]:
        """Of one erasure, each as it comes, up to the one that says `erased`."""
        form = {"mode": "erase", "selector[public_id]": public_id, "request_id": request_id}
        statement = await self._until_answered("POST", "/v1_1/demo/erasures", form)
        until = time.monotonic() + ANSWERED_SECONDS_MAX
        while True:
            yield statement
            if statement["outcome"] == "erased":
                return
            if time.monotonic() > until:
                raise Wrong(f"an erasure is still not over: {statement}")
            await asyncio.sleep(poll_seconds)
            statement = await self._until_answered("GET", statement["status_url"], None)

    async def _until_answered(self, method: str, path: str, form: dict[str, str] | None) -> dict[str, Any]:
        until = time.monotonic() + ANSWERED_SECONDS_MAX
        while True:
            said: Any = ""
            try:
                status, said = await self._call(method, path, form, CALL_SECONDS_MAX)
            except (OSError, aiohttp.ClientError, TimeoutError) as failed:
                status, said = 503, failed
            if status == 200:
                return said
            if status not in RETRYABLE:
                raise Wrong(f"{method} {path} was answered {status} {said}")
            if time.monotonic() > until:
                raise Wrong(f"{method} {path} is not answered any more: {status} {said}")
            await asyncio.sleep(POLL_SECONDS)

    async def _call(
        self, method: str, path: str, data: aiohttp.FormData | dict[str, str] | None, seconds_max: float
    ) -> tuple[int, Any]:
        timeout = aiohttp.ClientTimeout(total=seconds_max)
        url = f"http://127.0.0.1:{self.origin.port}{path}"
        async with self.http.request(method, url, data=data, timeout=timeout) as response:
            return response.status, await response.json()


@asynccontextmanager
async def calling(origin: OriginProcess) -> AsyncIterator[Caller]:
    key, secret = origin.credentials
    headers = {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), headers=headers) as http:
        yield Caller(origin, http)
