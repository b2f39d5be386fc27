"""Looks at the register of requests now and then: tells those whom a cloud has told of events of cases that are due soon, and
of those that are overdue, once each; and counts them.
"""

from __future__ import annotations

import secrets

from domicile.service import logging
from domicile.service.rounds import keep_at
from origin.api.notices import audience_of, told
from origin.api.params import Params
from origin.keys import Origin
from origin.records import Case, CaseTold

LOOK_SECONDS = 60.0
REQUEST_ID_BYTES = 16
EVENTS = {CaseTold.SOON: "subject_case_due", CaseTold.OVERDUE: "subject_case_overdue"}

log = logging.get()


async def run(origin: Origin) -> None:
    """Until it is cancelled."""

    async def do() -> float:
        await look(origin)
        return LOOK_SECONDS

    await keep_at(do, of="case_clock", retry_seconds=LOOK_SECONDS)


async def look(origin: Origin) -> int:
    """How many cases something was left to be told of."""
    cases = origin.records.cases
    found = await cases.untold(days=origin.settings.subjects.due_days)
    for case, what in found:
        await _tell(origin, case, what)
    return len(found)


async def _tell(origin: Origin, case: Case, what: CaseTold) -> None:
    """Ids and dates; nobody's name."""
    audience = await audience_of(origin.records, case.tenant)
    word = told(Params(), request_id=secrets.token_hex(REQUEST_ID_BYTES), now=origin.now(), audience=audience)
    tasks = word.saying(
        EVENTS[what],
        lambda: {"case_id": case.case_id, "kind": str(case.detail.kind), "due_date": case.due.isoformat()},
    )
    await origin.records.cases.tell(case, what, tasks)
