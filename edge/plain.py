"""Small answers of the routes that are no media, and who gives them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Status, headers (without Content-Length) and body."""

    status: int
    headers: Headers
    body: bytes


Door = Callable[[web.BaseRequest], Awaitable[Plain]]
