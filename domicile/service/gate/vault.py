"""The way to a Vault: short JSON calls of its HTTP API, for the keyring's root alone.

Blocking, for the keyring's own thread: each call has a loop and a connection of its own, which is dear only where calls are many.
No redirects (a standby that cannot pass a call on is as good as away), TLS verified, no cookies, no proxies, bounded in time and
in what is read. What may pass is tried again with growing pauses; what remains is UpstreamUnavailable.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Activity, Permit
from domicile.service.gate.sessions import USER_AGENT, new_session

ANSWER_BYTES_MAX = 256 * 1024
ATTEMPTS_MAX = 5
BACK_OFF_SECONDS, BACK_OFF_SECONDS_MAX = 0.2, 3.0
PASSING = frozenset({412, 429, 472, 473, 500, 502, 503, 504})
"""Not caught up, too many calls, a standby, a failure, sealed or being maintained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultWhere:
    base: str
    """Scheme and authority."""
    namespace: str = ""
    connect_seconds_max: float = 5.0
    seconds_max: float = 20.0
    """Of one call, all tries and pauses included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultAnswer:
    status: int
    body: Mapping[str, Any] = field(repr=False)
    """Empty where there is none."""

    @property
    def is_done(self) -> bool:
        return self.status in {200, 204}

    @property
    def is_absent(self) -> bool:
        """There is nothing at this path; a path that leads nowhere has the same status, and says so."""
        return self.status == 404 and self.body.get("errors") == []


class VaultClient:
    def __init__(self, where: VaultWhere, authorities: ssl.SSLContext | None = None) -> None:
        self._where = where
        self._authorities = authorities

    def call(
        self, permit: Permit, tenant: str, method: str, path: str, *, token: str, body: Mapping[str, Any] | None = None
    ) -> VaultAnswer:
        """`path`: below /v1/. Raises UpstreamUnavailable. `permit`: Activity.KEYS where the Vault lies."""
        permit.require(Activity.KEYS, tenant)
        return asyncio.run(self._called(method, path, token, body))

    async def _called(self, method: str, path: str, token: str, body: Mapping[str, Any] | None) -> VaultAnswer:
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true", **USER_AGENT}
        if self._where.namespace:
            headers["X-Vault-Namespace"] = self._where.namespace
        # No `total` of the library: it would end with ours at the same moment, and swallow its cancellation.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._where.connect_seconds_max)
        tls = self._authorities or ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        failure = "no time was left"
        try:
            async with (
                asyncio.timeout(self._where.seconds_max),
                new_session(aiohttp.TCPConnector(limit=1, ssl=tls), timeout, headers) as session,
            ):
                for attempt in range(ATTEMPTS_MAX):
                    if attempt:
                        await asyncio.sleep(min(BACK_OFF_SECONDS * 2 ** (attempt - 1), BACK_OFF_SECONDS_MAX))
                    try:
                        answer = await self._once(session, method, path, body)
                    except (aiohttp.ClientError, OSError, ValueError) as failed:
                        failure = type(failed).__name__
                        continue
                    if answer.status not in PASSING:
                        return answer
                    failure = f"status {answer.status}"
        except TimeoutError:
            failure += ", and time ran out"
        raise UpstreamUnavailable(f"the Vault cannot be reached ({failure})")

    async def _once(
        self, session: aiohttp.ClientSession, method: str, path: str, body: Mapping[str, Any] | None
    ) -> VaultAnswer:
        url = f"{self._where.base}/v1/{path}"
        async with session.request(method, url, json=body, allow_redirects=False) as answer:
            raw = bytearray()
            while len(raw) <= ANSWER_BYTES_MAX and (
                piece := await answer.content.read(ANSWER_BYTES_MAX + 1 - len(raw))
            ):
                raw += piece
            if len(raw) > ANSWER_BYTES_MAX:
                raise ValueError("the answer is too long")
            said = json.loads(raw) if raw.strip() else {}
            return VaultAnswer(status=answer.status, body=said if isinstance(said, dict) else {})
