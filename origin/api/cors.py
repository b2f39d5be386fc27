"""Pages of other sites may upload from a browser (presets, signatures made by their server) and read the answer.

Nothing is opened by it that the caller's own parameters do not prove: no cookie and no Authorization header is ever allowed.
Source: Fetch standard, "CORS protocol"; Cloudinary answers its upload calls alike.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

ROUTES = frozenset({"upload", "delete_by_token"})
"""Calls that browsers make."""
PREFLIGHT_SECONDS = 3600
ALLOW: Mapping[str, str] = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT: Mapping[str, str] = {
    **ALLOW,
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Content-Range, X-Unique-Upload-Id, X-Requested-With",
    "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
}


def preflight() -> web.Response:
    """The answer to OPTIONS of one of ROUTES."""
    return web.Response(status=204, headers=_PREFLIGHT)
