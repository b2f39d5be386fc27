"""One page of a document, or one frame of an animation, as a still picture of its own: what its header claims."""

from __future__ import annotations

from dataclasses import replace

from domicile.imaging.guarded import decoding
from domicile.imaging.job import MediaLimits
from domicile.imaging.source import Source, check_claims, check_samples, tag_of_orientation
from domicile.media.errors import BadTransformation
from domicile.media.geometry import upright_size

PAINTED = "RGBA"
"""The mode in which later frames of an animation are shown, by estimate: what was there before shines through."""


def page_of(source: Source, page: int | None, limits: MediaLimits, density: int | None = None) -> Source:
    """The source with that page (counted from 1) to be decoded; as it is when no page was asked for. Of a document one
    page is always meant, at that density.

    Raises BadTransformation when there is none, UndecodableMedia and LimitExceeded for what the page claims.
    """
    if source.claims.is_document:
        page = page or 1
    if page is None:
        return source
    if page > source.claims.frames:
        raise BadTransformation.component(f"pg_{page} (there are {source.claims.frames})")
    still = replace(source.claims, frames=1, loop=None)
    if page > 1 and source.format != "tiff":
        still = replace(still, mode=PAINTED)
    if source.vector is not None and source.claims.is_document:
        drawn = replace(source.vector.claims(page - 1, density), frames=1)
        check_claims(drawn, limits)
        return replace(source, claims=drawn, page=page - 1)
    chosen = replace(source, claims=still, page=page - 1)
    return _page_of_tiff(chosen, limits) if source.format == "tiff" else chosen


def _page_of_tiff(source: Source, limits: MediaLimits) -> Source:
    """Pages differ in size, colours and orientation."""
    with decoding(), source.open_image() as image:
        if source.page:
            image.seek(source.page)
        check_samples(image)
        orientation = tag_of_orientation(image)
        width, height = upright_size(image.size, orientation)
        profile = image.info.get("icc_profile")
        claims = replace(
            source.claims,
            width=width,
            height=height,
            mode=image.mode,
            has_alpha=image.has_transparency_data,
            icc=profile if isinstance(profile, bytes) else b"",
            orientation=orientation,
        )
    check_claims(claims, limits)
    return replace(source, claims=claims, orientation=orientation or 1)
