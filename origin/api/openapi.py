"""The API, described in OpenAPI 3.1: made of the table of routes and of what their handlers say they take. Pure.

GET /v1_1/openapi.json      what this origin serves; docs/openapi.json is the same
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from origin.api.described import DESCRIBED, KINDS, OF_LISTINGS, Described
from origin.api.routes import Route
from origin.errors import STATUS, UPLOAD_STATUSES

VERSION = "1.1"
UNDESCRIBED = frozenset({"openapi", "unsupported"})
"""The description itself, and what is not here."""
SCHEMAS = "#/components/schemas/"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(\*?)\}")
_BODIES = frozenset({"POST", "PUT", "DELETE"})

INFO: Mapping[str, Any] = {
    "title": "Domicile",
    "version": VERSION,
    "summary": "Upload and Admin API, as Cloudinary's SDKs speak it",
    "description": (
        "Calls of the Upload API carry a signature over their parameters, or Basic credentials; calls of the Admin API"
        " carry Basic credentials. Lists are sent as `name[]`. Answers may hold more than is written here."
    ),
}


def describe(routes: Iterable[Route], *, uploads: frozenset[str]) -> dict[str, Any]:
    """The whole document. `uploads`: names of routes that answer with statuses every uploader knows. Raises LookupError."""
    paths: dict[str, dict[str, Any]] = {}
    known = tuple(routes)
    for route in known:
        if route.name not in UNDESCRIBED:
            path = _PLACEHOLDER.sub(r"{\1}", route.template)
            paths.setdefault(path, {}).setdefault(route.method.lower(), _operation(route, uploads))
    return {
        "openapi": "3.1.0",
        "info": dict(INFO),
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "basic", "description": "API key and secret"}},
            "schemas": {
                **_shapes(known),
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "error": {
                            "type": "object",
                            "required": ["message"],
                            "properties": {"message": {"type": "string"}},
                        }
                    },
                },
            },
        },
    }


def _shapes(routes: Iterable[Route]) -> dict[str, Any]:
    """Of bodies that are more than parameters, and of what is in them."""
    bodies = dict.fromkeys(of.body for route in routes if (of := DESCRIBED.get(route.handler)) and of.body)
    _, shapes = msgspec.json.schema_components(bodies, ref_template=f"{SCHEMAS}{{name}}")
    return dict(shapes)


def described(route: Route) -> Described:
    """Raises LookupError for an endpoint of which nobody has said what it takes."""
    try:
        return DESCRIBED[route.handler]
    except KeyError as unknown:
        raise LookupError(f"{route.method} {route.template} is not in origin/api/described.py") from unknown


def _operation(route: Route, uploads: frozenset[str]) -> dict[str, Any]:
    of = described(route)
    operation: dict[str, Any] = {
        "operationId": _id(route),
        "summary": _summary(route),
        "parameters": [*_in_path(route), *([] if route.method in _BODIES else _in_query(of))],
        "responses": _responses(is_upload=route.name in uploads),
    }
    if route.method in _BODIES and (of.takes or of.body):
        operation["requestBody"] = {"required": bool(of.needs or of.body), "content": _content(of)}
    if not of.is_public:
        operation["security"] = [{"key": []}, {}] if of.is_signed else [{"key": []}]
    return operation


def _id(route: Route) -> str:
    words = re.findall(r"[a-z0-9_]+", route.template.removeprefix("/v1_1/{cloud}"))
    return "_".join([route.method.lower(), *words])


def _summary(route: Route) -> str:
    text = (inspect.getdoc(route.handler) or "").strip().partition("\n\n")[0]
    return " ".join(text.split()) or route.name.replace("_", " ").capitalize()


def _in_path(route: Route) -> Iterator[dict[str, Any]]:
    for name, rest in _PLACEHOLDER.findall(route.template):
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if route.only and name in route.only:
            schema = {"enum": sorted(route.only[name])}
        said = {"description": "May hold slashes."} if rest else {}
        yield {"name": name, "in": "path", "required": True, "schema": schema, **said}


def _in_query(of: Described) -> Iterator[dict[str, Any]]:
    for name in sorted(of.takes):
        schema = _schema(name, of)
        sent = f"{name}[]" if schema.get("type") == "array" else name
        yield {"name": sent, "in": "query", "required": name in of.needs, "schema": schema}


def _content(of: Described) -> dict[str, Any]:
    if of.body is not None:
        return {"application/json": {"schema": {"$ref": SCHEMAS + of.body.__name__}}}
    form, json = _object(of, lists="[]"), _object(of, lists="")
    kinds = {"multipart/form-data": form} if "file" in of.takes else {"application/json": json}
    return {kind: {"schema": schema} for kind, schema in {**kinds, "application/x-www-form-urlencoded": form}.items()}


def _object(of: Described, *, lists: str) -> dict[str, Any]:
    def sent(name: str) -> str:
        return name + lists if _schema(name, of).get("type") == "array" else name

    properties = {sent(name): _schema(name, of) for name in sorted(of.takes)}
    needs = {"required": [sent(name) for name in of.needs]} if of.needs else {}
    return {"type": "object", "properties": properties, **needs}


def _schema(name: str, of: Described) -> dict[str, Any]:
    is_listing = {"fields", "max_results"} & of.takes and not of.is_signed
    kinds = {**KINDS, **OF_LISTINGS} if is_listing else KINDS
    return dict(kinds.get(name, {"type": "string"}))


def _responses(*, is_upload: bool) -> dict[str, Any]:
    said = sorted(UPLOAD_STATUSES - {200} if is_upload else {answer.admin for answer in STATUS.values()})
    error = {"application/json": {"schema": {"$ref": SCHEMAS + "Error"}}}
    return {
        "200": {"description": "Done."},
        **{str(status): {"description": "Not done, and why.", "content": error} for status in said},
    }
