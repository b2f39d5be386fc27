"""HTTP sessions of the gate: one way to open them, so that none forgets what all of them owe.

No cookies (nobody is to be told apart), no proxies of the environment (bytes and names would pass through a place that no policy knows), no
decompression unless it is asked for (what is read is bounded, and so is what becomes of it), bounded heads, addresses sent as they were
written. Redirects are refused call by call: the library decides on them there.
"""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

HEADER_BYTES_MAX = 8190
"""Of a status line or one field."""
HEADERS_MAX = 64
HEADERS_OUTSIDE_MAX = 128
"""Of servers that others have set up: a CDN in front of a shop says a lot."""
USER_AGENT = {"User-Agent": "Domicile"}


def new_session(
    connector: aiohttp.BaseConnector,
    timeout: aiohttp.ClientTimeout,
    headers: Mapping[str, str] | None = None,
    *,
    headers_max: int = HEADERS_MAX,
    decompresses: bool = False,
) -> aiohttp.ClientSession:
    """Nothing is connected yet. `headers`: of every request. The caller closes it, and `connector` with it."""
    encoding = {} if decompresses else {"Accept-Encoding": "identity"}
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        headers={**encoding, **(headers or {})},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=decompresses,
        max_line_size=HEADER_BYTES_MAX,
        max_field_size=HEADER_BYTES_MAX,
        max_headers=headers_max,
        requote_redirect_url=False,
    )
