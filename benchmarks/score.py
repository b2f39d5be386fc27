"""How near a rendition comes to what its source looks like: SSIMULACRA2, 100 for the same, below 50 for visibly worse."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image

SIDE_MIN = 8


def frames_of(body: bytes) -> int:
    with Image.open(io.BytesIO(body)) as picture:
        return int(getattr(picture, "n_frames", 1))


def score(source: bytes, rendition: bytes) -> float | None:
    """Against the whole source, reduced with LANCZOS to the rendition's size, over white. None without the package."""
    try:
        from ssimulacra2 import compute_ssimulacra2
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as name, Image.open(io.BytesIO(rendition)) as made:
        with Image.open(io.BytesIO(source)) as original:
            wanted = original.convert("RGBA").resize(made.size, Image.Resampling.LANCZOS)
        for file, picture in (("wanted.png", wanted), ("made.png", made.convert("RGBA"))):
            ground = Image.new("RGBA", picture.size, "white")
            Image.alpha_composite(ground, picture).convert("RGB").save(Path(name) / file)
        return float(compute_ssimulacra2(str(Path(name) / "wanted.png"), str(Path(name) / "made.png")))
