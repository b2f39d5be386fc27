"""Transformations as text: read, and written back in one canonical spelling that is also the cache identity.

    transformation = component *("/" component)
    component      = parameter *("," parameter)     ; each key at most once, but for effects: their last word counts
    parameter      = key "_" value                  ; values under their grammar lines in params/

Canonical: keys in alphabetical order (as the SDKs sort them), numbers and names normalised, components in the order
given (their order is meaning). `parse(build(t)) == t`, and `build(parse(text))` is a fixed point.

What is not supported is refused by name, never skipped: a picture that lacks what was asked for is a wrong picture.
Source: cloudinary-compat 1.4 and 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.layers import check_layers
from domicile.media.params import (
    color,
    crop,
    default,
    density,
    effect,
    flags,
    format,  # noqa: A004
    ground,
    layer,
    page,
    quality,
    shape,
    size,
    space,
    zoom,
)
from domicile.media.params.base import Malformed, Parameter
from domicile.media.percent import percent_encode
from domicile.media.transformation import Component, Transformation

COMPONENT_CHARS_MAX = 3072
ECHO_CHARS_MAX = 100
"""How much of a refused component an error repeats."""

FAMILIES = (
    size,
    crop,
    zoom,
    quality,
    format,
    shape,
    effect,
    color,
    ground,
    space,
    page,
    density,
    flags,
    default,
    layer,
)
PARAMETERS: dict[str, Parameter] = {
    parameter.key: parameter
    for parameter in sorted((p for family in FAMILIES for p in family.PARAMETERS), key=lambda parameter: parameter.key)
}

CLOUDINARY_KEYS = frozenset(
    "a ac af ar b bl bo br c co cs d dl dn dpr dr du e eo f fl fn fps g h if ki l o p pg q r so sp t u vc vs w x y z".split()
)
"""Every key of Cloudinary's language, known here or not: what starts with one asks for a transformation."""

LOOKS_LIKE = re.compile(rf"(?:\$[A-Za-z][A-Za-z0-9]*|{'|'.join(sorted(CLOUDINARY_KEYS))})_", re.ASCII)


class Limits(Protocol):
    """What the grammar needs of a tier's limits; `imaging.job.MediaLimits` has it."""

    @property
    def components_max(self) -> int: ...

    @property
    def variables_max(self) -> int: ...

    @property
    def expression_terms_max(self) -> int: ...

    @property
    def nesting_max(self) -> int: ...

    @property
    def layers_max(self) -> int: ...

    @property
    def text_chars_max(self) -> int: ...

    @property
    def font_size_max(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GrammarLimits:
    """The limits for those who have no other."""

    components_max: int = 20
    variables_max: int = 20
    expression_terms_max: int = 40
    nesting_max: int = 5
    layers_max: int = 10
    text_chars_max: int = 1000
    font_size_max: int = 2000


DEFAULT_LIMITS = GrammarLimits()


def parse_transformation(text: str, limits: Limits = DEFAULT_LIMITS) -> Transformation:
    """The transformation that `text` (components joined by "/", perhaps none) asks for.

    Raises BadTransformation, naming the component in Cloudinary's words, or LimitExceeded for too long a chain.
    """
    if not text:
        return Transformation()
    segments = text.split("/", maxsplit=limits.components_max)
    check_length(len(segments), limits)
    components = tuple(map(parse_component, segments))
    check_layers(components, limits)
    return Transformation(components)


def check_length(components: int, limits: Limits) -> None:
    """Raise LimitExceeded for a chain of more than `components_max`."""
    if components > limits.components_max:
        raise LimitExceeded(f"Too many transformation components - at most {limits.components_max} are allowed")


def build_transformation(transformation: Transformation) -> str:
    """The canonical text."""
    return "/".join(map(build_component, transformation.components))


def parse_component(text: str) -> Component:
    """One segment. Raises BadTransformation."""
    if len(text) > COMPONENT_CHARS_MAX:
        raise BadTransformation.component(echo(text))
    fields: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for part in text.split(","):
        key, underscore, value = part.partition("_")
        parameter = PARAMETERS.get(key)
        if parameter is None or not underscore:
            raise BadTransformation.component(echo(part or text))
        try:
            value = once_more(parameter, value, seen)
            fields.update(parameter.read(value))
        except Malformed:
            raise BadTransformation.component(echo(part)) from None
    return Component(**fields)


def once_more(parameter: Parameter, value: str, seen: dict[str, str]) -> str:
    """What to read, when some parameters of the component were seen before; it is added to them.

    One component lays something over the picture or under it, not both. Raises Malformed.
    """
    key = "l" if parameter.key == "u" else parameter.key
    if key in seen and parameter.joined_by:
        value = f"{seen[key]}{parameter.joined_by}{value}"
    elif key in seen and not parameter.is_last_word:
        raise Malformed
    seen[key] = value
    return value


def build_component(component: Component) -> str:
    """The canonical text of one segment."""
    written = ((key, parameter.write(component)) for key, parameter in PARAMETERS.items())
    return ",".join(f"{key}_{value}" for key, value in written if value is not None)


def looks_like_component(segment: str) -> bool:
    """Was this path segment meant as a transformation? True when any of its parts starts with a key of the language."""
    return any(LOOKS_LIKE.match(part) for part in segment.split(","))


def echo(text: str) -> str:
    """What an error may repeat of the caller's text: a bounded piece, printable ASCII, safe in a header and in HTML."""
    return percent_encode(text[:ECHO_CHARS_MAX], safe="!$&'()*+,/:;=@[]{}|%^ #?")[: 3 * ECHO_CHARS_MAX]
