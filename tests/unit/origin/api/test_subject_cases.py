from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from origin.app import api_app
from origin.keys import ORIGIN
from origin.records import Records
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
JANE = "person-4711-jane"


class Caller:
    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    async def __call__(self, method: str, path: str = "", **body: Any) -> tuple[int, dict[str, Any]]:
        sent: dict[str, Any] = {"json": body} if method == "POST" else {"params": body}
        answer = await self.client.request(method, f"/v1_1/{CLOUD}/subjects/cases{path}", **sent)
        return answer.status, await answer.json()


@pytest_asyncio.fixture
async def call(records: Records) -> AsyncIterator[Caller]:
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    object.__setattr__(records._core, "now", lambda: NOW)
    basic = base64.b64encode(f"{tenant.api_key}:{tenant.api_secret}".encode()).decode()
    app = api_app(origin_over(records))
    app[ORIGIN].now = lambda: NOW
    async with TestClient(TestServer(app), headers={"Authorization": f"Basic {basic}"}) as client:
        yield Caller(client)


async def test_a_request_is_noted_extended_linked_and_closed(call: Caller) -> None:
    status, made = await call("POST", kind="access", received="2026-11-05", subject_id=JANE, reference="ticket 7")
    assert (status, made["due_date"], made["days_left"], made["overdue"]) == (200, "2026-12-07", 11, False)
    assert JANE not in str(made)
    _, again = await call("POST", kind="erasure", received="2026-10-20", subject_id=JANE)
    assert again["subject"] == made["subject"], "the same person"
    assert [one["case_id"] for one in (await call("GET"))[1]["cases"]] == [again["case_id"], made["case_id"]]
    assert [one["overdue"] for one in (await call("GET", state="overdue"))[1]["cases"]] == [True]
    at = f"/{made['case_id']}"
    assert (await call("POST", at + "/extend", reason="many"))[1]["due_date"] == "2027-02-05"
    assert (await call("POST", at + "/link", export_id="e" * 32))[1]["export_id"] == "e" * 32
    status, closed = await call("POST", at + "/close", outcome="done")
    assert (status, closed["state"], closed["export_id"], closed["days_left"]) == (200, "closed", "e" * 32, None)
    assert (await call("GET", at))[1] == closed
    assert (await call("GET", state="closed"))[1]["cases"] == [closed]
    metrics = await (await call.client.get("/metrics")).text()
    assert 'domicile_origin_subject_cases{state="open"} 1.0' in metrics
    assert 'domicile_origin_subject_cases{state="overdue"} 1.0' in metrics


A = "/" + "a" * 32
BAD = [
    ("", {}, "kind"),
    ("", {"kind": "other"}, "kind"),
    ("", {"kind": "access", "received": "26.11.2026"}, "received"),
    ("", {"kind": "access", "received": "2026-11-27"}, "received"),
    ("", {"kind": "access", "reference": "x" * 1001}, "reference"),
    ("?subject_id=x", {"kind": "access"}, "belongs into the body"),
    (A + "/extend", {}, "reason"),
    (A + "/close", {"outcome": "refused"}, "reason"),
    (A + "/close", {"outcome": "done"}, "not found"),
    (A + "/close", {"outcome": "over"}, "outcome"),
]


async def test_a_call_that_is_none_is_refused_by_name(call: Caller) -> None:
    for path, body, said in BAD:
        status, answer = await call("POST", path, **body)
        assert status == (404 if said == "not found" else 400)
        assert said in answer["error"]["message"]
    for asked in ({"state": "late"}, {"next_cursor": "x"}, {"max_results": "501"}):
        assert (await call("GET", **asked))[0] == 400
