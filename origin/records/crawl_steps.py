"""Comparing what records tell with what a store lists, both ways. Decides only; `origin.records.crawl` asks and acts.

A page of a listing covers the keys after the one where the last page ended, up to its own last one, or all that are left when the
listing has ended. In that span everything listed must be known, and everything known must be listed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from domicile.media.asset import Aid
from origin.store.port import Blob, key_of

AID_END = "g"
"""Greater than every aid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Aids of one tenant: greater than `after`, not greater than `until`."""

    tenant: str
    after: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Of one span. Each is asked about once more before it is told: something may have changed meanwhile."""

    unlisted: tuple[Blob, ...]
    """Bytes that no record tells of."""
    phantom: tuple[str, ...]
    """Keys whose bytes are not there."""


def spans(after: str, until: str | None, tenants: Iterable[str]) -> list[Span]:
    """The keys (after, until] by tenant, in the order of the keys; `until` None: to the end."""
    found = []
    for tenant in sorted(tenants, key=lambda name: key_of(name, "")):
        first, last = key_of(tenant, ""), key_of(tenant, AID_END)
        if last <= after or (until is not None and until < first):
            continue
        begins = after[len(first) :] if after.startswith(first) else ""
        ends = until[len(first) :] if until is not None and until.startswith(first) else AID_END
        found.append(Span(tenant=tenant, after=begins, until=ends))
    return found


def compare(
    listed: Sequence[Blob],
    held: Collection[str],
    passing: Collection[str],
    *,
    older_than: float,
) -> Differences:
    """`held`: keys whose bytes must be there; `passing`: those that may be, on their way in or out. What was written later than
    `older_than` is let be: the record of an upload comes first, and still a clock may be wrong.
    """
    there, told = {blob.key for blob in listed if blob.can_be_read}, set(held)
    unknown = (blob for blob in listed if blob.key not in told and blob.key not in passing)
    return Differences(
        unlisted=tuple(blob for blob in unknown if blob.written_at <= older_than),
        phantom=tuple(sorted(told - there)),
    )


def parts_of(key: str) -> tuple[str, Aid]:
    tenant, _, aid = key.rpartition("/")
    return tenant, Aid(aid)
