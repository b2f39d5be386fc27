"""What Cloudinary's API has and this one has not, said by name: SDKs show their users what they are told."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from domicile.media.errors import AssetNotFound
from origin.api.routes import CLOUD, Handler, Route

METHODS = ("GET", "POST", "PUT", "DELETE")
V2 = "/v2/{cloud}"


def _refused(what: str) -> Handler:
    async def refuse(_request: web.Request, _path: Mapping[str, str]) -> web.StreamResponse:
        raise AssetNotFound(f"{what} is not supported")

    return refuse


PLACES = {
    CLOUD + "/video/create_slideshow": "create_slideshow",
    CLOUD + "/streaming_profiles": "streaming_profiles",
    CLOUD + "/streaming_profiles/{name*}": "streaming_profiles",
    CLOUD + "/resources/visual_search": "visual_search",
    "/v1_1/provisioning/{rest*}": "provisioning",
    V2 + "/analysis/{rest*}": "analysis",
}
"""Before all other routes: some would be taken for an asset."""
ROUTES = tuple(
    Route("unsupported", method, place, _refused(what)) for place, what in PLACES.items() for method in METHODS
)
