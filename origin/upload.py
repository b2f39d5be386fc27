"""POST upload: who, what, decode once, seal, name; nothing is stored before all of it was found good.

read the form (limits) -> authenticate -> parameters -> the file's bytes -> a permit to store here -> decode in a sandboxed process
-> fresh aid and key -> sealed original, durable -> name and journal entry in one transaction -> Cloudinary's JSON
"""

from __future__ import annotations

import asyncio
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import hdrs, web

from domicile.media.asset import AssetName
from domicile.media.errors import BadRequest
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from origin import analysis, breakpoints, coordinates
from origin.answers import uploaded
from origin.authenticate import Caller
from origin.call import authenticate, check_public_id, count_fence, delivery_type_of, reply
from origin.forms import UploadForm, file_bytes, read_upload, remote_address
from origin.keys import ORIGIN, Origin
from origin.params import USED, Params, check_parameters, context_of, tags_of
from origin.records import Committed, NewAsset, Tenant
from origin.remote import fetch, file_name_at

RANDOM_ID_CHARS = 20
RANDOM_SUFFIX_CHARS = 6
FOLDER_CHARS_MAX = 255
_ALPHABET = string.ascii_lowercase + string.digits
_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|-1)", re.ASCII)
_UNFIT = re.compile(r"[^\w.-]+")


async def upload(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """POST /v1_1/{cloud}/{resource_type}/upload, and /upload."""
    origin = request.app[ORIGIN]
    resource_type = path.get("resource_type", "image")
    with origin.budget.account() as account:
        form = await read_upload(request, origin.settings.upload, account)
        caller = authenticate(request, origin, path["cloud"], form.params)
        if resource_type not in {"image", "auto"}:
            raise BadRequest(f"Resource type {resource_type} is not supported yet")
        check_parameters(form.params, USED)
        if "upload_preset" in form.params:
            raise BadRequest("Upload preset not found")
        elsewhere = remote_address(form)
        if elsewhere is None:
            body = await asyncio.to_thread(file_bytes, form, origin.settings.upload)
            _check_whole(request, body)
        else:
            fetched = await fetch(origin, caller.tenant.cloud, elsewhere, account.take)
            body, form = fetched.body, replace(form, file_name=file_name_at(fetched.address))
        done, widths = await store(origin, caller, form, body)
    count_fence(origin, done.fenced)
    address = origin.address_of(caller.tenant, caller.digest)
    answer = uploaded(done, address, api_key=caller.tenant.api_key)
    if done.existing:  # what is told is of the picture that is there
        found = await analysis.analysed(origin, done.record, analysis.asked(form.params))
    else:
        found = done.record.analysis
    answer |= breakpoints.told(widths, done.record, address)
    return reply(answer | analysis.told(found, done.record.coordinates, analysis.asked(form.params)))


async def store(origin: Origin, caller: Caller, form: UploadForm, body: bytes) -> tuple[Committed, breakpoints.Found]:
    """Decode, seal and name one file. Raises what the caller did wrong, having stored nothing."""
    params, tenant = form.params, caller.tenant
    name = name_for(tenant, params, form.file_name)
    permit = origin.records.permit(tenant.cloud, Activity.STORE)
    origin.records.permit(tenant.cloud, Activity.TRANSFORM)  # decoding is transforming: it must be allowed here too
    limits = origin.settings.media.limits(origin.settings.upload)
    searches = breakpoints.wanted(params, limits)
    wishes = analysis.wishes_of(analysis.asked(params))
    accepts_pdf = origin.records.accepts_pdf(tenant.cloud)
    probed = await origin.pool.probe(body, limits, tenant=tenant.cloud, wishes=wishes, pdf=accepts_pdf)
    facts = probed.done.source
    _check_format(params, facts)
    asset = NewAsset(
        name=name,
        facts=facts,
        tags=tags_of(params),
        context=context_of(params),
        folder=_folder(params),
        display_name=params.text("display_name"),
        original_filename=_original_name(params, form.file_name),
        coordinates=coordinates.first(params, facts),
        analysis=probed.done.analysis,
        overwrite=params.flag("overwrite", default=True),
        created_at=origin.now(),
    )
    picture = breakpoints.Picture(name=name, body=body, facts=facts, coordinates=asset.coordinates)
    widths = await breakpoints.measured(origin, picture, searches)
    draft = await origin.records.mint(tenant.cloud)
    try:
        await origin.records.put_original(draft, body, permit)
        done = await origin.records.commit_upload(draft, asset, once=caller.once)
    except BaseException:  # whatever it was: a draft that has become an asset is not discarded
        await origin.records.discard(draft)
        raise
    if done.overwritten:
        origin.pool.retire(tenant.cloud)
    origin.metrics.upload_bytes.add(len(body))
    return done, widths


def name_for(tenant: Tenant, params: Params, file_name: str) -> AssetName:
    """The name that an upload asks for, or a random one. Raises BadRequest."""
    public_id = params.text("public_id")
    if not public_id:
        public_id = _generated(params, file_name)
    for folder in (params.text("public_id_prefix"), _path_folder(params)):
        if folder.strip("/"):
            public_id = f"{folder.strip('/')}/{public_id}"
    return AssetName(
        cloud=tenant.cloud,
        resource_type="image",
        delivery_type=delivery_type_of(params.text("type")),
        public_id=check_public_id(public_id),
    )


def _path_folder(params: Params) -> str:
    if params.flag("use_asset_folder_as_public_id_prefix", default=False):
        return params.text("asset_folder")
    return params.text("folder")


def _generated(params: Params, file_name: str) -> str:
    stem = _UNFIT.sub("_", _stem(params.text("filename_override") or file_name)).strip("_.-")
    if not params.flag("use_filename", default=False) or not stem:
        return _random(RANDOM_ID_CHARS)
    if params.flag("unique_filename", default=True):
        return f"{stem}_{_random(RANDOM_SUFFIX_CHARS)}"
    return stem


def _random(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def _stem(file_name: str) -> str:
    last = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    return last.rsplit(".", 1)[0] if "." in last.strip(".") else last


def _original_name(params: Params, file_name: str) -> str:
    if params.flag("discard_original_filename", default=False):
        return ""
    return _stem(params.text("filename_override") or file_name)


def _folder(params: Params) -> str:
    folder = (params.text("asset_folder") or params.text("folder")).strip("/")
    if len(folder) > FOLDER_CHARS_MAX:
        raise BadRequest("asset_folder is too long")
    return folder


def _check_format(params: Params, facts: SourceFacts) -> None:
    allowed = {name.strip().lower().replace("jpeg", "jpg") for name in params.texts("allowed_formats", split=True)}
    if allowed and facts.format not in allowed:
        raise BadRequest(f"Image file format {facts.format} not allowed")


def _check_whole(request: web.Request, body: bytes) -> None:
    text = request.headers.get(hdrs.CONTENT_RANGE)
    if text is not None:
        match = _RANGE.fullmatch(text)
        if match is None or int(match[1]) != 0 or match[3] != str(len(body)):
            raise BadRequest("Uploading in chunks is not supported yet: send the file in one piece")
