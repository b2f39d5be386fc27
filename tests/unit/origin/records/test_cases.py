"""Requests of persons: found by their dates, and nothing else of them is in the open."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from domicile.media.errors import AssetNotFound, BadRequest
from origin.records import NOTICE, Case, CaseDetail, CaseKind, CaseLinks, CaseOutcome, CaseTold, NewTask, Records, cases
from tests.infra.records import CLOUD, count_rows, written

SECRET = "person-4711-jane"


def at(records: Records, day: str) -> None:
    seconds = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + 3600
    object.__setattr__(records._core, "now", lambda: seconds)


async def case(records: Records, received: str, kind: CaseKind = CaseKind.ACCESS, cloud: str = CLOUD) -> Case:
    detail = CaseDetail(
        kind=kind,
        received=date.fromisoformat(received),
        created_at=0.0,
        subject=records.subjects.pseudonym(cloud, SECRET),
        reference=SECRET,
    )
    return await records.cases.open(cloud, detail)


async def shown(records: Records, *, is_open: bool | None = True, overdue: bool = False) -> list[str]:
    page = await records.cases.page(CLOUD, is_open=is_open, overdue=overdue, limit=10, cursor="")
    return [one.case_id for one in page.cases]


async def test_the_overdue_come_first_and_are_counted(records: Records, tmp_path: Path) -> None:
    at(records, "2026-11-26")
    await records.create_tenant("other")
    late, soon, far = [await case(records, day) for day in ("2026-10-20", "2026-10-28", "2026-11-20")]
    await case(records, "2026-10-01", cloud="other")
    assert await shown(records) == [late.case_id, soon.case_id, far.case_id]
    assert await shown(records, overdue=True) == [late.case_id]
    assert await records.cases.counts() == (4, 2)
    assert [one.is_overdue(date(2026, 11, 26)) for one in (late, soon, far)] == [True, False, False]
    page = await records.cases.page(CLOUD, is_open=None, overdue=False, limit=2, cursor="")
    assert page.next_cursor is not None
    rest = await records.cases.page(CLOUD, is_open=None, overdue=False, limit=2, cursor=page.next_cursor)
    assert ([one.case_id for one in rest.cases], rest.next_cursor) == ([far.case_id], None)
    assert SECRET.encode() not in written(tmp_path)
    with pytest.raises(AssetNotFound):
        await records.cases.get("other", late.case_id)


async def test_it_is_extended_once_and_only_in_time(records: Records) -> None:
    at(records, "2026-11-26")
    one, late = await case(records, "2026-11-05"), await case(records, "2026-10-20")
    assert one.due == date(2026, 12, 7)
    done = await records.cases.extend(CLOUD, one.case_id, "many pictures")
    assert (done.due, done.detail.extension_reason) == (date(2027, 2, 5), "many pictures")
    for case_id, said in ((one.case_id, "already"), (late.case_id, "overdue")):
        with pytest.raises(BadRequest, match=said):
            await records.cases.extend(CLOUD, case_id, "again")
    assert await records.cases.get(CLOUD, one.case_id) == done


async def test_a_closed_one_keeps_its_proof_for_a_while_and_changes_no_more(records: Records, tmp_path: Path) -> None:
    at(records, "2026-11-26")
    one = await case(records, "2026-11-05", CaseKind.ERASURE)
    await records.cases.link(CLOUD, one.case_id, CaseLinks(erasure_id="e" * 32))
    done = await records.cases.close(CLOUD, one.case_id, CaseOutcome.DONE, "", kept_days=10)
    assert (done.is_open, done.detail.erasure_id, done.detail.closed_at) == (False, "e" * 32, records._core.now())
    assert (await shown(records), await shown(records, is_open=False)) == ([], [one.case_id])
    assert await records.cases.counts() == (0, 0)
    for change in (
        records.cases.extend(CLOUD, one.case_id, "late"),
        records.cases.close(CLOUD, one.case_id, CaseOutcome.REFUSED, "", kept_days=1),
    ):
        with pytest.raises(BadRequest, match="closed"):
            await change
    for days, left in ((9, 1), (11, 0)):
        at(records, (date(2026, 11, 26) + timedelta(days=days)).isoformat())
        await cases.drop_old(records._core)
        assert count_rows(tmp_path, "subject_case") == left


async def test_notices_are_left_once_for_each_of_both_dates(records: Records) -> None:
    at(records, "2026-11-26")
    one = await case(records, "2026-11-05")
    tasks = [NewTask(kind=NOTICE, detail=b"due")]
    assert await records.cases.untold(days=7) == ()
    for day, what in (("2026-12-01", CaseTold.SOON), ("2026-12-08", CaseTold.OVERDUE)):
        at(records, day)
        ((found, told),) = await records.cases.untold(days=7)
        assert (found.case_id, told) == (one.case_id, what)
        for _ in range(2):  # two clocks at once leave it once
            await records.cases.tell(found, told, tasks)
        assert await records.cases.untold(days=7) == ()
        (task,) = await records.notices.due(limit=10)
        assert task.detail == b"due"
        await records.notices.done(task.id)
    await records.cases.close(CLOUD, one.case_id, CaseOutcome.DONE, "", kept_days=1)
    assert await records.cases.untold(days=7) == ()


async def test_an_extension_is_told_of_anew(records: Records) -> None:
    at(records, "2026-12-05")
    one = await case(records, "2026-11-05")
    ((found, told),) = await records.cases.untold(days=7)
    await records.cases.tell(found, told, [])
    await records.cases.extend(CLOUD, one.case_id, "many pictures")
    assert await records.cases.untold(days=7) == ()
    at(records, "2027-02-01")
    ((found, told),) = await records.cases.untold(days=7)
    assert told is CaseTold.SOON
