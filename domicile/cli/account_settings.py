"""What an account keeps beside its assets (fields of metadata, named transformations, presets, folders, triggers), brought into a cloud.

What is there already under the same name stays as it is, so that it may be done again. What the cloud refuses is named, and the
rest goes on. Uploads and URLs name fields, transformations and presets, so these come before the assets; folders come behind them,
because most are there with what lies in them, and triggers last of all, because they would tell of every asset that comes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from domicile.cli.console import note
from domicile.cli.transfer import NONSENSE
from domicile.media.account import pairs
from domicile.media.errors import BadRequest, MediaError
from domicile.media.long_names import text_of
from domicile.media.policy import Permit
from domicile.service.gate.account import AccountClient, Refused

PAGE = 500
PAGES_MAX = 1000
FIELD_PARTS = ("type", "label", "external_id", "mandatory", "default_value", "validation", "datasource")

_UPWARD = frozenset({".", ".."})

Call = tuple[str, dict[str, Any]]
"""Path and body of the POST that makes it."""
Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Settings:
    """On their way from an account into a cloud."""

    source: AccountClient
    reads: Permit
    into: AccountClient
    writes: Permit
    is_dry: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    """`made`, `settings there`, `failed`; with `is_dry` `would make`."""

    async def fields(self) -> None:
        """Of structured metadata: values need them."""
        await self._bring("metadata field", self._fields, _field)

    async def before_assets(self) -> None:
        await self._bring("transformation", self._transformations, self._transformation)
        await self._bring("upload preset", self._presets, _preset)

    async def after_assets(self) -> None:
        await self._bring("folder", self._folders, _folder)
        await self._bring("trigger", self._triggers, _trigger)

    async def _bring(
        self,
        kind: str,
        listed: Callable[[AccountClient, Permit], Awaitable[dict[str, Row]]],
        call_of: Callable[[Row], Awaitable[Call]],
    ) -> None:
        try:
            theirs, ours = await listed(self.source, self.reads), await listed(self.into, self.writes)
        except (Refused, KeyError, TypeError, ValueError, AttributeError) as refused:
            self._failed(f"{kind}s", refused)
            return
        for name, row in theirs.items():
            if name in ours:
                self.counts["settings there"] += 1
            elif self.is_dry:
                self.counts["would make"] += 1
            else:
                await self._make(f"{kind} {name}", row, call_of)

    async def _make(self, what: str, row: Row, call_of: Callable[[Row], Awaitable[Call]]) -> None:
        try:
            path, body = await call_of(row)
            await self.into.ask(self.writes, "POST", path, body=body)
        except (Refused, MediaError, KeyError, TypeError, ValueError, AttributeError) as refused:
            self._failed(what, refused)
        else:
            self.counts["made"] += 1

    def _failed(self, what: str, why: Exception) -> None:
        note(f"{what}: {why if isinstance(why, Refused | MediaError) else NONSENSE}")
        self.counts["failed"] += 1

    # --- what there is, by name -------------------------------------------------------------------------------------------

    @staticmethod
    async def _fields(client: AccountClient, permit: Permit) -> dict[str, Row]:
        rows = (await client.ask(permit, "GET", "/metadata_fields")).get("metadata_fields", [])
        return {row["external_id"]: row for row in rows}

    @staticmethod
    async def _transformations(client: AccountClient, permit: Permit) -> dict[str, Row]:
        rows = await _pages(client, permit, "/transformations", "transformations", named="true")
        return {str(row["name"]).removeprefix("t_"): row for row in rows if row.get("named", True)}

    @staticmethod
    async def _presets(client: AccountClient, permit: Permit) -> dict[str, Row]:
        return {row["name"]: row for row in await _pages(client, permit, "/upload_presets", "presets")}

    @staticmethod
    async def _folders(client: AccountClient, permit: Permit) -> dict[str, Row]:
        """By a search: a listing would take a call for each folder."""
        found, cursor = dict[str, Row](), ""
        for _ in range(PAGES_MAX):
            body = {"max_results": PAGE} | ({"next_cursor": cursor} if cursor else {})
            answer = await client.ask(permit, "POST", "/folders/search", body=body)
            found |= {row["path"]: row for row in answer.get("folders", [])}
            cursor = answer.get("next_cursor") or ""
            if not cursor:
                return found
        raise Refused(0, f"more than {PAGES_MAX} pages of folders")

    @staticmethod
    async def _triggers(client: AccountClient, permit: Permit) -> dict[str, Row]:
        rows = (await client.ask(permit, "GET", "/triggers")).get("triggers", [])
        return {f"{row['event_type']} {row['uri']}": row for row in rows}

    async def _transformation(self, row: Row) -> Call:
        """What it means is told of each by itself."""
        name = str(row["name"]).removeprefix("t_")
        query = [("transformation", name), ("max_results", "1")]
        told = await self.source.ask(self.reads, "GET", "/transformations", query)
        allowed = "true" if told.get("allowed_for_strict", row.get("allowed_for_strict")) else "false"
        body = {"name": name, "transformation": text_of(told["info"]), "allowed_for_strict": allowed}
        return "/transformations", body


async def _pages(client: AccountClient, permit: Permit, path: str, key: str, **asked: str) -> list[Row]:
    """Raises Refused."""
    found, cursor = list[Row](), ""
    for _ in range(PAGES_MAX):
        query = [*asked.items(), ("max_results", str(PAGE)), *([("next_cursor", cursor)] if cursor else [])]
        answer = await client.ask(permit, "GET", path, query)
        found += answer.get(key, [])
        cursor = answer.get("next_cursor") or ""
        if not cursor:
            return found
    raise Refused(0, f"more than {PAGES_MAX} pages of {key}")


# --- how each is made -----------------------------------------------------------------------------------------------------


async def _field(row: Row) -> Call:
    return "/metadata_fields", {name: row[name] for name in FIELD_PARTS if row.get(name) is not None}


async def _preset(row: Row) -> Call:
    settings = {name: setting_text(name, value) for name, value in row["settings"].items()}
    body = {name: text for name, text in settings.items() if text}
    return "/upload_presets", {**body, "name": row["name"], "unsigned": "true" if row.get("unsigned") else "false"}


async def _folder(row: Row) -> Call:
    path: str = row["path"]
    if not all(path.split("/")) or not _UPWARD.isdisjoint(path.split("/")):  # it would be another call of the API
        raise BadRequest("a folder that cannot be one")
    return f"/folders/{quote(path)}", {}


async def _trigger(row: Row) -> Call:
    body = {"uri": row["uri"], "event_type": row["event_type"]}
    return "/triggers", body | ({"uri_type": row["uri_type"]} if row.get("uri_type") else {})


def setting_text(name: str, value: Any) -> str:
    r"""A setting of a preset as an upload would say it. Raises BadRequest for a transformation that cannot be read.

    >>> setting_text("eager", [{"width": 100, "crop": "scale"}, [{"width": 50}, {"effect": "sepia"}]])
    'c_scale,w_100|w_50/e_sepia'
    >>> setting_text("tags", ["a", "b"]), setting_text("overwrite", False), setting_text("context", {"custom": {"alt": "a|b"}})
    ('a,b', 'false', 'alt=a\\|b')
    """
    if name == "transformation":
        return text_of(value)
    if name == "eager" and isinstance(value, list):
        return "|".join(map(text_of, value))
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping) and name in {"context", "metadata"}:
        custom = value.get("custom")
        return pairs(custom if isinstance(custom, Mapping) else value)
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
