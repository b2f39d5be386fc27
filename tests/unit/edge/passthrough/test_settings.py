from __future__ import annotations

import pytest

from domicile.service.settings import BadSetting, load
from edge.passthrough.settings import ROUTES_MAX, Route, read_route
from edge.settings import EdgeSettings


@pytest.mark.parametrize(
    "text, route",
    [
        ("127.0.0.1:8090=http://assets:9000", Route(host="127.0.0.1", port=8090, base="http://assets:9000")),
        ("[::]:1=https://assets", Route(host="::", port=1, base="https://assets")),
        ("a.b:65535=http://[::1]:9/", Route(host="a.b", port=65535, base="http://[::1]:9")),
        ("127.0.0.1:0=http://assets", None),
        ("127.0.0.1:65536=http://assets", None),
        ("127.0.0.1:8090=http://assets:65536", None),
        ("127.0.0.1:8090=http://assets/path", None),
        ("127.0.0.1:8090=ftp://assets", None),
        ("127.0.0.1:8090=http://user@assets", None),
        ("8090=http://assets", None),
        ("127.0.0.1:8090", None),
    ],
)
def test_a_route_is_read(text: str, route: Route | None) -> None:
    assert read_route(text) == route


@pytest.mark.parametrize(
    "routes",
    [
        ("nonsense",),
        ("a:1=http://x", "a:1=http://y"),
        tuple(f"a:{number}=http://x" for number in range(1, ROUTES_MAX + 2)),
    ],
)
def test_routes_that_cannot_all_be_served_are_refused(routes: tuple[str, ...]) -> None:
    with pytest.raises(BadSetting, match=r"edge\.passthrough\.routes"):
        load(EdgeSettings, "edge", environ={}, overrides={"edge.passthrough.routes": routes})


def test_it_is_off_unless_it_is_set() -> None:
    assert load(EdgeSettings, "edge", environ={}).passthrough.routes == ()
