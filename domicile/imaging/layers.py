"""The pictures of layers: opened under the same limits as the original, and finished before they are laid over it.

The policy's redaction of a picture comes first wherever it is shown (`outline.py`); of what moves, one frame is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

from PIL import Image

from domicile.imaging.color import ToSrgb
from domicile.imaging.decode import decode_frames
from domicile.imaging.faces import faces_of
from domicile.imaging.guarded import making as guarded
from domicile.imaging.job import LayerInput, MediaLimits
from domicile.imaging.pages import page_of
from domicile.imaging.present import Frame, present
from domicile.imaging.resample import resample
from domicile.imaging.source import Bytes, Source, open_source
from domicile.imaging.staged import Finished, staged
from domicile.imaging.text import drawn, measured
from domicile.media.errors import BadTransformation
from domicile.media.layer import LayerName
from domicile.media.layers import nested, overlaid_in
from domicile.media.layers import page_of as page_asked
from domicile.media.overlay import NOTHING, Inputs, Making, Shown
from domicile.media.plan import makings_of
from domicile.media.redaction import first_redacted
from domicile.media.text import TextLayer
from domicile.media.transformation import Component, Transformation

FIRST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The layers' pictures, by name and page, and what a plan must know of them."""

    sources: Mapping[tuple[LayerName, int | None], Source] = field(default_factory=dict)
    inputs: Inputs = NOTHING
    text_pixels_max: int = 0


NO_LAYERS = Layers()


def open_layers(
    transformation: Transformation, given: Sequence[LayerInput], bodies: Sequence[Bytes], limits: MediaLimits
) -> Layers:
    """Raises BadTransformation for a picture that was not given; UndecodableMedia and LimitExceeded as for an original."""
    by_name = {told.name: (told, body) for told, body in zip(given, bodies, strict=True)}
    opened: dict[LayerName, Source] = {}
    sources: dict[tuple[LayerName, int | None], Source] = {}
    pictures: dict[tuple[LayerName, int | None], Shown] = {}
    for part in overlaid_in(nested(transformation.components)):
        name, page = part.layer.content, page_asked(part)
        if isinstance(name, TextLayer) or (name, page) in sources:
            continue
        if name.text not in by_name:
            raise BadTransformation("Unknown or invalid referenced image")
        told, body = by_name[name.text]
        if name not in opened:
            opened[name] = open_source(body, limits)
        source = page_of(opened[name], page or FIRST, limits)
        sources[name, page] = source
        pictures[name, page] = _shown(source, told, page, transformation, limits)
    pixels_max = limits.text_pixels_max
    # Asked for by every plan of a job; what was measured is gone with the job.
    measure = cache(partial(measured, pixels_max=pixels_max))
    return Layers(sources=sources, inputs=Inputs(pictures=pictures, measure=measure), text_pixels_max=pixels_max)


def _shown(
    source: Source, told: LayerInput, page: int | None, transformation: Transformation, limits: MediaLimits
) -> Shown:
    """Faces are looked for where the policy hides those of this picture, or anything in the transformation asks for some."""
    forced = (first_redacted(told.redaction),) if told.redaction else ()
    every = (replace(component, page=None) for component in transformation.components)
    asked = Transformation((Component(page=page), *forced, *every))
    faces = faces_of(source, asked, limits, animated=False, coordinates=told.coordinates)
    return Shown(facts=source.facts(), faces=faces, redaction=told.redaction)


def made_ready(makings: Sequence[Making], layers: Layers, working_bytes_max: int) -> Finished:
    """Their pixels, upright and in sRGB, one after the other. Raises UndecodableMedia, LimitExceeded."""
    finished: dict[Making, Image.Image] = {}
    for making in makings:
        finished[making] = _finished(making, layers, working_bytes_max)
        working_bytes_max -= making.bytes
    return finished


def _finished(making: Making, layers: Layers, working_bytes_max: int) -> Image.Image:
    inside = makings_of(making.stages)
    finished = made_ready(inside, layers, working_bytes_max)
    left = working_bytes_max - sum(one.bytes for one in inside)
    if isinstance(making.content, TextLayer):
        with guarded():
            text = drawn(making.content, making.box, pixels_max=layers.text_pixels_max)
            frame = Frame(resample(text, making.window), duration_ms=0)
    else:
        source = layers.sources[making.content, making.page]
        [stored] = decode_frames(source, making, left)
        frame = present(stored, making.orientation, ToSrgb(source.claims.icc))
    return staged(frame, making.stages, finished).image
