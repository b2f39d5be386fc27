"""What a search asks for, as SDKs write it: JSON, or pairs of a query; checked before anything is searched.

    {"expression", "sort_by": [{field: "asc" / "desc"}], "max_results", "next_cursor", "with_field": [], "fields": [],
     "aggregate": [field / {"type": field, "ranges": [{"key", "from", "to"}]}]}

Source: cloudinary-compat 4, the SDKs' `Search`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from domicile.media.errors import BadRequest, LimitExceeded
from origin.records import Search
from origin.search.conditions import Between
from origin.search.fields import ASSET_FIELDS, COUNTABLE, FOLDER_FIELDS, MEASURABLE, SORTABLE
from origin.search.query import Counting, Order

MAX_RESULTS, MAX_RESULTS_MAX = 50, 500
SORTS_MAX = 4
FIELDS_MAX = 50
"""Names in `fields` and `with_field`."""
COUNTS_MAX, RANGES_MAX = 5, 20

_SORTED = re.compile(r"sort_by\[[0-9]{0,2}\]\[([a-z_.]{1,64})\]")
_LISTED = re.compile(r"(with_field|fields|aggregate)(?:\[[0-9]{0,2}\])?")


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Half-open."""

    key: str
    start: float | None = msgspec.field(default=None, name="from")
    end: float | None = msgspec.field(default=None, name="to")


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    ranges: list[Range] = []


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """As it came; lists may be given as a lone item."""

    expression: str = ""
    sort_by: list[dict[str, str]] | dict[str, str] = []
    max_results: int = MAX_RESULTS
    next_cursor: str | None = None
    with_field: list[str] | str = []
    fields: list[str] | str = []
    aggregate: list[str | Aggregate] | str | Aggregate = []

    @property
    def shown(self) -> frozenset[str]:
        return frozenset([self.fields] if isinstance(self.fields, str) else self.fields)

    @property
    def added(self) -> frozenset[str]:
        return frozenset([self.with_field] if isinstance(self.with_field, str) else self.with_field)


def read_asked(body: bytes) -> Asked:
    """Raises BadRequest."""
    try:
        return _checked(msgspec.json.decode(body, type=Asked) if body.strip() else Asked())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as bad:
        raise BadRequest("Invalid search: the body is not what a search looks like") from bad


def read_pairs(pairs: Iterable[tuple[str, str]]) -> Asked:
    """The same from a query: `fields[]=a`, `sort_by[0][public_id]=desc`. Raises BadRequest."""
    asked: dict[str, object] = {}
    lists: dict[str, list[object]] = {}
    for name, text in pairs:
        sort, listed = _SORTED.fullmatch(name), _LISTED.fullmatch(name)
        if sort is not None:
            lists.setdefault("sort_by", []).append({sort[1]: text})
        elif listed is not None:
            lists.setdefault(listed[1], []).extend(text.split(","))
        elif name in {"expression", "max_results", "next_cursor"} and name not in asked:
            asked[name] = text
        else:
            raise BadRequest(f"Unknown parameter - {name[:64]}")
    try:
        return _checked(msgspec.convert({**asked, **lists}, type=Asked, strict=False))
    except msgspec.MsgspecError as bad:
        raise BadRequest("Invalid search: the query is not what a search looks like") from bad


def _checked(asked: Asked) -> Asked:
    if len(asked.shown) + len(asked.added) > FIELDS_MAX:
        raise LimitExceeded(f"Too many fields: at most {FIELDS_MAX}")
    if not 1 <= asked.max_results <= MAX_RESULTS_MAX:
        raise BadRequest(f"Invalid value for parameter max_results: must be 1 to {MAX_RESULTS_MAX}")
    return asked


def folder_search_of(asked: Asked) -> Search:
    """Raises BadRequest, LimitExceeded."""
    if asked.aggregate or asked.added or asked.shown:
        raise BadRequest("Folders have no fields to be shown or counted by")
    order = _order(asked.sort_by, {name: field.name for name, field in FOLDER_FIELDS.items()})
    return Search(
        expression=asked.expression, order=order, max_results=asked.max_results, cursor=asked.next_cursor or None
    )


def search_of(asked: Asked) -> Search:
    """Raises BadRequest, LimitExceeded."""
    columns = {name: field.name for name, field in ASSET_FIELDS.items() if field.name in SORTABLE}
    return Search(
        expression=asked.expression,
        order=_order(asked.sort_by, columns) or (("created_at", True),),
        max_results=asked.max_results,
        cursor=asked.next_cursor or None,
        counts=_counts(asked.aggregate),
    )


def _order(sorts: list[dict[str, str]] | dict[str, str], columns: dict[str, str]) -> Order:
    given = [pair for one in ([sorts] if isinstance(sorts, dict) else sorts) for pair in one.items()]
    if len(given) > SORTS_MAX:
        raise LimitExceeded(f"Too many fields to sort by: at most {SORTS_MAX}")
    order: dict[str, bool] = {}
    for name, direction in given:
        if name not in columns:
            raise BadRequest(f"Invalid value for parameter sort_by: {name[:64]} is nothing to sort by")
        if direction.lower() not in {"asc", "desc"}:
            raise BadRequest("Invalid value for parameter sort_by: asc or desc")
        order.setdefault(columns[name], direction.lower() == "desc")
    return tuple(order.items())


def _counts(asked: list[str | Aggregate] | str | Aggregate) -> tuple[Counting, ...]:
    given = asked if isinstance(asked, list) else [asked]
    if len(given) > COUNTS_MAX:
        raise LimitExceeded(f"Too many aggregations: at most {COUNTS_MAX}")
    return tuple(map(_count, given))


def _count(one: str | Aggregate) -> Counting:
    field, ranges = (one, []) if isinstance(one, str) else (one.type, one.ranges)
    if field not in (MEASURABLE if ranges else COUNTABLE):
        how = "in ranges" if ranges else "by value"
        raise BadRequest(f"Invalid value for parameter aggregate: {field[:64]} is not counted {how}")
    if len(ranges) > RANGES_MAX:
        raise LimitExceeded(f"Too many ranges of an aggregation: at most {RANGES_MAX}")
    spans = tuple(
        (there.key, Between(field, there.start, there.end, includes_low=True, includes_high=False)) for there in ranges
    )
    return Counting(field=field, ranges=spans)
