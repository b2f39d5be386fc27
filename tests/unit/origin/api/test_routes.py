"""Routing over the raw path."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from origin.api.routes import Route, find


async def nobody(request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
    raise NotImplementedError


ROUTES = (
    Route("upload", "POST", "/v1_1/{cloud}/{rt}/upload", nobody, {"rt": frozenset({"image"})}),
    Route("list", "GET", "/v1_1/{cloud}/resources", nobody),
    Route("tag", "GET", "/v1_1/{cloud}/resources/{rt}/tags/{tag*}", nobody),
    Route("one", "GET", "/v1_1/{cloud}/resources/{rt}/{type}/{public_id*}", nobody),
)


@pytest.mark.parametrize(
    ("method", "path", "name", "captured"),
    [
        ("POST", "/v1_1/demo/image/upload", "upload", {"cloud": "demo", "rt": "image"}),
        ("GET", "/v1_1/demo/resources?a=b", "list", {"cloud": "demo"}),
        ("HEAD", "/v1_1/demo/resources", "list", {"cloud": "demo"}),
        ("GET", "/v1_1/d/resources/image/tags/a%2Fb", "tag", {"cloud": "d", "rt": "image", "tag": "a/b"}),
        (
            "GET",
            "/v1_1/d/resources/image/upload/a/b%20c",
            "one",
            {"cloud": "d", "rt": "image", "type": "upload", "public_id": "a/b c"},
        ),
        (
            "GET",
            "/v1_1/d/resources/image/upload/a%2520b",
            "one",
            {"cloud": "d", "rt": "image", "type": "upload", "public_id": "a%20b"},
        ),
        (
            "GET",
            "/v1_1/d/resources/image/upload/tags",
            "one",
            {"cloud": "d", "rt": "image", "type": "upload", "public_id": "tags"},
        ),
    ],
)
def test_paths_find_their_route(method: str, path: str, name: str, captured: dict[str, str]) -> None:
    route, found = find(ROUTES, method, path)
    assert (route.name, found) == (name, captured)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("PUT", "/v1_1/demo/resources"),
        ("POST", "/v1_1/demo/movie/upload"),
        ("POST", "/v1_1//image/upload"),
        ("GET", "/v1_1/d/resources/image/upload/"),
        ("GET", "/v1_1/demo/resources/"),
        ("GET", "http://x/v1_1/demo/resources"),
    ],
)
def test_everything_else_is_not_found(method: str, path: str) -> None:
    with pytest.raises(AssetNotFound):
        find(ROUTES, method, path)


@pytest.mark.parametrize("raw", ["%ff", "%00", "\udcff", "x" * 9000])
def test_a_path_that_is_no_text_is_refused(raw: str) -> None:
    with pytest.raises(BadRequest):
        find(ROUTES, "GET", f"/v1_1/d/resources/image/upload/{raw}")
