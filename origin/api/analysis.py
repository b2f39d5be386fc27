"""What callers may wish to be told of a picture: which parameter means which wish, and the shape of the answer.

Uploads and `explicit` keep what they tell in the asset's record. A look-up tells what is kept, and looks for the rest
without keeping it: reading changes nothing.
"""

from __future__ import annotations

from typing import Any

from domicile.media.analysis import BLURHASH, COLORS, FACES, FOCUS, METADATA, PHASH, THUMBHASH, Analysis
from domicile.media.coordinates import Coordinates
from origin.api.originals import original_of
from origin.api.params import Params
from origin.keys import Origin
from origin.records import AssetRecord

WISHES = {
    "faces": FACES,
    "colors": COLORS,
    "phash": PHASH,
    "exif": METADATA,
    "image_metadata": METADATA,
    "media_metadata": METADATA,
    "blurhash": BLURHASH,
    "thumbhash": THUMBHASH,
    "quality_analysis": FOCUS,
}
"""Parameter, and field of the answer -> what it asks for. Blurhash and thumbhash are ours: Cloudinary has no such parameters."""


def asked(params: Params) -> tuple[str, ...]:
    """The parameters that are switched on. Raises BadRequest for what is neither on nor off."""
    return tuple(name for name in WISHES if params.flag(name, default=False))


def wishes_of(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({WISHES[name] for name in names}))


async def analysed(origin: Origin, record: AssetRecord, names: tuple[str, ...]) -> Analysis:
    """What is kept of it, and what is looked for now. Raises as decoding does, AssetNotFound when it has just gone."""
    missing = tuple(wish for wish in wishes_of(names) if wish not in record.analysis.known)
    if not missing or record.name.resource_type != "image":
        return record.analysis
    async with original_of(origin, record) as body:
        limits = origin.settings.media.limits(origin.settings.upload)
        probed = await origin.pool.probe(body, limits, tenant=record.name.cloud, wishes=missing, pdf=True)
    return record.analysis.joined(probed.done.analysis)


def told(analysis: Analysis, coordinates: Coordinates, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of the answer; stored faces come before those that were found."""
    answer: dict[str, Any] = {}
    for name in names:
        found = getattr(analysis, WISHES[name])
        answer[name] = found
        if name == "faces":
            answer[name] = [list(box) for box in coordinates.faces or found or ()]
        elif name == "quality_analysis":
            answer[name] = {FOCUS: found}
        elif name == "colors":
            answer[name] = [list(share) for share in found or ()]
            shares = analysis.names or {}
            answer["predominant"] = {palette: [list(share) for share in shares[palette]] for palette in shares}
    return answer
