"""The register of requests of persons (Art. 12(3) GDPR; docs/data-subjects.md): a date that is due, and who is told of it.

    POST subjects/cases                 kind  received  subject_id  reference     -> a case, with its due_date
    GET  subjects/cases                 state=open | overdue | closed | all       the first due first
    GET  subjects/cases/{id}
    POST subjects/cases/{id}/extend     reason                                    two further months, once
    POST subjects/cases/{id}/close      outcome=done | refused | withdrawn  reason  erasure_id  export_id
    POST subjects/cases/{id}/link       erasure_id  export_id                     what was done for it

Whom a case is about is kept as a keyed hash, which `subject` tells: equal ones are the same person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar

from aiohttp import web

from domicile.media.errors import BadRequest
from origin.api.answers import Json, instant
from origin.api.call import admin, reply
from origin.api.params import Params, check_parameters
from origin.api.routes import CLOUD, Route
from origin.api.subjects import check_not_in_query, subject_of
from origin.keys import Origin
from origin.records import Case, CaseDetail, CaseKind, CaseLinks, CaseOutcome
from origin.records.case_dates import day_of

OPEN = frozenset({"kind", "received", "subject_id", "reference"})
LISTING = frozenset({"state", "max_results", "next_cursor"})
EXTEND = frozenset({"reason"})
LINKS = frozenset({"erasure_id", "export_id"})
CLOSE = LINKS | {"outcome", "reason"}
STATES: Mapping[str, tuple[bool | None, bool]] = {
    "open": (True, False),
    "overdue": (True, True),
    "closed": (False, False),
    "all": (None, False),
}
"""(is it open?, only those that are overdue)."""
MAX_RESULTS, MAX_RESULTS_MAX = 50, 500
TEXT_CHARS_MAX = 1000
ID_CHARS_MAX = 64
RECEIVED_DAYS_MAX = 3650
"""How long ago a request may have been received."""

E = TypeVar("E", bound=StrEnum)


async def open_case(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Note a request that came, and learn by when it must be answered."""
    check_not_in_query(request.query)
    origin, tenant, params = await admin(request, path)
    check_parameters(params, OPEN)
    subject = None
    if "subject_id" in params:
        origin.limits.count_lookup(tenant.cloud, now=origin.now())
        subject = origin.records.subjects.pseudonym(tenant.cloud, subject_of(params))
    detail = CaseDetail(
        kind=_one_of(params, "kind", CaseKind),
        received=_received(params, day_of(origin.now())),
        created_at=origin.now(),
        subject=subject,
        reference=_text(params, "reference"),
    )
    return reply(_row(await origin.records.cases.open(tenant.cloud, detail), origin))


async def listing(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Those that are due first come first; `open` unless another state is asked for."""
    origin, tenant, params = await admin(request, path)
    check_parameters(params, LISTING)
    state = params.text("state") or "open"
    if state not in STATES:
        raise BadRequest(f"Invalid value for parameter state: must be one of {', '.join(STATES)}")
    is_open, overdue = STATES[state]
    page = await origin.records.cases.page(
        tenant.cloud,
        is_open=is_open,
        overdue=overdue,
        limit=params.number("max_results", MAX_RESULTS, at_least=1, at_most=MAX_RESULTS_MAX),
        cursor=params.text("next_cursor"),
    )
    answer: Json = {"cases": [_row(case, origin) for case in page.cases]}
    return reply(answer | ({"next_cursor": page.next_cursor} if page.next_cursor else {}))


async def show(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """One case."""
    origin, tenant, _ = await admin(request, path)
    return reply(_row(await origin.records.cases.get(tenant.cloud, path["id"]), origin))


async def extend(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Two further months, for a reason that the person is told while the first one runs."""
    origin, tenant, params = await admin(request, path)
    check_parameters(params, EXTEND)
    params.required("reason")
    return reply(_row(await origin.records.cases.extend(tenant.cloud, path["id"], _text(params, "reason")), origin))


async def link(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Note which erasure, or which export, was made for it."""
    origin, tenant, params = await admin(request, path)
    check_parameters(params, LINKS)
    return reply(_row(await origin.records.cases.link(tenant.cloud, path["id"], _links(params)), origin))


async def close(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """It was answered. A refusal needs its reason."""
    origin, tenant, params = await admin(request, path)
    check_parameters(params, CLOSE)
    outcome = _one_of(params, "outcome", CaseOutcome)
    if outcome is CaseOutcome.REFUSED:
        params.required("reason")
    cases, days = origin.records.cases, origin.settings.subjects.cases_kept_days
    done = await cases.close(tenant.cloud, path["id"], outcome, _text(params, "reason"), _links(params), kept_days=days)
    return reply(_row(done, origin))


def _received(params: Params, today: date) -> date:
    text = params.text("received")
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError as bad:
        raise BadRequest("Invalid value for parameter received: must be a date like 2026-11-26") from bad
    if not today - timedelta(days=RECEIVED_DAYS_MAX) <= day <= today:
        raise BadRequest(f"Invalid value for parameter received: must lie within the last {RECEIVED_DAYS_MAX} days")
    return day


def _one_of(params: Params, name: str, kinds: type[E]) -> E:
    text = params.required(name)
    try:
        return kinds(text)
    except ValueError as bad:
        raise BadRequest(f"Invalid value for parameter {name}: must be one of {', '.join(kinds)}") from bad


def _text(params: Params, name: str, most: int = TEXT_CHARS_MAX) -> str:
    text = params.text(name)
    if len(text) > most:
        raise BadRequest(f"Parameter {name} is too long: at most {most} characters")
    return text


def _links(params: Params) -> CaseLinks:
    return CaseLinks(**{name: _text(params, name, ID_CHARS_MAX) for name in LINKS})


def _row(case: Case, origin: Origin) -> Json:
    detail, today = case.detail, day_of(origin.now())
    return {
        "case_id": case.case_id,
        "kind": str(detail.kind),
        "state": "open" if case.is_open else "closed",
        "received": detail.received.isoformat(),
        "due_date": case.due.isoformat(),
        "days_left": (case.due - today).days if case.is_open else None,
        "overdue": case.is_overdue(today),
        "subject": detail.subject,
        "reference": detail.reference,
        "extended_at": _instant(detail.extended_at),
        "extension_reason": detail.extension_reason,
        "outcome": None if detail.outcome is None else str(detail.outcome),
        "closed_at": _instant(detail.closed_at),
        "closing_reason": detail.closing_reason,
        "erasure_id": detail.erasure_id,
        "export_id": detail.export_id,
    }


def _instant(seconds: float | None) -> str | None:
    return None if seconds is None else instant(seconds)


CASES = CLOUD + "/subjects/cases"
ROUTES: tuple[Route, ...] = (
    Route("subject_cases", "POST", CASES, open_case),
    Route("subject_cases", "GET", CASES, listing),
    Route("subject_case", "GET", CASES + "/{id}", show),
    Route("subject_case", "POST", CASES + "/{id}/extend", extend),
    Route("subject_case", "POST", CASES + "/{id}/close", close),
    Route("subject_case", "POST", CASES + "/{id}/link", link),
)
