"""The API application: the table of endpoints, and the one middleware that turns errors into Cloudinary's JSON."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from domicile.media.errors import AssetNotFound, MediaError
from domicile.service import logging
from origin.api import (
    account,
    admin,
    archives,
    audit_log,
    backups,
    composites,
    cors,
    deletes,
    details,
    downloads,
    erasures,
    explicit,
    explode,
    folders,
    holds,
    labels,
    listing,
    manage,
    metadata_datasources,
    metadata_fields,
    metadata_rules,
    places,
    polling,
    presets,
    publish,
    recipients,
    related,
    search,
    subject_cases,
    subject_exports,
    text_images,
    transformations,
    triggers,
    unsupported,
    upload_mappings,
)
from origin.api.openapi import describe
from origin.api.routes import CLOUD, TYPES, Route, find
from origin.api.upload import upload
from origin.errors import as_json, code_of, for_api
from origin.health import Pages
from origin.http import drop_server_header
from origin.keys import EXTRA_HEADERS, ORIGIN, REQUEST_ID, ROUTE, Origin

log = logging.get()

REQUEST_ID_BYTES = 16
RT = CLOUD + "/{resource_type}"
PRESETS = CLOUD + "/upload_presets"
UPLOAD_ROUTES = frozenset(
    {"upload", "destroy", "rename", "explicit", "tags", "context", "metadata", "delete_by_token", "erasures"}
    | {"generate_archive", "download", "download_backup", "text", "explode", "sprite", "multi", "unsupported"}
)
"""Answered with statuses that every SDK's uploader accepts."""
_ARCHIVED: Mapping[str, frozenset[str]] = {"resource_type": frozenset(archives.RESOURCE_TYPES)}


async def openapi(_request: web.Request, _path: Mapping[str, str]) -> web.Response:
    """What this page describes."""
    return web.json_response(describe(ROUTES, uploads=UPLOAD_ROUTES))


ROUTES: tuple[Route, ...] = (
    *unsupported.ROUTES,
    Route("upload", "POST", RT + "/upload", upload, TYPES),
    Route("upload", "POST", RT + "/upload_chunked", upload, TYPES),
    Route("upload", "POST", CLOUD + "/upload", upload),
    Route("destroy", "POST", RT + "/destroy", manage.destroy, TYPES),
    Route("rename", "POST", RT + "/rename", manage.rename, TYPES),
    Route("explicit", "POST", RT + "/explicit", explicit.explicit, TYPES),
    Route("tags", "POST", RT + "/tags", labels.tags, TYPES),
    Route("context", "POST", RT + "/context", labels.context, TYPES),
    Route("metadata", "POST", RT + "/metadata", labels.metadata, TYPES),
    Route("generate_archive", "POST", RT + "/generate_archive", archives.generate, _ARCHIVED),
    Route("generate_archive", "GET", RT + "/generate_archive", archives.generate, _ARCHIVED),
    Route("generate_archive", "GET", RT + "/download_tag.zip", archives.by_tag, _ARCHIVED),
    Route("download", "GET", RT + "/download", downloads.download, TYPES),
    Route("text", "POST", CLOUD + "/image/text", text_images.text),
    Route("delete_by_token", "POST", RT + "/delete_by_token", manage.delete_by_token, TYPES),
    Route("delete_by_token", "POST", CLOUD + "/delete_by_token", manage.delete_by_token),
    Route("erasures", "POST", CLOUD + "/erasures", erasures.erase),
    Route("erasure", "GET", CLOUD + "/erasures/{id}", erasures.status),
    Route("erasure", "DELETE", CLOUD + "/erasures/{id}", erasures.cancel),
    Route("erasure_approval", "POST", CLOUD + "/erasures/{id}/approve", erasures.approve),
    *holds.ROUTES,
    Route("erasures", "POST", RT + "/erasures", erasures.erase, TYPES),  # where a stock SDK's signed call goes
    *account.ROUTES,
    *search.ROUTES,
    *listing.ROUTES,
    *details.ROUTES,
    *backups.ROUTES,
    *related.ROUTES,
    *publish.ROUTES,
    *admin.ROUTES,
    *deletes.ROUTES,
    Route("transformations", "GET", CLOUD + "/transformations", transformations.show),
    Route("transformations", "POST", CLOUD + "/transformations", transformations.create),
    Route("transformations", "PUT", CLOUD + "/transformations", transformations.update),
    Route("transformations", "DELETE", CLOUD + "/transformations", transformations.delete),
    Route("upload_presets", "GET", PRESETS, presets.listing),
    Route("upload_presets", "POST", PRESETS, presets.create),
    Route("upload_presets", "GET", PRESETS + "/{name}", presets.show),
    Route("upload_presets", "PUT", PRESETS + "/{name}", presets.update),
    Route("upload_presets", "DELETE", PRESETS + "/{name}", presets.delete),
    *metadata_fields.ROUTES,
    *metadata_datasources.ROUTES,
    *metadata_rules.ROUTES,
    *folders.ROUTES,
    *triggers.ROUTES,
    *polling.ROUTES,
    *composites.ROUTES,
    *explode.ROUTES,
    Route("openapi", "GET", "/v1_1/openapi.json", openapi),
    *upload_mappings.ROUTES,
    *audit_log.ROUTES,
    *subject_exports.ROUTES,
    *subject_cases.ROUTES,
    *recipients.ROUTES,
    *places.ROUTES,
)
PAGES = ("healthz", "readyz", "metrics")
NO_ROUTE = "none"
ROUTE_NAMES = (*dict.fromkeys(route.name for route in ROUTES), *PAGES, NO_ROUTE)


def api_app(origin: Origin) -> web.Application:
    """The application for SDKs."""
    pages = Pages(origin)
    extra: tuple[Route, ...] = (
        Route("healthz", "GET", "/healthz", pages.healthz),
        Route("readyz", "GET", "/readyz", pages.readyz),
        Route("metrics", "GET", "/metrics", pages.metrics),
    )
    routes = ROUTES + extra

    async def dispatch(request: web.Request) -> web.StreamResponse:
        request[ROUTE] = NO_ROUTE
        is_preflight = request.method == "OPTIONS"
        route, captured = find(routes, "POST" if is_preflight else request.method, request.raw_path)
        if is_preflight and route.name not in cors.ROUTES:
            raise AssetNotFound("Not found: this endpoint is not supported")
        request[ROUTE] = route.name
        if route.name in cors.ROUTES:
            request[EXTRA_HEADERS].update(cors.ALLOW)
        return cors.preflight() if is_preflight else await route.handler(request, captured)

    app = web.Application(middlewares=[answering], client_max_size=0)  # bodies are read and limited in forms.py
    app[ORIGIN] = origin
    app.router.add_route("*", "/{path:.*}", dispatch)
    app.on_response_prepare.append(drop_server_header)
    return app


@web.middleware
async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every request gets an id, a number in the metrics, one line in the log, and JSON whatever happens."""
    origin = request.app[ORIGIN]
    request[REQUEST_ID] = secrets.token_hex(REQUEST_ID_BYTES)
    request[EXTRA_HEADERS] = {}
    started = time.monotonic()
    origin.running += 1
    try:
        response = await handler(request)
    except MediaError as error:
        origin.metrics.errors.add(kind=code_of(error))
        response = for_api(error, upload=request.get(ROUTE) in UPLOAD_ROUTES)
    except web.HTTPException as refused:
        response = as_json(404 if refused.status == 404 else 400, "Malformed request")
    except Exception:
        origin.metrics.errors.add(kind="internal")
        log.exception("request_failed", route=request.get(ROUTE, NO_ROUTE), request=request[REQUEST_ID])
        response = as_json(500, "Internal error")
    finally:
        origin.running -= 1
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers.update(request[EXTRA_HEADERS])
    _account(request, response, origin, time.monotonic() - started)
    return response


def _account(request: web.Request, response: web.StreamResponse, origin: Origin, seconds: float) -> None:
    route = request.get(ROUTE, NO_ROUTE)
    origin.metrics.requests.observe(seconds, route=route, status=str(response.status))
    if route not in PAGES:
        log.info(
            "api_request",
            route=route,
            status=response.status,
            seconds=round(seconds, 4),
            request=request[REQUEST_ID],
        )
