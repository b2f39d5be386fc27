"""From an original in the clear to an object that can be stored: rendered by a decoder process, or as it is.

    no transformation, policy `originals = "as-is"`     the bytes as uploaded        ETag "<md5>"
    no transformation, `originals = "stripped"`         the same without metadata    ETag "<md5>-s2"
    everything else, and all that a policy redacts      a rendition                  ETag keyed by its contributors
    a raw file, a film, a sound                         the bytes as uploaded        ETag "<md5>"

Untransformed means: no component, and no extension that asks for another format. SDKs compare the first 32 characters
of those tags with the md5 of what they uploaded (decisions I.3).
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, replace

import msgspec

from domicile.imaging.job import Done, LayerInput, MediaLimits, RenderJob, Timings
from domicile.imaging.plan_limits import plan_limits
from domicile.media.access import Access
from domicile.media.asset import NameHash
from domicile.media.breakpoints import AutoWidths
from domicile.media.cost import pixels_of
from domicile.media.errors import BadTransformation
from domicile.media.evaluate import Known, evaluate
from domicile.media.facts import STRIP_REVISION, SourceFacts
from domicile.media.film import FILM_TYPES, NOT_TRANSFORMED
from domicile.media.grammar import build_transformation
from domicile.media.keys import delivery_etag
from domicile.media.negotiate import TYPES, UNWRITTEN_TYPES
from domicile.media.policy import ResidencyPolicy
from domicile.media.raw import BYTES, RAW, raw_type
from domicile.media.timing import ContentInfo, Span
from domicile.media.transformation import Pixels, Transformation
from domicile.media.wire import Rendition, Resolved, ResolvedLayer
from domicile.service.breakpoints import measured
from domicile.service.pool import DecoderPool
from domicile.service.pool_files import SourceFile, digest_of
from domicile.service.pool_values import Rendered
from edge.fetch import Originals
from edge.store.port import Stored, StoredHead
from edge.wanted import Overlay, Way

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An object and what is to be told about its making."""

    stored: Stored
    spans: tuple[Span, ...]
    rendition: Rendition | None
    """For the origin's list of renditions; None for an original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be made, of what, and what the fence needs to know of it."""

    way: Way
    resolved: Resolved
    policy: ResidencyPolicy
    names: tuple[NameHash, ...]
    stands_in: bool
    """`resolved` is the default image."""
    sequence: int
    now: float
    """Wall clock in seconds."""


def is_original(way: Way, facts: SourceFacts) -> bool:
    """Does the URL ask for the original and not for a rendition of it? What a policy redacts is never the original."""
    return not way.redaction and not way.candidate.transformation and way.candidate.extension in {None, facts.format}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """What a way comes to for one picture: no branch is left, and only those layers that are shown."""

    text: str
    """Canonical."""
    overlays: tuple[Overlay, ...]
    layers: tuple[ResolvedLayer, ...]
    """The same ones, as they were resolved."""

    @property
    def inputs(self) -> tuple[LayerInput, ...]:
        """For the decoder."""
        pairs = zip(self.overlays, self.layers, strict=True)
        return tuple(
            LayerInput(name=over.layer.text, redaction=over.redaction, coordinates=layer.coordinates)
            for over, layer in pairs
        )


def plain_of(way: Way, resolved: Resolved) -> Plain:
    """Raises BadTransformation."""
    candidate = way.candidate
    if candidate.program is None:
        return Plain(text=candidate.transformation_text, overlays=way.overlays, layers=resolved.layers)
    known = Known(facts=resolved.facts, tags=resolved.tags, context=resolved.context)
    transformation = evaluate(candidate.program, known)
    pairs = zip(way.overlays, resolved.layers, strict=True)
    shown = [(overlay, layer) for overlay, layer in pairs if overlay.layer in transformation.layers]
    return Plain(
        text=build_transformation(transformation),
        overlays=tuple(overlay for overlay, _ in shown),
        layers=tuple(layer for _, layer in shown),
    )


async def make(order: Order, plain: Plain, originals: Originals, pool: DecoderPool, limits: MediaLimits) -> Made:
    """Raises UndecodableMedia, LimitExceeded, BadTransformation, Overloaded."""
    facts, way = order.resolved.facts, order.way
    as_it_is = type_as_it_is(order)
    if as_it_is is not None:
        return _whole(order, originals.base, as_it_is)
    original = is_original(way, facts)
    if original and order.policy.originals == "as-is" and _type_as_uploaded(facts) is not None:
        return _whole(order, originals.base, _type_as_uploaded(facts) or "")
    asked = next((part.widths for part in way.candidate.transformation.components if part.widths is not None), None)
    if asked is not None:
        return await _by_breakpoints(asked, plain, order, originals, pool, limits)
    rendered = await _rendered(plain, order, originals, pool, limits)
    etag = f'"{facts.md5}-s{STRIP_REVISION}"'
    if not original:
        etag = await _etag(order, rendered)
    return _made(order, rendered, etag, is_listed=not original and not order.stands_in)


async def _by_breakpoints(
    asked: AutoWidths, plain: Plain, order: Order, originals: Originals, pool: DecoderPool, limits: MediaLimits
) -> Made:
    """The picture at the breakpoint that fits, or the JSON that tells them all."""

    async def encode(width: int | None) -> Rendered:
        components = (
            replace(part, widths=None, width=None if width is None else Pixels(width)) if part.widths else part
            for part in order.way.candidate.transformation.components
        )
        text = build_transformation(Transformation(tuple(components)))
        return await _rendered(replace(plain, text=text), order, originals, pool, limits)

    found = [each.width for each in await measured(asked.search, encode)]
    rendered = await encode(asked.chosen(found))
    if asked.wanted is None:
        body = json.dumps({"breakpoints": found}, separators=(",", ":")).encode()
        done = msgspec.structs.replace(rendered.done, content_type=JSON)
        rendered = replace(rendered, body=body, done=done)
    etag = await _etag(order, rendered)
    return _made(order, rendered, etag, is_listed=asked.wanted is not None and not order.stands_in)


async def _rendered(
    plain: Plain, order: Order, originals: Originals, pool: DecoderPool, limits: MediaLimits
) -> Rendered:
    facts, way = order.resolved.facts, order.way
    job = RenderJob(
        transformation=plain.text,
        extension=way.candidate.extension,
        bucket=way.bucket,
        limits=limits,
        metadata=way.metadata,
        redaction=way.redaction,
        coordinates=order.resolved.coordinates,
        layers=plain.inputs,
    )
    await asyncio.sleep(0)  # after the answer of the origin was taken in, and before what comes is planned
    layers = (layer.facts for layer in plain.layers)
    pixels = pixels_of(plain.text, facts, job.extension, plan_limits(limits), layers)
    return await pool.render(originals.base, job, tenant=order.policy.tenant, pixels=pixels, layers=originals.layers)


async def _etag(order: Order, rendered: Rendered) -> str:
    await asyncio.sleep(0)  # its decoder has just been asked and its body copied: others have their turn
    return delivery_etag(order.resolved.rendition_key, await digest_of(rendered.body))


def _made(order: Order, rendered: Rendered, etag: str, *, is_listed: bool) -> Made:
    done = rendered.done
    return Made(
        stored=Stored(head=_head(order, done, len(rendered.body), etag), body=rendered.body),
        spans=_spans(done.timings, rendered.queued_seconds),
        rendition=_rendition(order, done, len(rendered.body)) if is_listed else None,
    )


def type_as_it_is(order: Order) -> str | None:
    """Content-Type of a file that is handed out as it is, whatever it is; None for a picture.

    Nothing can be made of it, and nobody can redact it. Whoever asks for a rendition may be one who may not have the original,
    so a program that comes to nothing gets nothing. Raises BadTransformation.
    """
    facts, candidate = order.resolved.facts, order.way.candidate
    asked = candidate.transformation_text
    if facts.film is not None:
        if asked or candidate.extension not in {None, facts.format}:
            raise BadTransformation(NOT_TRANSFORMED)
        kind, what = FILM_TYPES.get(facts.format, BYTES), "Videos"
    elif facts.format == RAW:
        if asked:
            raise BadTransformation.component(f"{asked} (of a raw file)")
        kind, what = raw_type(candidate.public_id), "Raw files"
    else:
        return None
    if order.way.redaction:
        raise BadTransformation(f"{what} cannot be redacted, and are not shown where the policy redacts")
    return kind


def head_as_it_is(order: Order, content_type: str) -> StoredHead:
    facts = order.resolved.facts
    done = Done(
        source=facts,
        content_type=content_type,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        frames=facts.frames,
    )
    return _head(order, done, facts.body_bytes, f'"{facts.md5}"')


def _whole(order: Order, source: SourceFile, content_type: str) -> Made:
    body = os.pread(source.fileno(), source.size, 0)
    return Made(stored=Stored(head=head_as_it_is(order, content_type), body=body), spans=(), rendition=None)


def _type_as_uploaded(facts: SourceFacts) -> str | None:
    return (TYPES | UNWRITTEN_TYPES).get(facts.format)


def access_of(order: Order) -> Access:
    """Who may see what is made: as the origin said a moment ago."""
    access = order.resolved.access
    return access.standing_in() if order.stands_in else access


def _head(order: Order, done: Done, body_bytes: int, etag: str) -> StoredHead:
    facts, resolved = order.resolved.facts, order.resolved
    info = ContentInfo(
        width=done.width,
        height=done.height,
        body_bytes=body_bytes,
        format=done.format,
        original_width=facts.width,
        original_height=facts.height,
        original_bytes=facts.body_bytes,
        original_format=facts.format,
    )
    return StoredHead(
        tenant=order.policy.tenant,
        contributors=resolved.contributors,
        names=order.names,
        epoch=resolved.epoch,
        sequence=order.sequence,
        config_revision=resolved.config_revision,
        stored_at=order.now,
        ttl_seconds=float(order.policy.lifetimes.edge_seconds_max),
        content_type=done.content_type,
        etag=etag,
        body_bytes=body_bytes,
        format=done.format,
        content_info=info.span().desc or "",
        reasons=done.reasons,
        stands_in=order.stands_in,
        access=access_of(order),
    )


def _rendition(order: Order, done: Done, body_bytes: int) -> Rendition:
    return Rendition(
        tenant=order.policy.tenant,
        aid=order.resolved.aid,
        sequence=order.sequence,
        transformation=order.way.candidate.transformation_text,
        format=done.format,
        width=done.width,
        height=done.height,
        body_bytes=body_bytes,
        layers=tuple(aid for aid in order.resolved.contributors if aid != order.resolved.aid),
    )


def _spans(timings: Timings, queued_seconds: float) -> tuple[Span, ...]:
    return (
        Span("queue", queued_seconds),
        Span("decode", timings.decode),
        Span("transform", timings.transform),
        Span("encode", timings.encode),
    )
