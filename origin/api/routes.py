"""Routing over the raw path: cut at slashes first, decoded once afterwards, so that `%2F` in a public_id stays its own.

    POST /v1_1/{cloud}/{resource_type}/upload            one segment each
    GET  /v1_1/{cloud}/resources/{resource_type}/{type}/{public_id*}     the rest, slashes included

aiohttp's router works on a path that was already requoted; that would merge names which differ.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest

Handler = Callable[[web.Request, Mapping[str, str]], Awaitable[web.StreamResponse]]

PATH_CHARS_MAX = 8192
CLOUD = "/v1_1/{cloud}"
"""Where all that is about one cloud begins."""
RESOURCES = CLOUD + "/resources"
TYPES: Mapping[str, frozenset[str]] = {"resource_type": frozenset({"image", "video", "raw", "auto"})}
"""What stands where a resource type may."""


@dataclass(frozen=True, slots=True)
class Route:
    """A name, a method, a template, and who answers. `{name}` is one segment, `{name*}` the rest (at least one)."""

    name: str
    """The metric's label and the log's field."""
    method: str
    template: str
    handler: Handler
    only: Mapping[str, frozenset[str]] | None = None
    """Values that a captured segment may have; others look further down the table."""

    def match(self, method: str, segments: list[str]) -> dict[str, str] | None:
        if method != self.method and not (method == "HEAD" and self.method == "GET"):
            return None
        pattern = self.template.strip("/").split("/")
        found: dict[str, str] = {}
        for index, part in enumerate(pattern):
            if part.endswith("*}"):
                rest = segments[index:]
                if not rest or not any(rest):
                    return None
                found[part[1:-2]] = "/".join(rest)
                return self._allowed(found)
            if index >= len(segments):
                return None
            if part.startswith("{"):
                found[part[1:-1]] = segments[index]
            elif part != segments[index]:
                return None
        return self._allowed(found) if len(pattern) == len(segments) else None

    def _allowed(self, found: dict[str, str]) -> dict[str, str] | None:
        if any(not value for value in found.values()):
            return None
        if self.only and any(found.get(name, "") not in allowed for name, allowed in self.only.items()):
            return None
        return found


def find(routes: tuple[Route, ...], method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
    """The first route that matches, and what it captured, decoded. Raises AssetNotFound, BadRequest."""
    path = raw_path.partition("?")[0]
    if len(path) > PATH_CHARS_MAX:
        raise BadRequest("The path is too long")
    segments = path.lstrip("/").split("/")
    for route in routes:
        found = route.match(method, segments)
        if found is not None:
            return route, {name: decode(value) for name, value in found.items()}
    raise AssetNotFound("Not found: this endpoint is not supported")


def decode(raw: str) -> str:
    """Percent-decode exactly once. Raises BadRequest for what is not UTF-8."""
    try:
        text = unquote_to_bytes(raw).decode()
    except (UnicodeDecodeError, UnicodeEncodeError) as bad:
        raise BadRequest("The path is not UTF-8") from bad
    if "\x00" in text:
        raise BadRequest("The path holds a control character")
    return text
