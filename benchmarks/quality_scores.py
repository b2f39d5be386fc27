"""Real SSIMULACRA2 of real files, remembered in benchmarks/results: half a second each."""

from __future__ import annotations

import hashlib
import io
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from benchmarks.quality_photos import Rendition

ENCODERS = {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF"}
MEMORY = Path(__file__).parent / "results" / "quality_scores.json"


def score(picture: Image.Image, body: bytes) -> float:
    """SSIMULACRA2 of a file against what it was made of."""
    original = io.BytesIO()
    picture.save(original, "PNG", compress_level=1)
    return float(compute_ssimulacra2(original, io.BytesIO(body)))


class Scores:
    """Scores by what was scored. `save` keeps them for the next run."""

    def __init__(self) -> None:
        self._known: dict[str, float] = json.loads(MEMORY.read_text("utf-8")) if MEMORY.exists() else {}

    def of(self, pairs: list[tuple[Rendition, bytes]], *, processes: int = 2) -> list[float]:
        """In the order of `pairs`."""
        keys = [_key(rendition, body) for rendition, body in pairs]
        missing = [(key, pair) for key, pair in zip(keys, pairs, strict=True) if key not in self._known]
        with ProcessPoolExecutor(processes) as pool:
            found = pool.map(_scored, [pair for _, pair in missing], chunksize=1)
            for number, ((key, _), value) in enumerate(zip(missing, found, strict=True)):
                self._known[key] = value
                if number % 50 == 0:
                    self.save()
        self.save()
        return [self._known[key] for key in keys]

    def save(self) -> None:
        MEMORY.parent.mkdir(exist_ok=True)
        MEMORY.write_text(json.dumps(self._known), "utf-8")


def _scored(pair: tuple[Rendition, bytes]) -> float:
    return score(pair[0].picture, pair[1])


def _key(rendition: Rendition, body: bytes) -> str:
    return hashlib.sha256(rendition.picture.tobytes() + body).hexdigest()
