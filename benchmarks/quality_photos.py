"""The photographs that quality is measured on: the shared corpus, and those that scikit-image brings along."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import skimage.data
from PIL import Image, ImageCms, ImageOps

ROOT = Path(__file__).resolve().parents[1]
CORPUS = Path(os.environ.get("DOMICILE_CORPUS", ROOT.parent / "shared" / "corpus")) / "media"

PHOTOS = """
photos/crowd_faces.jpg photos/hills_landscape.jpg photos/koala.png photos/kodim04_woman_hat.png photos/kodim20_plane.png
photos/kodim23_parrots.png photos/night_street.jpg photos/pepper_on_white.jpg photos/phone_12mp_exif6_gps_p3.jpg
photos/tall_24mp.jpg photos/two_people_shop.jpg photos/wiki_screenshot.png photos/woman_window.jpg exif/landscape_1.jpg
exif/gps_dscn0010.jpg exif/gps_paris_icc_xmp.jpg icc/prophoto.jpg icc/cmyk_noprofile.jpg avif/fox_8bit.avif
webp/lossy.webp tiff/rgb.tif png/rgba_blackbug.png
""".split()
"""Every photograph of the corpus that is large enough; of eight turned copies and two depths one."""
MORE = """
astronaut.png brick.png chelsea.png coffee.png grass.png gravel.png hubble_deep_field.jpg ihc.png motorcycle_left.png
retina.jpg rocket.jpg
""".split()
"""Of scikit-image, for the fit alone: textures, stars and tissue beside people and things."""

SIDES = (800, 400)
"""Longest side of renditions, in pixels."""
CUT_SIDE = 480
"""A cut from the middle at full size: what a photograph looks like that was not made smaller."""
SHORT_SIDE_MIN = 225
"""SSIMULACRA2 looks at six sizes, each half of the one before, and wants eight pixels of the last."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """A finished picture, in RGB."""

    photo: str
    kind: str
    picture: Image.Image


def renditions(*, corpus_only: bool) -> Iterator[Rendition]:
    """Each photo at the sizes that it has. Raises FileNotFoundError without the corpus."""
    places = [CORPUS / name for name in PHOTOS]
    if not corpus_only:
        places += [Path(skimage.data.__file__).parent / name for name in MORE]
    for place in places:
        photo = opened(place)
        smaller = [side for side in SIDES if max(photo.size) > side]
        pictures = [(str(side), ImageOps.contain(photo, (side, side), Image.Resampling.LANCZOS)) for side in smaller]
        pictures.append(("full", photo) if max(photo.size) <= SIDES[0] else ("cut", _cut(photo)))
        yield from (Rendition(place.name, kind, p) for kind, p in pictures if min(p.size) >= SHORT_SIDE_MIN)


def _cut(photo: Image.Image) -> Image.Image:
    side = min(CUT_SIDE, *photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return photo.crop((left, top, left + side, top + side))


def opened(place: Path) -> Image.Image:
    """Upright, in sRGB, on white."""
    with Image.open(place) as stored:
        profile = stored.info.get("icc_profile")
        photo = ImageOps.exif_transpose(stored)
    if photo.mode == "RGBA":
        ground = Image.new("RGBA", photo.size, "white")
        photo = Image.alpha_composite(ground, photo).convert("RGB")
    if profile:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(photo, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert converted is not None
        return converted
    return photo.convert("RGB")
