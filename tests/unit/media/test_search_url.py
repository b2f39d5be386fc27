from __future__ import annotations

import pytest

from domicile.media.search_url import SearchUrl, parse_search
from domicile.media.url import on_shared_host

SIGNATURE = "0a" * 32
URL = f"/search/{SIGNATURE}/300/eyJh"


@pytest.mark.parametrize(
    ("path", "host", "found"),
    [
        (f"/demo{URL}==", None, ("demo", "eyJh==", "")),
        (f"/demo{URL}%3D", None, ("demo", "eyJh=", "")),
        (f"/res/demo{URL}/next-1_", None, ("demo", "eyJh", "next-1_")),
        (f"/demo{URL}?_a=x", None, ("demo", "eyJh", "")),
        (URL, "demo", ("demo", "eyJh", "")),
        (f"/demo{URL}", "demo", None),
        (f"/other{URL}", "demo", None),
        (URL, None, None),
        ("/demo/search/jane.jpg", None, None),
        ("/demo/image/upload/search/jane.jpg", None, None),
        (f"/demo/search/{SIGNATURE}/x/eyJh", None, None),
        (f"/demo/search/{SIGNATURE[:-1]}/300/eyJh", None, None),
        (f"/demo{URL}/a/b", None, None),
        (f"/demo/search/{SIGNATURE}/300/{'a' * 3501}", None, None),
    ],
)
def test_a_search_url_is_told_from_all_others(path: str, host: str | None, found: tuple[str, str, str] | None) -> None:
    parsed = parse_search(path if host is None else on_shared_host(path, host))
    if found is None:
        assert parsed is None
    else:
        cloud, query, cursor = found
        assert parsed == SearchUrl(cloud=cloud, signature=SIGNATURE, ttl="300", query=query, next_cursor=cursor)
