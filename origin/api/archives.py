"""Archives: many assets as one ZIP or compressed tar, streamed to whoever has the secret, or kept as a raw asset.

    mode=download    GET with a signed query, or POST: the archive itself, file by file, nothing of it kept
    mode=create      POST: a raw asset, sealed under the keys of all that is in it, so that it goes with any of them, and
                     no more public than the least public of them

Which assets: public_ids, fully_qualified_public_ids, prefixes, tags. Each file is looked up again when its turn comes: what was
deleted meanwhile is left out where `allow_missing` says so, and otherwise ends the stream in the middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace

from aiohttp import web

from domicile.media.asset import Aid, AssetName
from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded
from domicile.media.policy import Activity
from domicile.media.raw import raw_facts
from origin.api import archive_plan as plan
from origin.api.answers import stored
from origin.api.archive_stream import writer_of
from origin.api.call import (
    Call,
    check_public_id,
    count_fence,
    delivery_type_of,
    made_here,
    name_of,
    reply,
    signed,
    told_by,
)
from origin.api.eager import read_orders
from origin.api.forms import too_large
from origin.api.handing_out import download_headers, hand_out
from origin.api.intake import Intake, intake
from origin.api.naming import random_id
from origin.api.notices import PARAMETERS
from origin.api.originals import check_handing_out, opened_original, original_of
from origin.api.params import Params, Value, check_parameters, tags_of
from origin.records import AssetRecord, Body, Filter, Hashed, Held, Left, NewAsset
from origin.renders import Picture, make, read_order
from origin.scope import Operation

RESOURCE_TYPES: Mapping[str, tuple[str, ...]] = {
    "image": ("image",),
    "video": ("video",),
    "raw": ("raw",),
    "all": ("image", "raw", "video"),
    "auto": ("image", "raw", "video"),
}
STYLE = frozenset({"flatten_folders", "use_original_filename", "flatten_transformations", "skip_transformation_name"})
TARGET = frozenset({"target_public_id", "target_tags", "target_asset_folder"})
USED = frozenset(
    {"mode", "target_format", "type", "allow_missing", "transformations", "expires_at", "async", *plan.SELECTORS}
)
PAGE = 500


async def generate(request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
    """POST or GET /{resource_type}/generate_archive."""
    call = await signed(request, path, may_expire=True)
    check_parameters(call.params, USED | STYLE | TARGET | PARAMETERS)
    return await _generated(request, path, call)


async def by_tag(request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
    """GET /{resource_type}/download_tag.zip, the older spelling: everything with one tag, perhaps transformed."""
    call = await signed(request, path, may_expire=True)
    check_parameters(call.params, frozenset({"tag", "transformation", "expires_at"}))
    asked: dict[str, Value] = {"mode": "download", "tags": [call.params.required("tag")]}
    asked["transformations"] = call.params.text("transformation")
    return await _generated(request, path, replace(call, params=Params(asked)))


async def _generated(request: web.Request, path: Mapping[str, str], call: Call) -> web.StreamResponse:
    mode = call.params.text("mode") or "create"
    if mode not in {"create", "download"}:
        raise BadRequest("Invalid value for parameter mode")
    if mode == "create" and "expires_at" in call.params:  # such a signature outlives its mark, and would act again
        raise BadRequest("expires_at is for mode=download")
    kind = call.params.text("target_format") or "zip"
    if kind not in plan.FORMATS:
        raise BadRequest(f"Invalid value for parameter target_format: must be one of {', '.join(plan.FORMATS)}")
    limits = call.origin.settings.media.limits(call.origin.settings.upload)
    named = call.origin.records.named.all(call.tenant.cloud)
    orders = read_orders(call.params.text("transformations"), named, limits)
    records = await _selected(call, RESOURCE_TYPES.get(path["resource_type"], ()))
    entries = plan.entries(records, orders, plan.style_of(call.params))
    if mode == "create":
        entries = plan.as_shown(entries, read_order("", named, limits), call.origin.records.policy(call.tenant.cloud))
    content = Content(
        entries=entries,
        may_miss=call.params.flag("allow_missing", default=False),
    )
    for record in records:
        check_handing_out(call, record)
    if mode == "download":
        return await _download(request, call, content, kind)
    if request.method != "POST":
        raise BadRequest("An archive is created by POST")
    return await _create(request, call, content, kind)


@dataclass(slots=True, kw_only=True)
class Content:
    """What an archive is made of, and, as it is made, what has become part of it."""

    entries: tuple[plan.Entry, ...]
    may_miss: bool
    shown: dict[Aid, AssetRecord] = field(default_factory=dict)
    """Whose bytes are in it: grows with it."""
    originals: dict[Aid, AssetRecord] = field(default_factory=dict)
    """Of these, what lies in it as it is."""
    under_way: tuple[AssetRecord, ...] = ()
    """Whose bytes are in the file that is written now."""
    files: int = 0


async def _selected(call: Call, resource_types: tuple[str, ...]) -> list[AssetRecord]:
    """Raises AssetNotFound, BadRequest, LimitExceeded."""
    params, cloud = call.params, call.tenant.cloud
    delivery_type = delivery_type_of(params.text("type"))
    found: dict[str, AssetRecord] = {}
    missing: list[str] = []
    asked = [(one, delivery_type, text) for text in params.texts("public_ids") for one in resource_types]
    asked += [plan.read_full_name(text) for text in params.texts("fully_qualified_public_ids")]
    if not any(name in params for name in plan.SELECTORS):
        raise BadRequest(f"Missing required parameter - {' or '.join(plan.SELECTORS)}")
    for resource_type, kind, public_id in asked:
        record = await call.origin.records.get(name_of(call.tenant, resource_type, kind, public_id))
        if record is None:
            missing.append(public_id)
        else:
            found[record.asset_id] = record
    there = {record.name.public_id for record in found.values()}
    for where in _filters(call, resource_types, delivery_type):
        cursor: str | None = None
        while len(found) <= plan.FILES_MAX:
            page = await call.origin.records.list(cloud, where, max_results=PAGE, cursor=cursor, direction="asc")
            found |= {record.asset_id: record for record in page.records}
            cursor = page.next_cursor
            if cursor is None:
                break
    if len(found) > plan.FILES_MAX:
        raise LimitExceeded(f"Too many files in one archive: at most {plan.FILES_MAX}")
    gone = [public_id for public_id in missing if public_id not in there]
    if gone and not params.flag("allow_missing", default=False):
        raise AssetNotFound(f"Resource not found - {gone[0]}")
    if not found:
        raise AssetNotFound("Resource not found - nothing matches")
    return list(found.values())


def _filters(call: Call, resource_types: tuple[str, ...], delivery_type: str) -> list[Filter]:
    """A prefix is a folder, or the beginning of names; a tag is a tag."""
    return [
        Filter(resource_type=one, delivery_type=delivery_type, prefix=prefix or None, tag=tag)
        for one in resource_types
        for prefix, tag in (
            *((text, None) for text in call.params.texts("prefixes")),
            *(("", text) for text in call.params.texts("tags")),
        )
    ]


async def _pieces(call: Call, content: Content, kind: str) -> AsyncGenerator[bytes, None]:
    """The archive. Raises AssetNotFound in the middle when a file has gone and must not be missing.

    Originals are read as they go; what a rendition is made of belongs to the budget of all calls until it is over.
    """
    writer = writer_of(kind)
    for entry in content.entries:
        async with AsyncExitStack() as opened:
            try:
                body = await _file(call, content, entry, opened)
            except AssetNotFound:
                if not content.may_miss:
                    raise
                continue
            content.files += 1
            yield writer.begin(entry.path, body.body_bytes, changed_at=entry.record.created_at)
            async with aclosing(body.pieces()) as pieces:
                async for piece in pieces:
                    yield await asyncio.to_thread(writer.write, piece)
            yield writer.close_file()
    yield await asyncio.to_thread(writer.end)


async def _file(call: Call, content: Content, entry: plan.Entry, opened: AsyncExitStack) -> Body:
    record = entry.record
    if entry.order is None:
        original = await opened_original(call.origin, record)
        content.originals[record.aid] = content.shown[record.aid] = record
        content.under_way = (record,)
        return original
    body = await opened.enter_async_context(original_of(call.origin, record))
    picture = Picture(
        name=record.name,
        body=body,
        facts=record.facts,
        coordinates=record.coordinates,
        tags=record.tags,
        context=record.context,
    )
    made = await make(call.origin, picture, entry.order)
    content.under_way = (record, *made.layers)
    content.shown.update({one.aid: one for one in content.under_way})
    return Held(made.rendered.body)


async def _download(request: web.Request, call: Call, content: Content, kind: str) -> web.StreamResponse:
    origin, cloud = call.origin, call.tenant.cloud
    origin.records.permit(cloud, Activity.DELIVER)
    if request.method == "HEAD":
        return web.Response(headers=download_headers(plan.FORMATS[kind], f"archive.{kind}"))
    limit = origin.settings.upload.archive_bytes_max
    if sum(entry.record.body_bytes for entry in content.entries) > limit:
        raise LimitExceeded(f"The archive is too large: at most {limit} bytes of originals")
    with origin.archives.turn():
        response = web.StreamResponse(headers=download_headers(plan.FORMATS[kind], f"archive.{kind}"))
        return await hand_out(
            request,
            response,
            _pieces(call, content, kind),
            is_live=lambda: origin.records.has_keys_of(content.under_way),
        )


async def _create(request: web.Request, call: Call, content: Content, kind: str) -> web.Response:
    """The archive as a raw asset; its sources are the versions that are in it, and no more people may see it than these."""
    origin, params, cloud = call.origin, call.params, call.tenant.cloud
    call.tenant.scope.require(Operation.UPLOAD)
    public_id = check_public_id(params.text("target_public_id") or f"{random_id()}.{kind}", "target_public_id")
    word = told_by(call, request)
    permit = origin.records.permit(cloud, Activity.STORE)
    with (
        origin.archives.turn(),
        origin.budget.account() as account,
        intake(origin.records.spool, cloud, account) as file,
    ):
        body = Hashed(await _gathered(call, content, kind, file))
        sources = plan.sources_of(content.shown.values())
        policy = origin.records.policy(cloud)
        new = NewAsset(
            name=AssetName(
                cloud=cloud,
                resource_type="raw",
                delivery_type=plan.type_of(content.shown.values(), content.originals.values(), policy),
                public_id=public_id,
            ),
            facts=raw_facts(body.body_bytes),
            tags=tags_of(params, "target_tags"),
            folder=params.text("target_asset_folder").strip("/"),
            sources=sources,
            overwrite=call.tenant.scope.allows(Operation.EDIT),
            created_at=origin.now(),
        )
        draft = await origin.records.mint(cloud)
        try:
            await origin.records.put_original(draft, body, permit, sources)
            new = replace(new, facts=raw_facts(body.body_bytes, body.md5))
            done = made_here(
                await origin.records.commit_upload(
                    draft,
                    new,
                    once=call.once,
                    leave=lambda record: Left(
                        tasks=word.of("generate_archive", record, lambda record: stored(record, call.address))
                    ),
                )
            )
        except BaseException:
            await origin.records.discard(draft)
            raise
    count_fence(origin, done.fenced)
    assets = {entry.record.aid for entry in content.entries} & content.shown.keys()
    counts = {"resource_count": len(assets), "file_count": content.files}
    return reply({**stored(done.record, call.address), **counts})


async def _gathered(call: Call, content: Content, kind: str, file: Intake) -> Body:
    most = call.origin.settings.upload.raw_bytes_max
    async with aclosing(_pieces(call, content, kind)) as pieces:
        async for piece in pieces:
            if file.body_bytes + len(piece) > most:
                raise too_large(most)
            await file.write(piece)
    return await file.end()
