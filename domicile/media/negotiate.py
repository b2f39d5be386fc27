"""Which format an answer has, and what it varies on.

Only `f_auto` negotiates. Accept is reduced to one of three buckets before anything is keyed by it, so a URL has at most
three stored answers; the format itself is then decided from the bucket and the content. An `f_` wins over the
extension, the extension over the original's format. Source: edge-http 2.3, cloudinary-compat 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from domicile.media.errors import BadTransformation
from domicile.media.facts import SourceFacts
from domicile.media.params.adjustment import OPENS_HOLES
from domicile.media.params.flags import WITHOUT_EFFECT
from domicile.media.transformation import PADDING, Background, Color, Component, Transformation

AVIF, WEBP, LEGACY = "avif", "webp", "legacy"
AUTO = "auto"

PREFERENCES = {AVIF: (AVIF, WEBP), WEBP: (WEBP,)}
"""What `f_auto` tries for the clients of a bucket before the format that everybody reads."""

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
}
"""The formats we write for anybody who asks."""
OWN_TYPES = {"tiff": "image/tiff", "bmp": "image/bmp", "ico": "image/vnd.microsoft.icon"}
"""Formats written for their own originals alone, under the extension that the upload's answer gave them."""
TYPES = CONTENT_TYPES | OWN_TYPES
VECTOR_TYPES = {"svg": "image/svg+xml"}
"""Formats that are handed out as drawings, cleaned, when nothing is asked that needs pixels, and as pictures otherwise."""
UNWRITTEN_TYPES = {"heic": "image/heic", "pdf": "application/pdf"}
"""Formats that are read and never written. Under the extension that the upload's answer gave it, such an original comes as
uploaded where the policy says so, and else as what stands in for it."""

ACCEPT_CHARS_MAX = 1024
ACCEPT_MEMBERS_MAX = 32
Q_VALUE = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)

ABOUT_DELIVERY = frozenset({"attachment", "immutable_cache"})
"""Flags that change how an answer is labelled, not its pixels."""

LOSSLESS = frozenset({"bmp", "ico"})
"""Originals of such formats, with sharp edges more often than not: PNG keeps them."""
SOLID = 255
"""Alpha of a colour that hides what is behind it."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """`bucket` is part of the cache key: "avif", "webp", "legacy", or "" for a URL that does not negotiate."""

    bucket: str
    vary: tuple[str, ...]
    """Header names for `Vary`."""


FIXED = Negotiated(bucket="", vary=())


def negotiate(transformation: Transformation, extension: str | None, accept: str | None) -> Negotiated:
    """The bucket of a request. `accept`: its Accept field values joined by ",", None when absent."""
    if transformation.wanted_format != AUTO:
        return FIXED
    return Negotiated(bucket=bucket_of(accept or ""), vary=("Accept",))


def bucket_of(accept: str) -> str:
    """The best format that the client names itself; wildcards promise nothing (everything sends `*/*`).

    Who decodes AVIF is taken to decode WebP too, which carries the animations, unless that is refused by `q=0`.
    """
    weights = _weights(accept)
    webp = weights.get("image/webp")
    if weights.get("image/avif", 0.0) > 0.0 and webp != 0.0:
        return AVIF
    return WEBP if webp else LEGACY


def choose_format(
    transformation: Transformation,
    extension: str | None,
    facts: SourceFacts,
    bucket: str,
    fits: Callable[[str], bool],
    *,
    has_alpha: bool | None = None,
) -> str:
    """The format to write, always a key of TYPES. Raises BadTransformation for an extension we cannot write.

    `fits` tells whether a rendition of this size can be written in a format: `f_auto` passes over those in which not.
    `has_alpha`: may it have transparent pixels, where that was planned already.
    """
    wanted = transformation.wanted_format
    if has_alpha is None:
        has_alpha = shows_transparency(transformation, facts)
    if wanted is None and facts.format in VECTOR_TYPES and extension in {None, facts.format}:
        return facts.format if _is_as_drawn(transformation) else _stand_in(facts, has_alpha=has_alpha)
    if wanted == AUTO:
        return _automatic(facts, bucket, fits, has_alpha=has_alpha)
    if wanted is not None:
        return wanted
    if extension is None:
        return facts.format if facts.format in CONTENT_TYPES else _stand_in(facts, has_alpha=has_alpha)
    if extension not in CONTENT_TYPES and extension != facts.format:
        raise BadTransformation.component(f"f_{extension}")
    return extension if extension in TYPES else _stand_in(facts, has_alpha=has_alpha)


def is_original(transformation: Transformation, extension: str | None, facts: SourceFacts) -> bool:
    """Does the URL ask for the uploaded picture itself, in its own format? (Stripping metadata is the policy's matter.)"""
    return _has_flags_alone(transformation, ABOUT_DELIVERY) and extension in {None, facts.format}


def _is_as_drawn(transformation: Transformation) -> bool:
    return _has_flags_alone(transformation, ABOUT_DELIVERY | WITHOUT_EFFECT)


def _has_flags_alone(transformation: Transformation, flags: frozenset[str]) -> bool:
    return all(
        component
        == Component(
            flags=component.flags,
            attachment_name=component.attachment_name,
            default_image=component.default_image,
        )
        and component.flags <= flags
        for component in transformation.components
    )


def shows_transparency(transformation: Transformation, facts: SourceFacts) -> bool:
    """May the rendition have transparent pixels?"""
    return facts.has_alpha or any(map(_opens_holes, transformation.components))


def _automatic(facts: SourceFacts, bucket: str, fits: Callable[[str], bool], *, has_alpha: bool) -> str:
    if facts.is_animated:
        return "gif" if bucket == LEGACY else "webp"
    for modern in PREFERENCES.get(bucket, ()):
        if fits(modern):
            return modern
    return "png" if has_alpha else "jpg"


def _stand_in(facts: SourceFacts, *, has_alpha: bool) -> str:
    """What is written, without an extension, for an original that browsers do not show."""
    if facts.is_animated:
        return "webp"
    return "png" if facts.format in LOSSLESS or has_alpha else "jpg"


def hides(background: Background) -> bool:
    """Is nothing to be seen through it? Colours and pictures that are found in a picture are opaque."""
    return not isinstance(background, Color) or background.alpha == SOLID


def _opens_holes(component: Component) -> bool:
    background = component.background
    return (
        (component.radii is not None and (component.radii.is_max or any(component.radii.corners)))
        or (component.opacity is not None and component.opacity < 100)
        or (background is not None and not hides(background) and component.crop in PADDING)
        or (component.border is not None and component.border.width > 0 and not hides(component.border.color))
        or any(isinstance(angle, int) and angle % 90 for angle in component.angles)
        or (component.effect is not None and component.effect.name in OPENS_HOLES)
    )


def _weights(accept: str) -> dict[str, float]:
    """Media type -> q. What is malformed is skipped; a list beyond the limits counts as absent."""
    members = accept.split(",")
    if len(accept) > ACCEPT_CHARS_MAX or len(members) > ACCEPT_MEMBERS_MAX:
        return {}
    weights: dict[str, float] = {}
    for member in members:
        name, *parameters = (piece.strip(" \t").lower() for piece in member.split(";"))
        weight = _weight(parameters)
        if weight is not None:
            weights[name] = weight
    return weights


def _weight(parameters: list[str]) -> float | None:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == "q":
            return float(value) if Q_VALUE.fullmatch(value) else None
    return 1.0
