"""Health: alive (the process answers) and ready (it may be given traffic).

A check is a name and a function that returns None when all is well, or a constant snake_case reason. Reasons are shown to
whoever asks, so they carry no value: "lease_lost", not which tenant's.

    /healthz -> 200 {"status": "alive"}                      while the loop turns
    /readyz  -> 200 {"status": "ready", "checks": {...}} or 503 {"status": "not_ready", ...} with Retry-After
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

CHECK_SECONDS_MAX = 1.0
"""A check that takes longer is not well."""
CHECKS_MAX = 32
RETRY_AFTER_SECONDS = 1

_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")

Reason = str | None
Probe = Callable[[], Reason | Awaitable[Reason]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What every check said: "ok" or its reason."""

    ready: bool
    checks: dict[str, str]


class Health:
    """The checks of one process."""

    def __init__(self) -> None:
        self._checks: dict[str, Probe] = {}
        self._told: set[str] = set()

    def add(self, name: str, probe: Probe, *, gates: bool = True) -> None:
        """Register a check; `name` is a constant snake_case noun. A later one of the same name replaces it. One that does not
        gate is told, and the process is ready all the same.
        """
        if not _REASON.fullmatch(name):
            raise ValueError(f"not a snake_case name: {name!r}")
        if name not in self._checks and len(self._checks) >= CHECKS_MAX:
            raise ValueError(f"more than {CHECKS_MAX} checks")
        self._checks[name] = probe
        self._told.discard(name)
        if not gates:
            self._told.add(name)

    async def report(self) -> Report:
        """Ask every check, each for at most CHECK_SECONDS_MAX."""
        said = {name: await self._ask(probe) for name, probe in self._checks.items()}
        ready = all(answer == "ok" or name in self._told for name, answer in said.items())
        return Report(ready=ready, checks=said)

    @staticmethod
    async def _ask(probe: Probe) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                answer = probe()
                if inspect.isawaitable(answer):
                    answer = await answer
        except TimeoutError:
            return "no_answer"
        except Exception:  # noqa: BLE001 — supervisor: a check that breaks is a reason, not a crash of the probe
            return "check_failed"
        if answer is None:
            return "ok"
        return answer if _REASON.fullmatch(answer) else "unnamed_reason"

    async def healthz(self, _request: web.Request) -> web.Response:
        """Handler of GET /healthz."""
        return web.json_response({"status": "alive"}, headers={"Cache-Control": "no-store"})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Handler of GET /readyz."""
        report = await self.report()
        headers = {"Cache-Control": "no-store"}
        if not report.ready:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        body = {"status": "ready" if report.ready else "not_ready", "checks": report.checks}
        return web.json_response(body, status=200 if report.ready else 503, headers=headers)
