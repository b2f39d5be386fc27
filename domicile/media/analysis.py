"""What can be told of a picture by looking at it once: colours, a perceptual hash, placeholders, faces, and its metadata.

Told to the owner, through the API alone; kept in the asset's record, sealed, and gone with it. A decoder that hostile bytes
have taken over may say anything here: `is_sane` bounds what is believed.
"""

from __future__ import annotations

import re

import msgspec

from domicile.media.coordinates import Rect

FACES, COLORS, PHASH, METADATA, BLURHASH, THUMBHASH = "faces", "colors", "phash", "metadata", "blurhash", "thumbhash"
FOCUS = "focus"
WISHES = frozenset({FACES, COLORS, PHASH, METADATA, BLURHASH, THUMBHASH, FOCUS})

FACES_MAX = 500
COLORS_MAX = 32
NAMES_MAX = 32
METADATA_ENTRIES_MAX = 128
METADATA_VALUE_CHARS_MAX = 1024
METADATA_CHARS_MAX = 8192
"""Of all keys and values of one picture together."""
PIXELS_MAX = 2**31
PERCENT = 100.0

_HEX_COLOR = re.compile(r"#[0-9A-F]{6}")
_NAME = re.compile(r"[a-z]{1,16}")
_PHASH = re.compile(r"[0-9a-f]{16}")
_BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,128}")
_THUMBHASH = re.compile(r"[0-9A-Za-z+/]{4,48}={0,2}")
_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")

Shares = tuple[tuple[str, float], ...]
"""A colour and how much of the picture it is, in percent, the most common first."""


class Analysis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """None: was not looked for."""

    faces: tuple[Rect, ...] | None = None
    """Of the picture as displayed, the largest first."""
    colors: Shares | None = None
    """`#RRGGBB` in sRGB."""
    names: dict[str, Shares] | None = None
    """The same by names, after the palettes "google" and "cloudinary"; with `colors`."""
    phash: str | None = None
    metadata: dict[str, str] | None = None
    blurhash: str | None = None
    thumbhash: str | None = None
    focus: float | None = None
    """How sharp, from 0 to 1."""

    @property
    def known(self) -> frozenset[str]:
        """The wishes that it answers."""
        return frozenset(wish for wish in WISHES if getattr(self, wish) is not None)

    def joined(self, other: Analysis) -> Analysis:
        """Both; the other's word counts where both say something."""
        said = {name: value for name, value in msgspec.structs.asdict(other).items() if value is not None}
        return msgspec.structs.replace(self, **said)


NOTHING = Analysis()


def is_sane(analysis: Analysis) -> bool:
    """Short plain texts and sane numbers, and not many of them?"""
    faces, names, metadata = analysis.faces or (), analysis.names or {}, analysis.metadata or {}
    texts = ((_PHASH, analysis.phash), (_BLURHASH, analysis.blurhash), (_THUMBHASH, analysis.thumbhash))
    return (
        len(faces) <= FACES_MAX
        and all(0 <= number <= PIXELS_MAX for box in faces for number in box)
        and _are_shares(analysis.colors or (), _HEX_COLOR, COLORS_MAX)
        and len(names) <= 2
        and all(_NAME.fullmatch(palette) and _are_shares(names[palette], _NAME, NAMES_MAX) for palette in names)
        and all(text is None or pattern.fullmatch(text) is not None for pattern, text in texts)
        and _is_metadata(metadata)
        and 0 <= (analysis.focus or 0.0) <= 1
    )


def _are_shares(shares: Shares, pattern: re.Pattern[str], most: int) -> bool:
    return len(shares) <= most and all(
        pattern.fullmatch(name) is not None and 0 <= share <= PERCENT for name, share in shares
    )


def _is_metadata(metadata: dict[str, str]) -> bool:
    return (
        len(metadata) <= METADATA_ENTRIES_MAX
        and all(_KEY.fullmatch(key) for key in metadata)
        and all(len(value) <= METADATA_VALUE_CHARS_MAX and value.isprintable() for value in metadata.values())
        and sum(len(key) + len(value) for key, value in metadata.items()) <= METADATA_CHARS_MAX
    )
