"""Every picture becomes sRGB, in mode RGB or RGBA: profiles applied and dropped, grey and palettes and CMYK converted."""

from __future__ import annotations

import hashlib
import io

import numpy as np

from domicile.imaging.patched import Image, ImageCms, to_bytes, to_pixels

SRGB_NAMES = ("srgb", "c2")
"""How descriptions of sRGB begin ("c2" is Facebook's tiny one), and those of linear or other relatives too."""
SRGB_STEPS = 5
SRGB_DIFFERENCE_MAX = 2
"""Of 255, between what a profile and sRGB make of the same numbers."""
VERDICTS_MAX = 64
NOT_DISPLAYABLE = {
    "RGBX": "RGB",
    "RGBa": "RGBA",
    "La": "LA",
    "1": "L",
    "YCbCr": "RGB",
    "HSV": "RGB",
}
SIXTEEN_BITS = 1 / 256
OPAQUE = 255
INK_ROWS = 64
"""Converted at a time: the arithmetic needs many bytes a pixel."""


def plain(image: Image.Image) -> Image.Image:
    """A mode that can be resampled and colour-managed: L, LA, RGB, RGBA or CMYK."""
    if image.mode.startswith("I;16"):
        return _eight_bits(image)
    if image.has_transparency_data and image.mode not in {"RGBA", "LA"}:
        return image.convert("RGBA")
    if image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        return image
    return image.convert(NOT_DISPLAYABLE.get(image.mode, "RGB"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """The high bytes of 16-bit grey. The grey that is transparent, if one is, is named in all its bits (PNG 11.3.1.1)."""
    grey = image.point(lambda value: value * SIXTEEN_BITS).convert("L")
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return grey
    alpha = Image.fromarray(np.where(np.asarray(image) == transparent, 0, OPAQUE).astype(np.uint8))
    return Image.merge("LA", (grey, alpha))


class ToSrgb:
    """A conversion from one embedded profile (or none), built once and used for every frame."""

    def __init__(self, icc: bytes) -> None:
        self._profile = _profile(icc)
        self._transforms: dict[str, ImageCms.ImageCmsTransform | None] = {}

    @property
    def is_identity(self) -> bool:
        """True when the source needs no profile conversion."""
        return self._profile is None

    def __call__(self, image: Image.Image) -> Image.Image:
        """RGB or RGBA in sRGB; a profile that does not fit the pixels is ignored."""
        image = plain(image)
        if self._profile is not None:
            image = self._managed(image)
        if image.mode in {"RGB", "RGBA"}:
            return image
        return image.convert("RGBA" if image.mode == "LA" else "RGB")

    def _managed(self, image: Image.Image) -> Image.Image:
        if image.mode == "LA":
            grey, alpha = image.split()
            colored = self._managed(grey).convert("RGB")
            colored.putalpha(alpha)
            return colored
        if image.mode not in self._transforms:
            self._transforms[image.mode] = self._transform(image.mode)
        transform = self._transforms[image.mode]
        if transform is None:
            return image
        converted = ImageCms.applyTransform(to_bytes(image), transform)
        return image if converted is None else to_pixels(converted)

    def _transform(self, mode: str) -> ImageCms.ImageCmsTransform | None:
        output = "RGBA" if mode == "RGBA" else "RGB"
        try:
            return ImageCms.buildTransform(
                self._profile,  # type: ignore[arg-type]  # not None here: the caller checked
                ImageCms.createProfile("sRGB"),
                mode,
                output,
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
                ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
        except (ImageCms.PyCMSError, ValueError, TypeError, OSError):
            return None


def _profile(icc: bytes) -> ImageCms.ImageCmsProfile | None:
    """The parsed profile; None when absent, unreadable or sRGB itself."""
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        name = (profile.profile.profile_description or "").strip().lower()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if name.startswith(SRGB_NAMES) and _is_srgb(icc, profile) else profile


_verdicts: dict[bytes, bool] = {}
"""Digest of a profile -> is it sRGB. Most pictures bring one of few, and the question costs some milliseconds."""


def _is_srgb(icc: bytes, profile: ImageCms.ImageCmsProfile) -> bool:
    digest = hashlib.sha256(icc).digest()
    if digest not in _verdicts:
        if len(_verdicts) >= VERDICTS_MAX:
            _verdicts.clear()
        _verdicts[digest] = _leaves_colors_alone(profile)
    return _verdicts[digest]


def _leaves_colors_alone(profile: ImageCms.ImageCmsProfile) -> bool:
    """A name proves nothing: compare what comes of colours from all over the cube, curves and primaries in one."""
    steps = np.linspace(0, 255, SRGB_STEPS).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(SRGB_STEPS, -1, 3)
    try:
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            "RGB",
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.NOOPTIMIZE,
        )
        converted = ImageCms.applyTransform(Image.fromarray(cube), transform)
    except (ImageCms.PyCMSError, ValueError, TypeError, OSError):
        return False
    difference = np.asarray(converted).astype(int) - cube
    return bool(np.abs(difference).max() <= SRGB_DIFFERENCE_MAX)


def in_cmyk(image: Image.Image) -> Image.Image:
    """RGB in four inks, with all the grey in black: what decoders without a profile turn back to the same RGB."""
    made = Image.new("CMYK", image.size)
    for top in range(0, image.height, INK_ROWS):
        strip = image.crop((0, top, image.width, min(top + INK_ROWS, image.height)))
        inks = OPAQUE - np.asarray(strip.convert("RGB"), dtype=np.int32)
        black = inks.min(axis=2, keepdims=True)
        left = np.maximum(OPAQUE - black, 1)
        colors = ((inks - black) * OPAQUE + left // 2) // left
        samples = np.concatenate([colors, black], axis=2).astype(np.uint8)
        made.paste(Image.frombytes("CMYK", strip.size, samples.tobytes()), (0, top))
    return made
