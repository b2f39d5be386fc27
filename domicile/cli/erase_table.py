"""The table that `domicile erase --wait` shows while it waits: which place has come how far, and how long it may take."""

from __future__ import annotations

from typing import Any

from rich.table import Table

_STYLES = {"fenced": "green", "deleted": "green", "purged": "green", "verified": "green", "pending": "yellow"}
_STYLES |= {"failed": "red"}


def table_of(said: dict[str, Any]) -> Table:
    """A statement as a table: one row a place, and one for each copy that nobody can call back."""
    bound, verified = said.get("bound_seconds"), said.get("verified_bound_seconds")
    title = f"erasure {said.get('erasure_id', '')}: {said.get('state', said.get('outcome', ''))}"
    until = "it is not known when this is over" if bound is None else f"over in {bound} s at the latest"
    if verified:
        until += f", verified in {verified} s"
    table = Table(title=title, caption=until, title_justify="left", caption_justify="left")
    for column in ("place", "state", "what is known", "asked"):
        table.add_column(column)
    for place in said.get("places", []):
        state = str(place.get("state", ""))
        table.add_row(str(place.get("place", "")), _styled(state), _known(place), _probed(place.get("probe")))
    for copy in said.get("residuals", []):
        table.add_row(str(copy.get("place", "")), "ends by itself", f"within {copy.get('seconds_max', '?')} s")
    if waits := said.get("waits"):
        table.add_row("assets", f"{waits.get('assets', '?')} selected", f"{waits.get('held', 0)} under a hold")
    return table


def _styled(state: str) -> str:
    return f"[{_STYLES.get(state, 'default')}]{state}[/]"


def _probed(probe: dict[str, Any] | None) -> str:
    """What a place said when it was asked whether it still gives anything away."""
    if probe is None:
        return ""
    told = f"{_styled(str(probe.get('state', '')))}, {probe.get('asked', 0)} asked, {probe.get('given', 0)} given"
    return told + (f": {probe['why']}" if probe.get("why") else "")


def _known(place: dict[str, Any]) -> str:
    if "waiting" not in place:
        return str(place.get("evidence", ""))
    told = f"{place.get('acked', 0)} acknowledged, {place.get('suspended', 0)} without a lease"
    if place["waiting"]:
        told += f", {place['waiting']} waited for, {place.get('seconds_left_max', '?')} s at most"
    return told
