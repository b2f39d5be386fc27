"""What this installation can read, write and wall in: `python -m domicile.imaging.features` prints it as JSON.

A process of its own, so that the command line decodes nothing and imports no decoder.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Any

import uharfbuzz

from domicile.imaging import heics
from domicile.imaging.centerface import MODEL_NAME
from domicile.imaging.encode import PILLOW_ENCODERS, can_write
from domicile.imaging.patched import Image, Pixels, features
from domicile.imaging.preload import load_faces, load_text
from domicile.imaging.resample import name as resampler
from domicile.imaging.sandbox import layers
from domicile.imaging.sniff import PILLOW_NAMES
from domicile.imaging.typefaces import names

CODECS = ("libjpeg_turbo", "webp", "avif", "zlib", "littlecms2")


def installed() -> dict[str, Any]:
    """{"pillow": "13.0.0", "engine": "13.0.0", "resampler": "cykooz-resizer 4.0.1", "distributions": [...],
    "reads": [...], "writes": [...], "codecs": {...}, "faces": "CenterFace, …", "text": "48 fonts, HarfBuzz …"}.

    Two distributions that provide `PIL` overwrite each other's files: more than one entry is a broken environment.
    """
    Image.init()
    owners = metadata.packages_distributions().get("PIL", [])
    return {
        "pillow": Image.__version__,  # type: ignore[attr-defined]  # Pillow's stubs leave it out
        "engine": Pixels.__version__,  # type: ignore[attr-defined]
        "resampler": resampler(),
        "distributions": sorted(set(owners)),
        "reads": [name for name, theirs in PILLOW_NAMES.items() if theirs in Image.OPEN] + other_formats(),
        "writes": [name for name in PILLOW_ENCODERS if can_write(name)],
        "codecs": {name: _version(name) for name in CODECS},
        "faces": _faces(),
        "text": _text(),
    }


def other_formats() -> list[str]:
    """Those that something else than Pillow reads."""
    return [*(["heic"] if heics.is_installed() else []), "pdf", "svg"]


def _faces() -> str | None:
    """What looks for faces; None when it cannot be loaded."""
    if not load_faces():
        return None
    return f"{MODEL_NAME}, onnxruntime {metadata.version('onnxruntime')}"


def _text() -> str | None:
    """What draws text; None when a font cannot be opened."""
    if not load_text():
        return None
    return f"{len(names())} fonts, HarfBuzz {uharfbuzz.version_string()}"


def _version(name: str) -> str | None:
    version = features.version(name) if features.check(name) else None
    return str(version) if version is not None else None


def main() -> None:
    """Print the features; with `--layers` also which walls of the sandbox hold (a trial, about a second)."""
    found = installed()
    if "--layers" in sys.argv[1:]:
        found["layers"] = layers()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
