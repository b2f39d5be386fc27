"""The table that `domicile erase --wait` shows while it waits: which place has come how far, and how long it may take."""

from __future__ import annotations

from typing import Any

from rich.table import Table

_STYLES = {"fenced": "green", "deleted": "green", "pending": "yellow"}


def table_of(said: dict[str, Any]) -> Table:
    """A statement as a table: one row a place, and one for each copy that nobody can call back."""
    bound = said.get("bound_seconds")
    title = f"erasure {said.get('erasure_id', '')}: {said.get('state', said.get('outcome', ''))}"
    until = "it is not known when this is over" if bound is None else f"over in {bound} s at the latest"
    table = Table(title=title, caption=until, title_justify="left", caption_justify="left")
    for column in ("place", "state", "what is known"):
        table.add_column(column)
    for place in said.get("places", []):
        state = str(place.get("state", ""))
        table.add_row(str(place.get("place", "")), f"[{_STYLES.get(state, 'default')}]{state}[/]", _known(place))
    for copy in said.get("residuals", []):
        table.add_row(str(copy.get("place", "")), "ends by itself", f"within {copy.get('seconds_max', '?')} s")
    if waits := said.get("waits"):
        table.add_row("assets", f"{waits.get('assets', '?')} selected", f"{waits.get('held', 0)} under a hold")
    return table


def _known(place: dict[str, Any]) -> str:
    if "waiting" not in place:
        return str(place.get("evidence", ""))
    told = f"{place.get('acked', 0)} acknowledged, {place.get('suspended', 0)} without a lease"
    if place["waiting"]:
        told += f", {place['waiting']} waited for, {place.get('seconds_left_max', '?')} s at most"
    return told
