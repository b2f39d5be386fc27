"""Load all of the picture libraries, and make each do something once, while loading is still possible.

Behind the walls of `sandbox.py` no file can be opened and no library mapped. Codecs that build tables or look up
helpers on first use do so here, in the zygote, so that every worker shares the result.
"""

from __future__ import annotations

import importlib
import io
import pkgutil

CODECS = (
    *("ascii", "latin_1", "utf_8", "utf_8_sig", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"),
    *("cp437", "cp1252", "mac_roman", "raw_unicode_escape", "unicode_escape"),
)
"""Encodings that metadata of images may ask for; Python loads them on first use."""
PILLOW_PARTS = (
    *("ImageChops", "ImageCms", "ImageColor", "ImageDraw", "ImageEnhance", "ImageFile", "ImageFilter", "ImageMath"),
    *("ImageOps", "ImagePalette", "ImageSequence", "ImageStat", "ImageTransform", "ExifTags", "TiffTags", "features"),
)
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "ICO")
"""What is written and read once. One that this build of Pillow lacks is left out; `domicile doctor` says which."""
SAMPLE_SIDE = 16


def preload() -> tuple[str, ...]:
    """Import and exercise everything; the formats of `FORMATS` that worked."""
    for name in CODECS:
        importlib.import_module(f"encodings.{name}")
    import domicile.imaging
    from domicile.imaging import heics, patched, pdfs, svgs

    for module in pkgutil.walk_packages(domicile.imaging.__path__, "domicile.imaging."):
        importlib.import_module(module.name)
    for package in {"PIL", patched.NAME}:
        for name in PILLOW_PARTS:
            importlib.import_module(f"{package}.{name}")
    _exercise_simplejpeg()
    _exercise_resampler()
    load_faces()
    load_text()
    _exercise_colour()
    heics.prepare()
    svgs.prepare()
    pdfs.prepare()
    return tuple(name for name in FORMATS if _exercise(name))


def _exercise(name: str) -> bool:
    """Write and read a still and, where the format has them, an animation."""
    from domicile.imaging.patched import Image

    Image.init()
    if name not in Image.SAVE or name not in Image.OPEN:
        return False
    sample = Image.new("RGB", (SAMPLE_SIDE, SAMPLE_SIDE), (200, 30, 90))
    body = io.BytesIO()
    try:
        if name in Image.SAVE_ALL:
            other = Image.new("RGB", sample.size, (0, 90, 0))
            sample.save(body, name, save_all=True, append_images=[other])
        else:
            sample.save(body, name)
        with Image.open(io.BytesIO(body.getvalue()), formats=(name,)) as image:
            image.load()
    except (OSError, KeyError, ValueError, RuntimeError):  # a build without this codec
        return False
    return True


def _exercise_simplejpeg() -> None:
    import numpy as np
    import simplejpeg

    pixels = np.zeros((SAMPLE_SIDE, SAMPLE_SIDE, 3), dtype=np.uint8)
    simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(pixels))


def _exercise_resampler() -> None:
    from PIL import Image

    from domicile.imaging.resample import FAST_MODES, resample
    from domicile.media.geometry import Window

    for mode in FAST_MODES:
        resample(Image.new(mode, (SAMPLE_SIDE, SAMPLE_SIDE)), Window((0, 0, SAMPLE_SIDE, SAMPLE_SIDE), (3, 3)))


def load_faces() -> bool:
    """Load the model of faces and use it once; False where it is not installed."""
    from PIL import Image

    from domicile.imaging.centerface import SCORE_STEPS, FacesUnavailable, detect

    try:
        detect(Image.new("RGB", (SAMPLE_SIDE, SAMPLE_SIDE)), SCORE_STEPS)
    except FacesUnavailable:
        return False
    return True


def load_text() -> bool:
    """Open all fonts and draw with them once; False where one is missing or is another file."""
    from domicile.imaging.text import drawn
    from domicile.imaging.typefaces import FontsUnavailable, load_typefaces
    from domicile.media.text import TextBox, TextLayer, TextStyle

    try:
        load_typefaces()
    except FontsUnavailable:
        return False
    layer = TextLayer(style=TextStyle(family="Arial", size=SAMPLE_SIDE), characters="Aא")
    drawn(layer, TextBox(), pixels_max=SAMPLE_SIDE**4)
    return True


def _exercise_colour() -> None:
    from domicile.imaging.patched import Image, ImageCms

    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(srgb, ImageCms.createProfile("LAB"), "RGB", "LAB")
    ImageCms.applyTransform(Image.new("RGB", (1, 1)), transform)
