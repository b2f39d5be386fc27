"""`explicit`: change an asset that is there, and make or measure what is asked for of it.

All parameters are read first; what is made is made of the asset as it will be; then comes one change, as a function of the
asset as it is when its turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from aiohttp import web

from domicile.media.access import read_access_control
from domicile.media.asset import AssetName
from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.film import NOT_TRANSFORMED
from domicile.media.remote_rules import check_fetched
from origin.api import analysis, breakpoints, coordinates, eager, subjects
from origin.api.answers import asset, changed
from origin.api.call import Call, count_fence, delivery_type_of, name_of, reply, resource_type_of, signed
from origin.api.coordinates import coordinates_of
from origin.api.manage import leaving, metadata_edit
from origin.api.moderation import first_moderation
from origin.api.naming import asset_folder, display_name
from origin.api.notices import PARAMETERS
from origin.api.originals import original_of
from origin.api.params import Params, check_parameters, context_of, tags_of
from origin.api.scopes import check_layers
from origin.keys import REQUEST_ID
from origin.records import AssetRecord, Edit, Left
from origin.remote import rules_of
from origin.renders import MadeNow, Picture, make

WIDTH = ("upload", "private", "authenticated")
"""Delivery types, the most public one first."""
EXPLICIT = frozenset(
    {"public_id", "type", "tags", "context", "metadata", "asset_folder", "display_name", "moderation", "async"}
    | {"access_control", subjects.NAME}
    | {*coordinates.FIELDS, *analysis.WISHES, breakpoints.NAME, *PARAMETERS, *eager.PARAMETERS}
)


async def explicit(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Change an asset that is there: its tags, its context, its coordinates, and its type when that makes it less public.

    `type` selects the asset. One that exists only in a more public type is moved to `type`; one that exists only in a
    less public type is not found: nothing is published but by `rename` with `to_type`. Without `type` the asset is
    looked for in every type and keeps its own.
    """
    call = await signed(request, path)
    params = call.params
    check_parameters(params, EXPLICIT)
    check_layers(call.tenant.scope, params)
    public_id = params.required("public_id")
    wanted = delivery_type_of(params.text("type")) if "type" in params else None
    names = [name_of(call.tenant, resource_type_of(path), kind, public_id) for kind in types_looked_in(wanted)]
    wish, change = _wish(call, request), explicit_edit(params, wanted, call.origin.now())
    values, word = await metadata_edit(call), leaving("explicit", call, request)

    def edit(record: AssetRecord) -> AssetRecord:
        return values(change(record))

    if wanted == "fetch":
        await _brought(call, names[0])
    try:
        ready = await _prepared(call, wish, names, edit)

        def leave(record: AssetRecord) -> Left:
            left = wish.eager.left(record, ready.made, call.address) if ready.is_of(record) else Left()
            return Left(made=left.made, tasks=(*word(record).tasks, *left.tasks))

        done = await call.origin.records.edit(
            names, lambda record: edit(_with(record, ready.record)), once=call.once, leave=leave
        )
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {public_id}") from missing
    count_fence(call.origin, done.fenced)
    if wish.eager.is_async:
        call.origin.eager_left.set()
    answer = asset(done.record, call.address) | changed(done)
    answer |= wish.eager.answer(done.record, ready.made, call.address)
    answer |= breakpoints.told(ready.widths, done.record, call.address)
    boxes = coordinates.inside(done.record.coordinates, done.record.facts)
    return reply(answer | analysis.told(done.record.analysis, boxes, wish.told))


async def _brought(call: Call, name: AssetName) -> None:
    """A picture from elsewhere that is not here yet is fetched: its owner asks for it."""
    if await call.origin.records.get(name) is None:
        check_fetched(name.delivery_type, name.public_id, rules_of(call.origin, name.cloud))
        await call.origin.fetched.bring(name, once=call.once)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What a call asks for beside changes."""

    eager: eager.Wish
    searches: tuple[breakpoints.Wanted, ...]
    told: tuple[str, ...]

    @property
    def looks(self) -> bool:
        return bool(self.eager.orders or self.searches or self.told)


def _wish(call: Call, request: web.Request) -> _Wish:
    origin, params = call.origin, call.params
    limits = origin.settings.media.limits(origin.settings.upload)
    named = origin.records.named.all(call.tenant.cloud)
    return _Wish(
        eager=eager.read_wish(
            params, named, limits, request_id=request[REQUEST_ID], now=origin.now(), audience=call.audience
        ),
        searches=breakpoints.wanted(params, limits),
        told=analysis.asked(params),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """What was made and told of one version."""

    record: AssetRecord | None = None
    made: tuple[MadeNow, ...] = ()
    widths: breakpoints.Found = ()

    def is_of(self, record: AssetRecord) -> bool:
        return self.record is not None and self.record.aid == record.aid


async def _prepared(call: Call, wish: _Wish, names: Sequence[AssetName], edit: Edit) -> _Ready:
    """Of the first of the assets that is there; nothing when nothing was asked."""
    for name in names if wish.looks else ():
        record = await call.origin.records.get(name)
        if record is not None:
            return await _made_of(call, wish, record, edit(record))
    return _Ready()


async def _made_of(call: Call, wish: _Wish, record: AssetRecord, later: AssetRecord) -> _Ready:
    """`later`: the asset as it will be."""
    origin = call.origin
    if record.facts.film is not None and (wish.eager.orders or wish.searches):
        raise BadRequest(NOT_TRANSFORMED)
    if record.name.resource_type != "image" and (wish.eager.orders or wish.searches):
        raise BadRequest("Only images have renditions")
    told = replace(record, analysis=await analysis.analysed(origin, record, wish.told))
    if not (wish.eager.now or wish.searches):
        return _Ready(record=told)
    async with AsyncExitStack() as opened:
        picture = Picture(
            name=later.name,
            body=await opened.enter_async_context(original_of(origin, record)),
            facts=record.facts,
            coordinates=later.coordinates,
            tags=later.tags,
            context=later.context,
        )
        return _Ready(
            record=told,
            made=tuple([await make(origin, picture, order) for order in wish.eager.now]),
            widths=await breakpoints.measured(origin, picture, wish.searches),
        )


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
    if wanted is not None and wanted not in WIDTH:
        return (wanted,)
    return WIDTH if wanted is None else (wanted, *WIDTH[: WIDTH.index(wanted)])


def explicit_edit(params: Params, wanted: str | None, now: float) -> Edit:
    """All that `explicit` changes, parsed before anything is changed. Raises BadRequest."""
    tags = tags_of(params) if "tags" in params else None
    context = context_of(params) if "context" in params else None
    boxes = coordinates_of(params)
    folder = asset_folder(params) if "asset_folder" in params else None
    shown = display_name(params, "") if "display_name" in params else None
    about = subjects.subjects_of(params)
    moderation = first_moderation(params, now=now)
    rules = read_access_control(params.text("access_control")) if "access_control" in params else None

    def edit(record: AssetRecord) -> AssetRecord:
        return replace(
            record,
            name=replace(record.name, delivery_type=wanted or record.name.delivery_type),
            tags=record.tags if tags is None else tags,
            context=record.context if context is None else context,
            coordinates=coordinates.changed(record.coordinates, boxes, record.facts),
            folder=record.folder if folder is None else folder,
            display_name=record.display_name if shown is None else shown,
            subject_ids=record.subject_ids if about is None else about,
            moderation=moderation or record.moderation,
            access_control=record.access_control if rules is None else rules,
        )

    return edit
