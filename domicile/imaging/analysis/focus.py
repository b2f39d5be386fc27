"""How sharp a picture is, from 0 (one colour, or all blurred) to 1: how much its finest detail varies.

    grey, at most 1024 pixels a side -> Laplacian -> its variance v -> v / (v + HALF)

A score by a formula, not by people: good for sorting one's pictures and for finding the blurred ones, not for comparing subjects.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from domicile.imaging.analysis.phash import opaque

HALF = 400.0
"""The variance that is told as 0.5: a sharp photograph has more, one blurred by two pixels less."""
DECIMALS = 3
SIDE_MIN = 3
"""In a smaller picture nothing has neighbours."""


def focus_of(picture: Image.Image) -> float:
    grey = np.asarray(opaque(picture).convert("L"), dtype=np.float32)
    if min(grey.shape) < SIDE_MIN:
        return 0.0
    inner = grey[1:-1, 1:-1]
    detail = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    variance = float(detail.var())
    return round(variance / (variance + HALF), DECIMALS)
