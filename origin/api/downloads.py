"""`private_download_url`: one original, or the same in another format, to whoever has the signed URL."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import hdrs, web

from domicile.media.asset import IMAGE_EXTENSIONS
from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.film import FILM_TYPES
from domicile.media.negotiate import CONTENT_TYPES, TYPES, UNWRITTEN_TYPES
from domicile.media.policy import Activity
from domicile.media.raw import BYTES, raw_type
from origin.api.call import delivery_type_of, name_of, resource_type_of, signed
from origin.api.handing_out import download_headers, hand_out
from origin.api.originals import check_handing_out, opened_original, original_of
from origin.api.params import check_parameters
from origin.records import AssetRecord, Held
from origin.renders import Picture, make, read_order

USED = frozenset({"public_id", "format", "type", "attachment", "expires_at"})


async def download(request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
    """GET /{resource_type}/download."""
    call = await signed(request, path, may_expire=True)
    check_parameters(call.params, USED)
    public_id = call.params.required("public_id")
    name = name_of(call.tenant, resource_type_of(path), delivery_type_of(call.params.text("type")), public_id)
    record = await call.origin.records.get(name)
    if record is None:
        raise AssetNotFound(f"Resource not found - {public_id}")
    check_handing_out(call, record)
    call.origin.records.permit(call.tenant.cloud, Activity.DELIVER)
    wanted = _format(call.params.text("format"), record)
    if wanted is None:
        body, content_type = await opened_original(call.origin, record), type_of(record)
    else:
        async with original_of(call.origin, record) as original:
            limits = call.origin.settings.media.limits(call.origin.settings.upload)
            picture = Picture(name=name, body=original, facts=record.facts, coordinates=record.coordinates)
            rendered = (await make(call.origin, picture, read_order(wanted, {}, limits))).rendered
            body, content_type = Held(rendered.body), rendered.done.content_type
    headers = download_headers(content_type, file_name(record, wanted))
    headers[hdrs.CONTENT_LENGTH] = str(body.body_bytes)
    if name.resource_type == "image" and not call.params.flag("attachment", default=False):
        del headers[hdrs.CONTENT_DISPOSITION]
    response = web.StreamResponse(headers=headers)
    if request.method == "HEAD":
        return response
    records = call.origin.records
    return await hand_out(request, response, body.pieces(), is_live=lambda: records.has_keys_of([record]))


def _format(text: str, record: AssetRecord) -> str | None:
    """The format that it must be made into; None: it is in that already. Raises BadRequest."""
    if not text or record.name.resource_type != "image":
        return None
    family = IMAGE_EXTENSIONS.get(text.lower())
    if family == record.facts.format:
        return None
    if family not in CONTENT_TYPES:
        raise BadRequest("Invalid value for parameter format")
    return family


def type_of(record: AssetRecord) -> str:
    """An SVG is bytes: it has not been cleaned."""
    if record.facts.film is not None:
        return FILM_TYPES.get(record.facts.format, BYTES)
    if record.name.resource_type != "image":
        return raw_type(record.name.public_id)
    return (TYPES | UNWRITTEN_TYPES).get(record.facts.format, BYTES)


def file_name(record: AssetRecord, wanted: str | None) -> str:
    last = record.name.public_id.rpartition("/")[2]
    name = last if record.name.resource_type == "raw" else f"{last}.{wanted or record.facts.format}"
    return "".join(char if char.isascii() and (char.isalnum() or char in "._- ") else "_" for char in name)
