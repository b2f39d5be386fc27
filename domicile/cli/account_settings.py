"""What an account keeps beside its assets (fields of metadata, named transformations, presets, folders, triggers), brought into a cloud.

What is there already under the same name stays as it is, so that it may be done again. What the cloud refuses is named, and the
rest goes on. Uploads and URLs name fields, transformations and presets, so these come before the assets; folders come behind them,
because most are there with what lies in them, and triggers last of all, because they would tell of every asset that comes.

In memory is a page at a time, which `service.gate.account` reads within a limit, and MARK_BYTES of each name that was seen.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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
SETTINGS_MAX = 100_000
"""Of one kind, in one account; beyond it the rest of the kind is not brought, and that is said."""
MARK_BYTES = 16
"""Of a name that was seen."""
FIELD_PARTS = ("type", "label", "external_id", "mandatory", "default_value", "validation", "datasource")

_UPWARD = frozenset({".", ".."})

Call = tuple[str, dict[str, Any]]
"""Path and body of the POST that makes it."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one kind of settings is listed."""

    word: str
    path: str
    key: str
    """Of its rows in an answer."""
    name_of: Callable[[Row], str]
    asked: tuple[tuple[str, str], ...] = ()
    is_paged: bool = True
    is_searched: bool = False
    """Of folders: a listing would take a call for each."""


FIELDS = Kind(
    word="metadata field",
    path="/metadata_fields",
    key="metadata_fields",
    name_of=lambda row: str(row["external_id"]),
    is_paged=False,
)
TRANSFORMATIONS = Kind(
    word="transformation",
    path="/transformations",
    key="transformations",
    name_of=lambda row: str(row["name"]).removeprefix("t_"),
    asked=(("named", "true"),),
)
PRESETS = Kind(word="upload preset", path="/upload_presets", key="presets", name_of=lambda row: str(row["name"]))
FOLDERS = Kind(
    word="folder", path="/folders/search", key="folders", name_of=lambda row: str(row["path"]), is_searched=True
)
TRIGGERS = Kind(
    word="trigger",
    path="/triggers",
    key="triggers",
    name_of=lambda row: f"{row['event_type']} {row['uri']}",
    is_paged=False,
)


async def listed(client: AccountClient, permit: Permit, kind: Kind) -> AsyncIterator[tuple[str, Row]]:
    """What an account has of a kind, by name, a page at a time. Raises Refused; KeyError, TypeError, AttributeError for nonsense."""
    count, cursor = 0, ""
    for _ in range(PAGES_MAX):
        answer = await _page(client, permit, kind, cursor)
        for row in answer.get(kind.key, []):
            count += 1
            if count > SETTINGS_MAX:
                raise Refused(0, f"more than {SETTINGS_MAX}: the rest is left")
            if row.get("named", True):
                yield kind.name_of(row), row
        cursor = answer.get("next_cursor") or ""
        if not cursor:
            return
    raise Refused(0, f"more than {PAGES_MAX} pages: the rest is left")


async def _page(client: AccountClient, permit: Permit, kind: Kind, cursor: str) -> dict[str, Any]:
    if kind.is_searched:
        body = {"max_results": PAGE} | ({"next_cursor": cursor} if cursor else {})
        return await client.ask(permit, "POST", kind.path, body=body)
    query = list(kind.asked)
    if kind.is_paged:
        query += [("max_results", str(PAGE)), *([("next_cursor", cursor)] if cursor else [])]
    return await client.ask(permit, "GET", kind.path, query)


def _mark(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=MARK_BYTES).digest()


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
        await self._bring(FIELDS, _field)

    async def before_assets(self) -> None:
        await self._bring(TRANSFORMATIONS, self._transformation)
        await self._bring(PRESETS, _preset)

    async def after_assets(self) -> None:
        await self._bring(FOLDERS, _folder)
        await self._bring(TRIGGERS, _trigger)

    async def _bring(self, kind: Kind, call_of: Callable[[Row], Awaitable[Call]]) -> None:
        """What is on one page is made before the next one is asked for."""
        try:
            known = {_mark(name) async for name, _ in listed(self.into, self.writes, kind)}
            async for name, row in listed(self.source, self.reads, kind):
                if _mark(name) in known:
                    self.counts["settings there"] += 1
                    continue
                known.add(_mark(name))
                if self.is_dry:
                    self.counts["would make"] += 1
                else:
                    await self._make(f"{kind.word} {name}", row, call_of)
        except (Refused, KeyError, TypeError, ValueError, AttributeError) as refused:
            self._failed(f"{kind.word}s", refused)

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

    async def _transformation(self, row: Row) -> Call:
        """What it means is told of each by itself."""
        name = str(row["name"]).removeprefix("t_")
        query = [("transformation", name), ("max_results", "1")]
        told = await self.source.ask(self.reads, "GET", "/transformations", query)
        allowed = "true" if told.get("allowed_for_strict", row.get("allowed_for_strict")) else "false"
        body = {"name": name, "transformation": text_of(told["info"]), "allowed_for_strict": allowed}
        return "/transformations", body


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
