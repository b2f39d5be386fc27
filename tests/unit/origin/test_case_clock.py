from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from origin import case_clock
from origin.api.notices import Notice
from origin.records import CaseDetail, CaseKind, Records, Trigger
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD
from tests.unit.origin.test_notice_worker import allow


def instant(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


async def test_whoever_wants_to_know_is_told_before_and_after_the_date_and_of_nobody(
    records: Records, tmp_path: Path
) -> None:
    await allow(records, tmp_path, '["app.example"]')
    for kind in ("subject_case_due", "subject_case_overdue", "upload"):
        url = f"https://app.example/{kind}"
        told = Trigger(id=kind, uri=url, event_type=kind, created_at=0.0, updated_at=0.0)
        await records.triggers.add(CLOUD, kind, told)
    origin = origin_over(records)
    detail = CaseDetail(kind=CaseKind.ACCESS, received=date(2026, 11, 5), created_at=0.0, reference="person-4711-jane")
    case = await records.cases.open(CLOUD, detail)
    for day, kind in (("2026-11-26", ""), ("2026-12-01", "subject_case_due"), ("2026-12-08", "subject_case_overdue")):
        object.__setattr__(records._core, "now", lambda day=day: instant(day))
        assert await case_clock.look(origin) == bool(kind)
        tasks = await records.notices.due(limit=10)
        assert len(tasks) == bool(kind)
        for task in tasks:
            notice = msgspec.msgpack.decode(task.detail, type=Notice)
            body = json.loads(notice.body)
            assert notice.url == f"https://app.example/{kind}"
            assert (body["notification_type"], body["case_id"], body["due_date"]) == (kind, case.case_id, "2026-12-07")
            assert b"jane" not in notice.body
            await records.notices.done(task.id)
