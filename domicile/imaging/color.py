"""Every picture becomes sRGB, in mode RGB or RGBA: profiles applied and dropped, grey and palettes and CMYK converted."""

from __future__ import annotations

import io

from PIL import Image

from domicile.imaging.patched import ImageCms, to_bytes, to_pixels

PROFILE_BYTES_MAX = 4 * 1024 * 1024
SRGB_NAMES = ("srgb", "c2")
"""Descriptions of sRGB itself; "c2" is Facebook's tiny sRGB."""
NOT_DISPLAYABLE = {
    "RGBX": "RGB",
    "RGBa": "RGBA",
    "La": "LA",
    "1": "L",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "F": "L",
    "I": "L",
}
SIXTEEN_BITS = 1 / 256


def plain(image: Image.Image) -> Image.Image:
    """A mode that can be resampled and colour-managed: L, LA, RGB, RGBA or CMYK."""
    if image.has_transparency_data and image.mode not in {"RGBA", "LA"}:
        return image.convert("RGBA")
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value * SIXTEEN_BITS).convert("L")
    if image.mode == "I":
        return image.point(lambda value: value * SIXTEEN_BITS).convert("L")
    if image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        return image
    return image.convert(NOT_DISPLAYABLE.get(image.mode, "RGB"))


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
    if not icc or len(icc) > PROFILE_BYTES_MAX:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        name = (profile.profile.profile_description or "").strip().lower()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if name == SRGB_NAMES[1] or name.startswith(SRGB_NAMES[0]) else profile
