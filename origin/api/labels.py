"""What assets carry: tags, context and structured metadata, changed for many assets by one call.

One change per asset, as a function of the asset as it is when its turn comes; those that do not exist are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from domicile.media.asset import AssetName
from domicile.media.errors import AssetNotFound, BadRequest
from origin.api import metadata_values
from origin.api.answers import asset
from origin.api.call import Call, count_fence, delivery_type_of, name_of, reply, resource_type_of, signed, told_by
from origin.api.metadata_growth import grow
from origin.api.notices import PARAMETERS, Told
from origin.api.params import check_parameters, context_of, tags_of
from origin.records import AssetRecord, Edit, Filter, Left

EXCLUSIVE_ASSETS_MAX = 500
"""Assets that may lose a tag in one `set_exclusive`."""
FENCE_SECONDS_MAX = 1.0
"""Longest wait for edges after changes of many assets; `ack_seconds_max` may be less."""
TAGS = frozenset({"command", "tag", "public_ids", "type"}) | PARAMETERS
CONTEXT = frozenset({"command", "context", "public_ids", "type"}) | PARAMETERS
METADATA = frozenset({"metadata", "public_ids", "type", "clear_invalid"}) | PARAMETERS


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
    if command == "set_exclusive":
        call.tenant.scope.require_everywhere()
    losers = await _carriers(call, given) if command == "set_exclusive" else set()
    notice = told_by(call, request)
    done = await _edit_all(
        call,
        path,
        lambda record: replace(record, tags=retagged(command, record.tags, given)),
        ("resource_tags_changed", notice),
    )
    keep = {record.name for record in done}
    for name in losers - keep:
        await _edit_if_there(
            call,
            name,
            lambda record: replace(record, tags=retagged("remove", record.tags, given)),
            ("resource_tags_changed", notice),
        )
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

    done = await _edit_all(call, path, edit, ("resource_context_changed", told_by(call, request)))
    await _known_to_edges(call)
    return reply({"public_ids": [record.name.public_id for record in done]})


async def metadata(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Values of metadata fields; answers the public_ids that exist. `clear_invalid`: leave out what may not be said."""
    call = await signed(request, path, notification_unsigned=True)
    check_parameters(call.params, METADATA)
    call.params.required("metadata")
    given = metadata_values.given_in(call.params)
    await grow(call.origin.records, call.tenant.cloud, given)
    schema = await metadata_values.schema_of(call.origin.records, call.tenant.cloud)
    if call.params.flag("clear_invalid", default=False):
        given = metadata_values.valid(given, schema.fields)
    metadata_values.read_given({}, given, schema.fields)

    def edit(record: AssetRecord) -> AssetRecord:
        return replace(record, metadata=metadata_values.changed(record.metadata, given, schema))

    for name in _names(call, path):  # what rules refuse is refused before the first change, too
        record = await call.origin.records.get(name)
        if record is not None:
            edit(record)
    done = await _edit_all(call, path, edit, ("resource_metadata_changed", told_by(call, request)))
    await _known_to_edges(call)
    return reply({"public_ids": [record.name.public_id for record in done]})


async def _edit_all(
    call: Call, path: Mapping[str, str], edit: Edit, notice: tuple[str, Told] | None = None
) -> list[AssetRecord]:
    """One change per asset, so that none waits long for its turn; those that do not exist are left out."""
    done = [await _edit_if_there(call, name, edit, notice) for name in _names(call, path)]
    return [record for record in done if record is not None]


def _names(call: Call, path: Mapping[str, str]) -> list[AssetName]:
    """What the call is about. Raises BadRequest."""
    params, resource_type = call.params, resource_type_of(path)
    public_ids = params.texts("public_ids")
    if not public_ids:
        raise BadRequest("Missing required parameter - public_ids")
    delivery_type = delivery_type_of(params.text("type"))
    return [name_of(call.tenant, resource_type, delivery_type, public_id) for public_id in dict.fromkeys(public_ids)]


async def _edit_if_there(
    call: Call, name: AssetName, edit: Edit, notice: tuple[str, Told] | None = None
) -> AssetRecord | None:
    def leave(record: AssetRecord) -> Left:
        kind, who = notice or ("", None)
        return Left(tasks=who.of(kind, record, lambda record: asset(record, call.address)) if who else ())

    once = call.once.about(name.text) if call.once else None  # a signature acts once on each
    if await call.origin.records.get(name) is None:
        return None
    try:
        return (await call.origin.records.edit([name], edit, once=once, waits=False, leave=leave)).record
    except AssetNotFound:
        return None


async def _known_to_edges(call: Call) -> None:
    """Wait once for all changes of a call: what conditions on tags and context gave is void then."""
    records, cloud = call.origin.records, call.tenant.cloud
    head = await records.head(cloud)
    count_fence(call.origin, await records.fenced(cloud, head.seq, wait_seconds=FENCE_SECONDS_MAX))
