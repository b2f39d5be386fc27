"""Renditions that the origin makes itself, behind the same walls as an edge: eager ones, incoming ones, breakpoints.

An order is read before anything is stored, and made for one picture: what follows a viewer's screen takes its fallback,
`f_auto` means what everybody reads, and what the policy redacts is redacted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from domicile.imaging.job import LayerInput, MediaLimits, RenderJob
from domicile.imaging.plan_limits import plan_limits
from domicile.media.asset import IMAGE_EXTENSIONS, AssetName
from domicile.media.chain import Chain
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.cost import pixels_of
from domicile.media.errors import BadRequest, BadTransformation
from domicile.media.evaluate import Known, evaluate
from domicile.media.facts import SourceFacts
from domicile.media.forced import forced_effect
from domicile.media.grammar import build_transformation, check_length
from domicile.media.layer import LayerName
from domicile.media.negotiate import negotiate
from domicile.media.pending import NO_HINTS, read_named, settled
from domicile.media.program import parse_segment
from domicile.service.pool_values import Rendered
from origin.api.limits import quotas_of
from origin.api.originals import original_of
from origin.keys import Origin
from origin.records import AssetRecord, Made, Named, RenditionRecord

_URL_SAFE = re.compile(r"[A-Za-z0-9_.,:;/$!%()*~'+@=&-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What renditions are made of."""

    name: AssetName
    body: bytes = field(repr=False)
    facts: SourceFacts
    coordinates: Coordinates = NOWHERE
    tags: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One rendition, as a call asks for it."""

    text: str
    """As it was written, for URLs: `c_fill,h_100,w_100/e_blur`."""
    chain: Chain
    """The same with named transformations put in."""
    extension: str | None
    """Of the URL: a format, "" for none, or None for the original's."""

    def extension_of(self, facts: SourceFacts) -> str:
        return facts.format if self.extension is None else self.extension


def read_order(text: str, named: Mapping[str, Named], limits: MediaLimits) -> Order:
    """`TRANSFORMATION`, `TRANSFORMATION/FORMAT`, or `TRANSFORMATION/` for a URL without an extension. BadTransformation."""
    head, slash, last = text.rpartition("/")
    extension: str | None = None
    if last.lower() in IMAGE_EXTENSIONS or (slash and not last):
        text, extension = head, IMAGE_EXTENSIONS.get(last.lower(), "")
    if _URL_SAFE.fullmatch(text) is None:
        raise BadTransformation("Invalid transformation: must be written as in a URL")
    parts = text.split("/", maxsplit=limits.components_max) if text else []
    check_length(len(parts), limits)
    segments = [parse_segment(part, limits) for part in parts]
    known = read_named({name: one.text for name, one in named.items()})
    chain = settled(segments, known, NO_HINTS, limits).chain
    if any(part.widths is not None for part in chain.transformation.components):
        raise BadTransformation("Invalid transformation: breakpoints are asked for by responsive_breakpoints")
    return Order(text=text, chain=chain, extension=extension)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeNow:
    """A rendition, and what it shows beside its own picture."""

    order: Order
    rendered: Rendered
    layers: tuple[AssetRecord, ...]

    @property
    def kept(self) -> Made:
        """For the list of the asset's renditions, as an edge would report it."""
        done = self.rendered.done
        record = RenditionRecord(
            transformation=self.order.chain.text,
            format=done.format,
            width=done.width,
            height=done.height,
            body_bytes=len(self.rendered.body),
        )
        return Made(record=record, layers=tuple(layer.aid for layer in self.layers))


async def make(origin: Origin, picture: Picture, order: Order, *, redacts: bool = True) -> MadeNow:
    """Raises as rendering does, and BadRequest for a layer that is not there. `redacts` False: the result is an original."""
    chain, known = order.chain, Known(facts=picture.facts, tags=picture.tags, context=picture.context)
    transformation = evaluate(chain.program, known) if chain.program is not None else chain.transformation
    extension = order.extension_of(picture.facts) or None
    bucket = negotiate(transformation, extension, "").bucket
    async with AsyncExitStack() as opened:
        layers = [await _layer(origin, picture.name.cloud, layer) for layer in transformation.layers]
        bodies = [await opened.enter_async_context(original_of(origin, layer)) for layer in layers]
        shown = Shown(text=build_transformation(transformation), extension=extension, bucket=bucket, redacts=redacts)
        rendered = await render(origin, picture, shown, layers, bodies)
    return MadeNow(order=order, rendered=rendered, layers=tuple(layers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a decoder is asked for: a plain transformation."""

    text: str
    extension: str | None
    bucket: str = ""
    redacts: bool = True


async def render(
    origin: Origin, picture: Picture, shown: Shown, layers: Sequence[AssetRecord] = (), bodies: Sequence[bytes] = ()
) -> Rendered:
    """`layers` and their `bodies`: in the order in which the transformation names them."""
    limits, cloud = origin.settings.media.limits(origin.settings.upload), picture.name.cloud
    policy = origin.records.policy(cloud)
    origin.limits.count_render(cloud, quotas_of(policy), now=origin.now())

    def redaction(public_id: str) -> str:
        if policy is None or not shown.redacts:
            return ""
        return forced_effect(policy.redaction, public_id, is_signed=False)

    job = RenderJob(
        transformation=shown.text,
        extension=shown.extension,
        bucket=shown.bucket,
        limits=limits,
        metadata=policy.metadata if policy is not None else "none",
        redaction=redaction(picture.name.public_id),
        coordinates=picture.coordinates,
        layers=tuple(
            LayerInput(
                name=f"{layer.name.delivery_type}/{layer.name.public_id}",
                redaction=redaction(layer.name.public_id),
                coordinates=layer.coordinates,
            )
            for layer in layers
        ),
    )
    facts = (layer.facts for layer in layers)
    pixels = pixels_of(shown.text, picture.facts, shown.extension, plan_limits(limits), facts)
    return await origin.pool.render(picture.body, job, tenant=cloud, pixels=pixels, layers=bodies)


async def _layer(origin: Origin, cloud: str, layer: LayerName) -> AssetRecord:
    name = AssetName(cloud=cloud, resource_type="image", delivery_type=layer.delivery_type, public_id=layer.public_id)
    record = await origin.records.get(name)
    if record is None:
        raise BadRequest(f"Resource not found - {layer.public_id}")
    return record
