"""The Upload API without a file: destroy, rename, explicit, tags, context.

Every handler reads all of its parameters first and then asks for one change per asset, as a function of the asset as it
is when its turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from domicile.media.access import read_access_control
from domicile.media.asset import AssetName
from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from domicile.media.remote_rules import check_fetched
from origin import analysis, breakpoints, coordinates
from origin.answers import asset, changed, destroyed
from origin.call import (
    Call,
    check_public_id,
    count_fence,
    delivery_type_of,
    name_of,
    reply,
    resource_type_of,
    signed,
)
from origin.coordinates import coordinates_of
from origin.originals import original_of
from origin.params import Params, check_parameters, context_of, tags_of
from origin.records import AssetRecord, Edit, Filter
from origin.remote import rules_of

EXCLUSIVE_ASSETS_MAX = 500
"""Assets that may lose a tag in one `set_exclusive`."""
FENCE_SECONDS_MAX = 1.0
"""Longest wait for edges after changes of many assets; `ack_seconds_max` may be less."""
WIDTH = ("upload", "private", "authenticated")
"""Delivery types, the most public one first."""
DESTROY = frozenset({"public_id", "type"})
RENAME = frozenset({"from_public_id", "to_public_id", "type", "to_type", "overwrite"})
EXPLICIT = frozenset(
    {"public_id", "type", "tags", "context", "access_control", *coordinates.FIELDS, *analysis.WISHES, breakpoints.NAME}
)
TAGS = frozenset({"command", "tag", "public_ids", "type"})
CONTEXT = frozenset({"command", "context", "public_ids", "type"})


async def destroy(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Delete one asset: the name is free, keys and bytes are gone, caches purged. `invalidate` is always on."""
    call = await signed(request, path)
    params, tenant = call.params, call.tenant
    check_parameters(params, DESTROY)
    delivery_type = delivery_type_of(params.text("type"), may_be_fetch=True)
    name = name_of(tenant, resource_type_of(path), delivery_type, params.required("public_id"))
    removed = await call.origin.records.destroy(name, once=call.once)
    if removed is not None:
        count_fence(call.origin, removed.fenced)
        call.origin.pool.retire(tenant.cloud)
    return reply(destroyed(removed))


async def rename(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Move an asset to another name, and perhaps another type. The old name serves nothing afterwards."""
    call = await signed(request, path)
    params = call.params
    check_parameters(params, RENAME)
    delivery_type = delivery_type_of(params.text("type"))
    to_type = delivery_type_of(params.text("to_type") or delivery_type, "to_type")
    old = name_of(call.tenant, resource_type_of(path), delivery_type, params.required("from_public_id"))
    new = check_public_id(params.required("to_public_id"), "to_public_id")
    overwrite = params.flag("overwrite", default=False)
    try:
        done = await call.origin.records.rename(old, new, to_type=to_type, overwrite=overwrite, once=call.once)
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {old.public_id}") from missing
    except AssetExists as taken:
        raise AssetExists(f"to_public_id {new} already exists") from taken
    count_fence(call.origin, done.fenced)
    if done.overwritten:
        call.origin.pool.retire(call.tenant.cloud)
    return reply(asset(done.record, call.address) | changed(done))


async def explicit(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Change an asset that is there: its tags, its context, its coordinates, and its type when that makes it less public.

    `type` selects the asset. One that exists only in a more public type is moved to `type`; one that exists only in a
    less public type is not found: nothing is published but by `rename` with `to_type`. Without `type` the asset is
    looked for in every type and keeps its own.
    """
    call = await signed(request, path)
    params = call.params
    check_parameters(params, EXPLICIT)
    public_id = params.required("public_id")
    wanted = delivery_type_of(params.text("type"), may_be_fetch=True) if "type" in params else None
    names = [name_of(call.tenant, resource_type_of(path), kind, public_id) for kind in types_looked_in(wanted)]
    asked, change = analysis.asked(params), explicit_edit(params, wanted)
    breakpoints.wanted(
        params, call.origin.settings.media.limits(call.origin.settings.upload)
    )  # refused before a change
    if wanted == "fetch":
        await _brought(call, names[0])
    try:
        told = await _looked_at(call, names, asked)
        done = await call.origin.records.edit(names, lambda record: change(_with(record, told)), once=call.once)
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {public_id}") from missing
    count_fence(call.origin, done.fenced)
    answer = asset(done.record, call.address) | changed(done)
    answer |= breakpoints.told(await _measured(call, done.record), done.record, call.address)
    return reply(answer | analysis.told(done.record.analysis, done.record.coordinates, asked))


async def _brought(call: Call, name: AssetName) -> None:
    """A picture from elsewhere that is not here yet is fetched: its owner asks for it."""
    if await call.origin.records.get(name) is None:
        check_fetched(name.delivery_type, name.public_id, rules_of(call.origin, name.cloud))
        await call.origin.fetched.bring(name)


async def _measured(call: Call, record: AssetRecord) -> breakpoints.Found:
    """Breakpoints of the asset as it is after the change, where they are asked for."""
    origin, limits = call.origin, call.origin.settings.media.limits(call.origin.settings.upload)
    searches = breakpoints.wanted(call.params, limits)
    if not searches:
        return ()
    async with original_of(origin, record) as body:
        picture = breakpoints.Picture(name=record.name, body=body, facts=record.facts, coordinates=record.coordinates)
        return await breakpoints.measured(origin, picture, searches)


async def _looked_at(call: Call, names: Sequence[AssetName], asked: tuple[str, ...]) -> AssetRecord | None:
    """The first of the assets that is there, looked at as far as was asked for; None when nothing was."""
    for name in names if asked else ():
        record = await call.origin.records.get(name)
        if record is not None:
            return replace(record, analysis=await analysis.analysed(call.origin, record, asked))
    return None


def _with(record: AssetRecord, told: AssetRecord | None) -> AssetRecord:
    """What was told of this very version is kept; of one that has replaced it meanwhile nothing is known."""
    if told is None or told.aid != record.aid:
        return record
    return replace(record, analysis=record.analysis.joined(told.analysis))


def types_looked_in(wanted: str | None) -> tuple[str, ...]:
    """Where `explicit` may find its asset, the likeliest first.

    >>> types_looked_in("private")
    ('private', 'upload')
    """
    if wanted == "fetch":  # an address is no name of another type
        return (wanted,)
    return WIDTH if wanted is None else (wanted, *WIDTH[: WIDTH.index(wanted)])


def explicit_edit(params: Params, wanted: str | None) -> Edit:
    """All that `explicit` changes, parsed before anything is changed. Raises BadRequest."""
    tags = tags_of(params) if "tags" in params else None
    context = context_of(params) if "context" in params else None
    boxes = coordinates_of(params)
    rules = read_access_control(params.text("access_control")) if "access_control" in params else None

    def edit(record: AssetRecord) -> AssetRecord:
        return replace(
            record,
            name=replace(record.name, delivery_type=wanted or record.name.delivery_type),
            tags=record.tags if tags is None else tags,
            context=record.context if context is None else context,
            coordinates=coordinates.changed(record.coordinates, boxes, record.facts),
            access_control=record.access_control if rules is None else rules,
        )

    return edit


async def tags(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """add, remove, replace, remove_all, set_exclusive; answers the public_ids that exist."""
    call = await signed(request, path, notification_unsigned=True)
    check_parameters(call.params, TAGS)
    command = call.params.required("command")
    if command not in {"add", "remove", "replace", "remove_all", "set_exclusive"}:
        raise BadRequest("Invalid value for parameter command")
    given = tags_of(call.params, "tag")
    if not given and command != "remove_all":
        raise BadRequest("Missing required parameter - tag")
    losers = await _carriers(call, given) if command == "set_exclusive" else set()
    done = await _edit_all(call, path, lambda record: replace(record, tags=retagged(command, record.tags, given)))
    keep = {record.name for record in done}
    for name in losers - keep:
        await _edit_if_there(call, name, lambda record: replace(record, tags=retagged("remove", record.tags, given)))
    await _known_to_edges(call)
    return reply({"public_ids": [record.name.public_id for record in done]})


def retagged(command: str, old: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    """The tags after a command.

    >>> retagged("add", ("a", "b"), ("b", "c"))
    ('a', 'b', 'c')
    """
    match command:
        case "remove":
            return tuple(tag for tag in old if tag not in given)
        case "remove_all":
            return ()
        case "replace":
            return given
        case _:
            return tuple(dict.fromkeys((*old, *given)))


async def _carriers(call: Call, given: tuple[str, ...]) -> set[AssetName]:
    """Assets that carry any of these tags now. Raises BadRequest when there are too many to change."""
    found: set[AssetName] = set()
    for tag in given:
        page = await call.origin.records.list(call.tenant.cloud, Filter(tag=tag), max_results=EXCLUSIVE_ASSETS_MAX)
        if page.next_cursor is not None:
            raise BadRequest(f"More than {EXCLUSIVE_ASSETS_MAX} assets carry the tag: remove it from them first")
        found.update(record.name for record in page.records)
    return found


async def context(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """add, remove_all; answers the public_ids that exist."""
    call = await signed(request, path, notification_unsigned=True)
    check_parameters(call.params, CONTEXT)
    command = call.params.required("command")
    if command not in {"add", "remove_all"}:
        raise BadRequest("Invalid value for parameter command")
    given = context_of(call.params)
    if not given and command == "add":
        raise BadRequest("Missing required parameter - context")

    def edit(record: AssetRecord) -> AssetRecord:
        return replace(record, context={**record.context, **given} if command == "add" else {})

    done = await _edit_all(call, path, edit)
    await _known_to_edges(call)
    return reply({"public_ids": [record.name.public_id for record in done]})


async def _edit_all(call: Call, path: Mapping[str, str], edit: Edit) -> list[AssetRecord]:
    """One change per asset, so that none waits long for its turn; those that do not exist are left out."""
    params, resource_type = call.params, resource_type_of(path)
    public_ids = params.texts("public_ids")
    if not public_ids:
        raise BadRequest("Missing required parameter - public_ids")
    delivery_type = delivery_type_of(params.text("type"))
    names = [name_of(call.tenant, resource_type, delivery_type, public_id) for public_id in dict.fromkeys(public_ids)]
    done = [await _edit_if_there(call, name, edit) for name in names]
    return [record for record in done if record is not None]


async def _edit_if_there(call: Call, name: AssetName, edit: Edit) -> AssetRecord | None:
    once = call.once.about(name.text) if call.once else None  # a signature acts once on each
    if await call.origin.records.get(name) is None:
        return None
    try:
        return (await call.origin.records.edit([name], edit, once=once, waits=False)).record
    except AssetNotFound:
        return None


async def _known_to_edges(call: Call) -> None:
    """Wait once for all changes of a call: what conditions on tags and context gave is void then."""
    records, cloud = call.origin.records, call.tenant.cloud
    head = await records.head(cloud)
    count_fence(call.origin, await records.fenced(cloud, head.seq, wait_seconds=FENCE_SECONDS_MAX))
