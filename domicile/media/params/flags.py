"""Flags: switches without a number.

    fl   = flag *15("." flag)                          ; fl_a,fl_b is fl_a.b
    flag = "force_strip" / "strip_profile" / "lossy" / "getinfo" / "ignore_aspect_ratio" / "immutable_cache"
         / "layer_apply" / "relative" / "region_relative" / "no_overflow" / "tiled" / "cutter"
         / "text_no_trim" / "text_disallow_overflow"
         / "preserve_transparency" / "keep_iptc" / "keep_attribution" / "any_format" / "awebp" / "sanitize" / "apng" / "animated" / "png8" / "png24" / "png32"
         / "progressive" [":" ("semi" / "steep" / "none")] / "attachment" [":" name]
    name = 1*128( ALPHA / DIGIT / "_" / "-" / "~" / pct-encoded )      ; a dot is written %2E: bare, it ends the flag

`progressive:steep` stands in `Component.flags` under that text; the name of an attachment in `attachment_name`, decoded.
What stands in WITHOUT_EFFECT is understood and does nothing; every other flag is refused.
Source: cloudinary-compat 3.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from domicile.media.params.base import Malformed, Parameter
from domicile.media.percent import percent_decode, percent_encode
from domicile.media.transformation import Component, Transformation

FLAGS_MAX = 16
ATTACHMENT_CHARS_MAX = 128
ATTACHMENT_ENCODED_CHARS_MAX = 384
"""Small enough to leave room for the rest below the grammar's limit for a component."""
ATTACHMENT = "attachment"
BASELINE = "progressive:none"
PROGRESSIVE = frozenset({"progressive", "progressive:semi", "progressive:steep", BASELINE})
WITHOUT_EFFECT = frozenset(
    "force_strip strip_profile lossy immutable_cache preserve_transparency any_format awebp sanitize".split()
)
"""Understood, and nothing is done: metadata and profiles are always stripped, GIF and PNG are written without loss, no
lifetime depends on a URL, an SVG is always cleaned, f_auto always keeps transparency, WebP always keeps an animation, and what `any_format` only
allows is not made use of (docs/adr/0005)."""
ANIMATED = frozenset({"apng", "animated"})
"""Keep an animation as PNG, too."""
KEEPING = frozenset({"keep_iptc", "keep_attribution"})
"""Ask for texts about who made a picture; without effect where the policy does not allow them."""
PNG_BITS = {"png8": 8, "png24": 24, "png32": 32}
"""Bits a pixel of a PNG: a palette, colours, colours and alpha. For other formats they are without effect."""
OF_LAYERS = frozenset(
    "layer_apply relative region_relative no_overflow tiled cutter text_no_trim text_disallow_overflow".split()
)
"""How a layer is measured and placed; `layers.py` has the order, `placing.py` the meaning."""
FLAGS = (
    frozenset({"getinfo", "ignore_aspect_ratio", ATTACHMENT})
    | PROGRESSIVE
    | WITHOUT_EFFECT
    | ANIMATED
    | KEEPING
    | PNG_BITS.keys()
    | OF_LAYERS
)
NAME = re.compile(r"(?:[A-Za-z0-9_~-]|%[0-9A-Fa-f]{2})+")
FORBIDDEN_IN_NAME = frozenset('/\\"')
"""What would end a quoted file name or leave the folder the browser saves to."""


def read_name(text: str) -> str:
    """The file name an attachment is offered under, decoded once."""
    if len(text) > ATTACHMENT_ENCODED_CHARS_MAX or NAME.fullmatch(text) is None:
        raise Malformed
    try:
        name = percent_decode(text).decode()
    except UnicodeDecodeError:
        raise Malformed from None
    if len(name) > ATTACHMENT_CHARS_MAX or not name.isprintable() or not FORBIDDEN_IN_NAME.isdisjoint(name):
        raise Malformed
    return name


def write_name(name: str) -> str:
    return percent_encode(name, unsafe=".")


def read_flags(text: str) -> tuple[frozenset[str], str | None]:
    """The flags and, apart, the attachment's name. Naming a flag twice is refused like any duplicate."""
    found: set[str] = set()
    name = None
    parts = text.split(".", maxsplit=FLAGS_MAX)
    if len(parts) > FLAGS_MAX:
        raise Malformed
    for part in parts:
        flag = part
        if part.startswith(f"{ATTACHMENT}:"):
            flag, _, quoted = part.partition(":")
            name = read_name(quoted)
        if flag not in FLAGS or flag in found:
            raise Malformed
        found.add(flag)
    if sum(flag.startswith("progressive") for flag in found) > 1 or len(found & PNG_BITS.keys()) > 1:
        raise Malformed
    return frozenset(found), name


def is_progressive(transformation: Transformation) -> bool:
    """Was a progressive JPEG asked for? The last component that speaks of it counts. All scans of ours are alike."""
    asked = [flag for component in transformation.components for flag in component.flags if flag in PROGRESSIVE]
    return bool(asked) and asked[-1] != BASELINE


def kept_metadata(transformation: Transformation) -> str:
    """What is asked to be kept: "attribution", "iptc" or nothing, and nothing beside `force_strip`."""
    flags = transformation.flags
    if "force_strip" in flags:
        return ""
    return "iptc" if "keep_iptc" in flags else "attribution" if "keep_attribution" in flags else ""


def png_bits(transformation: Transformation) -> int | None:
    """Bits a pixel that a PNG shall have. The last component that speaks of it counts."""
    asked = [PNG_BITS[flag] for component in transformation.components for flag in component.flags if flag in PNG_BITS]
    return asked[-1] if asked else None


def _read(text: str) -> Mapping[str, Any]:
    flags, name = read_flags(text)
    return {"flags": flags, "attachment_name": name}


def _write(component: Component) -> str | None:
    if not component.flags:
        return None
    named = f"{ATTACHMENT}:{write_name(component.attachment_name)}" if component.attachment_name else ATTACHMENT
    return ".".join(named if flag == ATTACHMENT else flag for flag in sorted(component.flags))


PARAMETERS = (Parameter(key="fl", read=_read, write=_write, joined_by="."),)
