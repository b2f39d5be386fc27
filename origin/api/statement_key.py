"""The public key that verifies this installation's erasure statements."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from aiohttp import web

from domicile.media.statement import key_id
from origin.keys import ORIGIN


async def statement_key(request: web.Request, _: Mapping[str, str]) -> web.Response:
    """GET /.well-known/domicile/statement-key, open to everybody."""
    public_key = request.app[ORIGIN].records.statement_public_key()
    return web.json_response(
        {"alg": "ed25519", "key_id": key_id(public_key), "public_key": base64.b64encode(public_key).decode()}
    )
