"""What a chain stands for, put in: named transformations, and sizes that follow the viewer's screen.

    t_a.b,w_5         the segments of `a`, those of `b`, then the component `w_5`
    dpr_auto          the density that the browser tells, up to the next whole number, at most DPR_MAX; else 1.0
    w_auto:breakpoints…:400    the same width; of the breakpoints, the narrowest that has it (`:json`: all of them are told)
    w_auto:100:400    the width that the browser tells, up to the next multiple of 100; else the width of its window;
                      else 400; without a fallback, the width of the original

    DPR, Sec-CH-DPR                pixels of the screen per CSS pixel
    Width, Sec-CH-Width            of the picture's place, in pixels of the screen (so it is divided by the density beside dpr_auto)
    Viewport-Width, Sec-CH-…       of the window, in CSS pixels

The result is a chain like any other: it is what is cached and what the cache key says, so that a named transformation
which changed is another key, and all screens of one class share one rendition. Source: cloudinary-compat 3.4 and 3.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

import msgspec

from domicile.media.breakpoints import AutoWidths, Breakpoints
from domicile.media.chain import Chain, chained, check_definition
from domicile.media.errors import BadTransformation, MediaError
from domicile.media.grammar import DEFAULT_LIMITS, Limits, check_length
from domicile.media.interpolation import places_in
from domicile.media.params.hinted import AUTO_WIDTH_MAX, Hinted, write_hinted
from domicile.media.program import Segment, Step, parse_segment
from domicile.media.transformation import Component, Pixels, Share

DPR_MAX = 4
"""No screen that is held in a hand shows more."""
HINT = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,6})?", re.ASCII)

DPR_HEADERS = ("DPR", "Sec-CH-DPR")
WIDTH_HEADERS = ("Width", "Sec-CH-Width")
VIEWPORT_HEADERS = ("Viewport-Width", "Sec-CH-Viewport-Width")
FOR_DPR = DPR_HEADERS
FOR_WIDTH = (*WIDTH_HEADERS, *VIEWPORT_HEADERS, *DPR_HEADERS)
"""Headers that a chain with `dpr_auto`, or `w_auto`, varies on."""

Named = Mapping[str, Sequence[Segment]]
"""Named transformations of a tenant."""


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser told of its screen, as text; "" for what it did not tell or told in another way."""

    dpr: str = ""
    width: str = ""
    viewport: str = ""


NO_HINTS = Hints()


@dataclass(frozen=True, slots=True)
class Settled:
    """A chain that stands for nothing else, and the headers that it depends on."""

    chain: Chain
    vary: tuple[str, ...]


def read_named(texts: Mapping[str, str]) -> Named:
    """As a grant tells them. One that is not understood here is left out: whoever asks for it is refused by its name."""
    named: dict[str, Sequence[Segment]] = {}
    for name, text in texts.items():
        try:
            named[name] = read_definition(text, DEFAULT_LIMITS)
        except MediaError:
            continue
    return named


def read_definition(text: str, limits: Limits) -> tuple[Segment, ...]:
    """The segments of a named transformation; its variables may be set by who uses it. Raises BadTransformation,
    LimitExceeded.
    """
    parts = text.split("/", maxsplit=limits.components_max)
    check_length(len(parts), limits)
    segments = tuple(parse_segment(part, limits) for part in parts)
    check_definition(segments, limits)
    for segment in segments:
        if isinstance(segment, Step) and segment.names:
            raise BadTransformation.component(
                f"t_{'.'.join(segment.names)} (not allowed inside a named transformation)"
            )
    return segments


def read_hints(headers: Mapping[str, str]) -> Hints:
    """`headers`: of a request, case-insensitive. A header that says it another way than HINT counts as absent."""
    dpr, width, viewport = (_first(headers, names) for names in (DPR_HEADERS, WIDTH_HEADERS, VIEWPORT_HEADERS))
    return Hints(dpr=dpr, width=width, viewport=viewport)


def may_follow_hints(raw_path: str) -> bool:
    """Cheap, and never wrongly False: a path that asks for one, or for what may contain one."""
    return "_auto" in raw_path or "t_" in raw_path


def _first(headers: Mapping[str, str], names: Iterable[str]) -> str:
    told = (headers.get(name, "") for name in names)
    return next((text for text in told if HINT.fullmatch(text) and Decimal(text)), "")


def settled(pending: Sequence[Segment], named: Named, hints: Hints, limits: Limits) -> Settled:
    """Raises BadTransformation for a name that is not known, LimitExceeded for too long a chain."""
    segments = [part for segment in pending for part in _expanded(segment, named)]
    check_length(len(segments), limits)
    parts = [part for segment in segments if isinstance(segment, Step) for part in segment.hinted]
    hinted = {part.key for part in parts if not part.is_json}
    fitted = [_fitted(segment, hints, with_dpr="dpr" in hinted) for segment in segments]
    vary = FOR_WIDTH if "w" in hinted else FOR_DPR if hinted else ()
    chain = chained(fitted, limits)
    searched = [part for part in parts if part.search is not None]
    if len(searched) > 1 or (searched and chain.program is not None):
        said = f"w_{write_hinted(searched[0])} (once, and not beside variables and conditions)"
        raise BadTransformation.component(said)
    return Settled(chain, vary)


def _expanded(segment: Segment, named: Named) -> list[Segment]:
    if isinstance(segment, Component) or not segment.names:
        return [segment]
    before, after = Step(control=segment.control, sets=segment.sets), replace(segment, control=None, sets=(), names=())
    parts: list[Segment] = [before] if before != Step() else []
    for name in segment.names:
        if name not in named:
            raise BadTransformation.component(f"t_{name}")
        parts += named[name]
    return parts if after == Step() else [*parts, _simplest(after)]


def _fitted(segment: Segment, hints: Hints, *, with_dpr: bool) -> Segment:
    if isinstance(segment, Component) or not segment.hinted:
        return segment
    component = segment.plain or Component()
    for part in segment.hinted:
        if part.key == "dpr":
            component = replace(component, dpr=float(_density(hints)))
        elif part.search is not None:
            component = replace(component, widths=_widths(part, part.search, hints, with_dpr=with_dpr))
        else:
            component = replace(component, width=_width(part, hints, with_dpr=with_dpr))
    return _simplest(replace(segment, plain=component, hinted=()))


def _simplest(step: Step) -> Segment:
    """A step that is nothing but its parameters is a component, when its text has no places to fill."""
    is_plain = step.plain is not None and step == Step(plain=step.plain) and not any(places_in(step.plain))
    return step.plain if is_plain and step.plain is not None else step


def _density(hints: Hints) -> int:
    return min(_up(Decimal(hints.dpr or "1")), DPR_MAX)


def _width(part: Hinted, hints: Hints, *, with_dpr: bool) -> Pixels | Share:
    density = Decimal(hints.dpr or "1")
    if hints.width:
        asked = Decimal(hints.width) / (density if with_dpr else 1)
    elif hints.viewport:
        asked = Decimal(hints.viewport) * (1 if with_dpr else density)
    elif part.fallback is not None:
        return Pixels(part.fallback)
    else:
        return Share(1.0)
    return Pixels(min(_up(asked / part.step) * part.step, AUTO_WIDTH_MAX))


def _widths(part: Hinted, search: Breakpoints, hints: Hints, *, with_dpr: bool) -> AutoWidths:
    if part.is_json:
        return AutoWidths(search, None)
    width = _width(part, hints, with_dpr=with_dpr)
    return AutoWidths(search, min(width.value, search.max_width) if isinstance(width, Pixels) else search.max_width)


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))
