"""`sprite` and `multi`: one picture of many, kept as an asset of that type, or handed out at once.

    sprite   a sheet of them, beneath each other, with a stylesheet and a list that say where each one lies (raw files)
    multi    an animation of them, one after the other

Each picture is first made as the transformation says, as everybody may see it. What is kept is sealed under the keys of all
that is in it, and goes with any of them (records/lineage.py); it is open to everybody, so nothing else may be in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from aiohttp import hdrs, web

from domicile.imaging.job import GatherJob
from domicile.media.asset import IMAGE_EXTENSIONS, Aid, AssetName
from domicile.media.errors import BadRequest
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from domicile.media.raw import raw_facts
from origin.api import archive_plan
from origin.api.answers import Json, stored
from origin.api.budget import Account
from origin.api.call import Call, count_fence, made_here, reply, signed
from origin.api.composite_asked import Asked, chosen_by, free_key, read_asked
from origin.api.handing_out import download_headers, hand_out
from origin.api.manage import leaving
from origin.api.originals import original_of
from origin.api.routes import CLOUD, Route
from origin.records import AssetRecord, Committed, Held, Leave, NewAsset
from origin.records.afterwards import nothing
from origin.renders import Order, Picture, make, read_order
from origin.scope import Operation

SPRITE, MULTI = "sprite", "multi"
ANIMATED = frozenset({"gif", "webp", "png"})
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One picture as it will lie there."""

    record: AssetRecord
    body: bytes = field(repr=False)
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of all."""

    body: bytes = field(repr=False)
    facts: SourceFacts
    pieces: tuple[Piece, ...]
    places: tuple[tuple[int, int], ...]
    shown: tuple[AssetRecord, ...]
    """All whose bytes are in it."""

    @property
    def sources(self) -> tuple[Aid, ...]:
        return archive_plan.sources_of(self.shown)


async def sprite(request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
    """POST or GET /image/sprite."""
    call = await signed(request, path)
    call.tenant.scope.require(Operation.READ)  # who is told which pictures have a tag, and shown them, looks
    asked = read_asked(request, call, usual="png", formats=frozenset(IMAGE_EXTENSIONS.values()))
    made = await _made(call, asked, is_animated=False)
    if call.params.text("mode") == "download":
        return await _handed_out(request, call, made, asked)
    done = await _kept(call, asked, made, SPRITE, leaving(SPRITE, call, request))
    infos: dict[str, dict[str, int]] = {}
    for piece, (x, y) in zip(made.pieces, made.places, strict=True):
        key = free_key(piece.record.name.public_id, infos)
        infos[key] = {"width": piece.width, "height": piece.height, "x": x, "y": y}
    answer = stored(done.record, call.address)
    sources = (done.record.aid, *made.sources)
    said: Json = {"image_infos": infos}
    for kind, text in (
        ("css", stylesheet(infos, answer["secure_url"])),
        ("json", msgspec.json.encode(infos).decode()),
    ):
        raw = await _kept_beside(call, f"{asked.public_id}.{kind}", text.encode(), sources)
        said |= {f"{kind}_url": raw["url"], f"secure_{kind}_url": raw["secure_url"]}
    return reply({**answer, "image_url": answer["url"], "secure_image_url": answer["secure_url"], **said})


async def multi(request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
    """POST or GET /image/multi."""
    call = await signed(request, path)
    call.tenant.scope.require(Operation.READ)  # who is told which pictures have a tag, and shown them, looks
    asked = read_asked(request, call, usual="gif", formats=ANIMATED)
    made = await _made(call, asked, is_animated=True)
    if call.params.text("mode") == "download":
        return await _handed_out(request, call, made, asked)
    done = await _kept(call, asked, made, MULTI, leaving(MULTI, call, request))
    return reply(stored(done.record, call.address))


async def _made(call: Call, asked: Asked, *, is_animated: bool) -> Made:
    origin, cloud = call.origin, call.tenant.cloud
    chosen = await chosen_by(call, asked)
    shown: dict[Aid, AssetRecord] = {}
    with origin.archives.turn(), origin.budget.account() as account:
        pieces = [await _piece(call, record, order, shown, account) for record, order in chosen]
        if archive_plan.type_of(shown.values(), (), origin.records.policy(cloud)) != "upload":
            raise BadRequest("Only of pictures that everybody may see one can be made that everybody may see")
        return await _gathered(call, asked, pieces, shown, is_animated=is_animated)


async def _piece(
    call: Call, record: AssetRecord, order: Order, shown: dict[Aid, AssetRecord], account: Account
) -> Piece:
    async with original_of(call.origin, record) as body:
        picture = Picture(
            name=record.name,
            body=body,
            facts=record.facts,
            coordinates=record.coordinates,
            tags=record.tags,
            context=record.context,
        )
        made = await make(call.origin, picture, order)
    account.take(len(made.rendered.body))
    shown.update({one.aid: one for one in (record, *made.layers)})
    done = made.rendered.done
    return Piece(record=record, body=made.rendered.body, width=done.width, height=done.height)


async def _gathered(
    call: Call, asked: Asked, pieces: Sequence[Piece], shown: Mapping[Aid, AssetRecord], *, is_animated: bool
) -> Made:
    origin, cloud = call.origin, call.tenant.cloud
    limits = origin.settings.media.limits(origin.settings.upload)
    canvas, places = (centred if is_animated else stacked)([(one.width, one.height) for one in pieces])
    job = GatherJob(
        limits=limits,
        sizes=tuple(len(one.body) for one in pieces),
        canvas=canvas,
        places=places,
        duration_ms=asked.delay_ms if is_animated else 0,
    )
    gathered = await origin.pool.gather([one.body for one in pieces], job, tenant=cloud)
    body, facts = gathered.body, gathered.done.source
    if asked.extension != "png":
        order = read_order(f"/{asked.extension}", {}, limits)
        whole = Picture(name=_name(call, SPRITE, asked.public_id), body=body, facts=facts)
        body = (await make(origin, whole, order, redacts=False)).rendered.body
    probed = await origin.pool.probe(body, limits, tenant=cloud)
    return Made(
        body=body,
        facts=probed.done.source,
        pieces=tuple(pieces),
        places=places,
        shown=tuple(shown.values()),
    )


def stacked(sizes: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], tuple[tuple[int, int], ...]]:
    """The sheet, and where each lies: beneath each other.

    >>> stacked([(2, 3), (4, 1)])
    ((4, 4), ((0, 0), (0, 3)))
    """
    tops = [sum(height for _, height in sizes[:n]) for n in range(len(sizes))]
    return (max(width for width, _ in sizes), sum(height for _, height in sizes)), tuple((0, top) for top in tops)


def centred(sizes: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], tuple[tuple[int, int], ...]]:
    """A canvas that holds each of them, in its middle.

    >>> centred([(2, 3), (4, 1)])
    ((4, 3), ((1, 0), (0, 1)))
    """
    width, height = max(one for one, _ in sizes), max(one for _, one in sizes)
    return (width, height), tuple(((width - one) // 2, (height - other) // 2) for one, other in sizes)


def stylesheet(infos: Mapping[str, Mapping[str, int]], url: str) -> str:
    """One class a picture, named by its public_id with other characters as hyphens."""
    rules = [
        f".{_class(name)} {{ width: {at['width']}px; height: {at['height']}px;"
        f' background: url("{url}") no-repeat; background-position: {-at["x"]}px {-at["y"]}px }}'
        for name, at in infos.items()
    ]
    return "\n".join(rules) + "\n"


def _class(public_id: str) -> str:
    name = _UNFIT.sub("-", public_id)
    return f"_{name}" if name[:1].isdigit() or name.startswith("-") else name


async def _handed_out(request: web.Request, call: Call, made: Made, asked: Asked) -> web.StreamResponse:
    records, body = call.origin.records, Held(made.body)
    records.permit(call.tenant.cloud, Activity.DELIVER)
    headers = download_headers(f"image/{asked.extension}", f"pictures.{asked.extension}")
    headers[hdrs.CONTENT_LENGTH] = str(body.body_bytes)
    response = web.StreamResponse(headers=headers)
    if request.method == "HEAD":
        return response
    return await hand_out(request, response, body.pieces(), is_live=lambda: records.has_keys_of(made.shown))


def _name(call: Call, delivery_type: str, public_id: str) -> AssetName:
    return AssetName(cloud=call.tenant.cloud, resource_type="image", delivery_type=delivery_type, public_id=public_id)


async def _kept(call: Call, asked: Asked, made: Made, kind: str, leave: Leave) -> Committed:
    new = NewAsset(
        name=_name(call, kind, asked.public_id),
        facts=made.facts,
        sources=made.sources,
        overwrite=call.tenant.scope.allows(Operation.EDIT),
        created_at=call.origin.now(),
    )
    done = await _stored(call, new, made.body, leave)
    count_fence(call.origin, done.fenced)
    if done.overwritten:
        call.origin.pool.retire(call.tenant.cloud)
    return done


async def _kept_beside(call: Call, public_id: str, body: bytes, sources: tuple[Aid, ...]) -> Json:
    """What is said of a sprite, as a raw file of the same type."""
    name = AssetName(cloud=call.tenant.cloud, resource_type="raw", delivery_type=SPRITE, public_id=public_id)
    new = NewAsset(
        name=name,
        facts=raw_facts(len(body), hashlib.md5(body, usedforsecurity=False).hexdigest()),
        sources=sources,
        overwrite=call.tenant.scope.allows(Operation.EDIT),
        created_at=call.origin.now(),
    )
    return stored((await _stored(call, new, body, nothing, is_signed=False)).record, call.address)


async def _stored(call: Call, new: NewAsset, body: bytes, leave: Leave, *, is_signed: bool = True) -> Committed:
    origin, cloud = call.origin, call.tenant.cloud
    permit = origin.records.permit(cloud, Activity.STORE)
    draft = await origin.records.mint(cloud)
    try:
        await origin.records.put_original(draft, body, permit, new.sources)
        once = call.once if is_signed else None  # the signature is used up by the picture
        return made_here(await origin.records.commit_upload(draft, new, once=once, leave=leave))
    except BaseException:
        await origin.records.discard(draft)
        raise


ROUTES = (
    Route(SPRITE, "POST", CLOUD + "/image/sprite", sprite),
    Route(SPRITE, "GET", CLOUD + "/image/sprite", sprite),
    Route(MULTI, "POST", CLOUD + "/image/multi", multi),
    Route(MULTI, "GET", CLOUD + "/image/multi", multi),
)
