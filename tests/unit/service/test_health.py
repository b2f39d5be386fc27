"""Ready means every check says so, soon, and in constant words."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from domicile.service import health
from domicile.service.health import Health


def request(path: str) -> web.Request:
    return make_mocked_request("GET", path)


async def test_ready_when_every_check_is_well() -> None:
    checks = Health()
    checks.add("catalogue", lambda: None)

    async def lease() -> None: ...

    checks.add("lease", lease)
    response = await checks.readyz(request("/readyz"))
    assert response.status == 200
    assert json.loads(response.text or "")["checks"] == {"catalogue": "ok", "lease": "ok"}


async def test_one_bad_check_is_503_with_its_reason() -> None:
    checks = Health()
    checks.add("catalogue", lambda: None)
    checks.add("lease", lambda: "lease_lost")
    response = await checks.readyz(request("/readyz"))
    assert response.status == 503
    assert response.headers["Retry-After"] == "1"
    assert json.loads(response.text or "")["checks"]["lease"] == "lease_lost"


async def test_a_check_that_hangs_breaks_or_talks_too_much_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS_MAX", 0.01)
    checks = Health()

    async def hangs() -> None:
        await asyncio.Event().wait()

    def breaks() -> None:
        raise RuntimeError("/secret/path")

    checks.add("hangs", hangs)
    checks.add("breaks", breaks)
    checks.add("talks", lambda: "cannot open /secret/path")
    report = await checks.report()
    assert report.checks == {"hangs": "no_answer", "breaks": "check_failed", "talks": "unnamed_reason"}
    assert not report.ready


async def test_alive_needs_no_check() -> None:
    checks = Health()
    checks.add("lease", lambda: "lease_lost")
    assert (await checks.healthz(request("/healthz"))).status == 200


def test_names_are_plain_and_their_number_is_bounded() -> None:
    checks = Health()
    with pytest.raises(ValueError, match="snake_case"):
        checks.add("Lease lost", lambda: None)
    for number in range(health.CHECKS_MAX):
        checks.add(f"check_{number}", lambda: None)
    with pytest.raises(ValueError, match="more than"):
        checks.add("one_more", lambda: None)
