"""Calls to one bucket: to one host, tried again while there is sense in it, and for so long in all.

No redirect is followed, a region that an answer names is not turned to, and no proxy, profile or metadata service of the
environment is asked. For domicile/service/gate/s3.py, which asks for permits.
"""

from __future__ import annotations

import asyncio
import io
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import structlog
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError
from yarl import URL

from domicile.media.errors import OutsideRegion, UpstreamUnavailable
from domicile.service.buckets import S3Credentials, S3Limits, S3Where
from domicile.service.s3_answers import Verdict, pause_seconds, verdict_of

T = TypeVar("T")
Answer = Mapping[str, Any]

KEEPALIVE_SECONDS = 15.0
"""How long an unused connection is kept; below the 20 seconds after which services close theirs."""

_NO_FILES: Mapping[str, tuple[None, None, str | None, None]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}

log = structlog.get_logger(__name__)


class S3Missing(Exception):
    """There is no such object, or no such upload."""


class S3Refused(UpstreamUnavailable):
    """It will be refused again: the operator has to look. `code` is the service's word for why."""

    def __init__(self, operation: str, code: str, *, elsewhere: bool = False) -> None:
        super().__init__("The store of originals refuses; its operator has to look")
        self.operation = operation
        self.code = code
        self.elsewhere = elsewhere


class _Direct:
    """An aiohttp session that follows nothing, and uses no proxy."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def request(self, method: str, **how: Any) -> aiohttp.ClientResponse:
        how |= {"allow_redirects": False, "proxy": None, "proxy_headers": None}
        return await self._http.request(method, **how)


def _sessions_for(where: S3Where) -> type[AIOHTTPSession]:
    class _Session(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore publishes no types
        async def send(self, request: Any) -> Any:
            url = URL(request.url, encoded=True)
            if (url.scheme, url.host, url.port) != where.address:
                raise OutsideRegion("a request to the store of originals would have gone elsewhere")
            return await super().send(request)

        async def _get_session(self, proxy_url: str | None) -> _Direct:
            return _Direct(await super()._get_session(None))

    return _Session


class S3Calls:
    """One process's connections to one bucket."""

    def __init__(self, client: Any, where: S3Where, limits: S3Limits) -> None:
        self.client = client
        self._limits = limits
        self.where = where
        self.whose = {"Bucket": where.bucket} | ({"ExpectedBucketOwner": where.owner} if where.owner else {})

    @classmethod
    @asynccontextmanager
    async def open(
        cls, where: S3Where, credentials: S3Credentials, limits: S3Limits, authority: Path | None
    ) -> AsyncIterator[S3Calls]:
        config = AioConfig(
            http_session_cls=_sessions_for(where),
            connector_args={"keepalive_timeout": KEEPALIVE_SECONDS},
            connect_timeout=limits.connect_seconds_max,
            read_timeout=limits.read_seconds_max,
            max_pool_connections=limits.connections_max,
            proxies={},
            retries={"total_max_attempts": 1},  # ours are in `tried`
            signature_version="s3v4",
            s3={"addressing_style": "virtual" if where.is_aws else "path"},
            request_checksum_calculation="when_required",  # Content-MD5 is what every S3 verifies
            response_checksum_validation="when_required",
        )
        client = AioSession(session_vars=dict(_NO_FILES)).create_client(
            "s3",
            region_name=where.region,
            endpoint_url=where.endpoint,
            verify=True if authority is None else str(authority),
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.session_token,
            config=config,
        )
        async with client as opened:
            opened.meta.events.register_last("before-parameter-build.s3", _not_redirected)
            yield cls(opened, where, limits)

    async def call(
        self, operation: str, *, body: bytes | None = None, missing: frozenset[str] = frozenset(), **asked: Any
    ) -> Answer:
        """`missing`: codes that mean S3Missing here, beside the usual ones."""
        method = getattr(self.client, operation)

        async def _once() -> Answer:
            content = {} if body is None else {"Body": io.BytesIO(body)}  # each try reads it from its beginning
            answer: Answer = await method(**asked, **content, **self.whose)
            return answer

        return await self.tried(operation, _once, missing)

    async def tried(self, operation: str, once: Callable[[], Awaitable[T]], missing: frozenset[str] = frozenset()) -> T:
        """Until it works, is refused, or `seconds_max` is over."""
        tries, why = 0, "none"
        try:
            async with asyncio.timeout(self._limits.seconds_max):
                while True:
                    try:
                        return await once()
                    except ClientError as refused:
                        status, why = code_of(refused)
                        if why in missing:
                            raise S3Missing from refused
                        _judge(operation, status, why)
                    except (BotoCoreError, aiohttp.ClientError, asyncio.IncompleteReadError, OSError) as failed:
                        why = type(failed).__name__
                    tries += 1
                    await asyncio.sleep(pause_seconds(tries, random.random()))  # noqa: S311 - no secret
        except TimeoutError as late:
            log.warning("store_unavailable", operation=operation, tries=tries, why=why)
            raise UpstreamUnavailable("The store of originals does not answer now; try again later") from late


def _not_redirected(context: dict[str, Any], **_: Any) -> None:
    """Botocore asks no other region for the way when it believes that it has done so already."""
    context.setdefault("s3_redirect", {})["redirected"] = True


def _judge(operation: str, status: int, code: str) -> None:
    """Returns when there is sense in another try."""
    match verdict_of(status, code):
        case Verdict.MISSING:
            raise S3Missing
        case Verdict.AGAIN:
            return
        case Verdict.ELSEWHERE | Verdict.REFUSED as verdict:
            log.error("store_refused", operation=operation, status=status, code=code)
            raise S3Refused(operation, code, elsewhere=verdict is Verdict.ELSEWHERE)


def code_of(refused: ClientError) -> tuple[int, str]:
    answer = refused.response
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), str(
        answer.get("Error", {}).get("Code", "")
    )
