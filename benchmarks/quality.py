"""Bytes and SSIMULACRA2 of every photograph of the corpus: `q_auto` against fixed numbers and the defaults of peers.

Peers are played with the encoders of this installation at their documented settings: what differs between rows of a
format is the number and how hard the encoder tries, not the build of the library, and not how the picture was made small.
"""

from __future__ import annotations

import io
import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.quality_photos import Rendition, renditions
from benchmarks.quality_scores import ENCODERS, Scores
from domicile.imaging.choice import TARGETS, chosen, usual
from domicile.imaging.encode import lossy
from domicile.imaging.quality import encoder_quality
from domicile.media.transformation import Quality

PEERS: dict[tuple[str, str], Mapping[str, Any]] = {
    ("sharp 0.35 defaults", "jpg"): {"quality": 80, "optimize": True},
    ("sharp 0.35 defaults", "webp"): {"quality": 80, "method": 4},
    ("sharp 0.35 defaults", "avif"): {"quality": 50, "speed": 5, "subsampling": "4:4:4"},
    ("imgproxy 3.3x defaults", "jpg"): {"quality": 80, "optimize": True},
    ("imgproxy 3.3x defaults", "webp"): {"quality": 79, "method": 4},
    ("imgproxy 3.3x defaults", "avif"): {"quality": 63, "speed": 8, "subsampling": "4:2:0"},
}
"""sharp: docs of `jpeg()`, `webp()`, `avif()` (effort 4 is speed 5). imgproxy: IMGPROXY_QUALITY, _FORMAT_QUALITY, _AVIF_SPEED."""
WORST_TENTH = 10
LEVELS = ("good", "eco")
PAGE = Path(__file__).parents[1] / "docs" / "quality.md"
MARKS = ("<!-- python -m benchmarks quality --docs -->", "<!-- end -->")

Write = Callable[[Image.Image], bytes]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of choosing a number; in `format`."""

    name: str
    format: str
    write: Write


def measure(*, limit: int | None = None) -> list[dict[str, Any]]:
    """A row a way and format. `limit`: only so many renditions, for a trial."""
    pictures = list(renditions(corpus_only=True))[:limit]
    scores = Scores()
    return [row(way, pictures, scores) for output_format in ENCODERS for way in ways(output_format)]


def ways(output_format: str) -> list[Way]:
    found = [Way("q_80", output_format, _fixed(output_format, encoder_quality(Quality(80), output_format)))]
    for level in LEVELS:
        target = TARGETS[level]
        number = usual(output_format, target)
        found.append(Way(f"{number}: the usual number of {level}", output_format, _fixed(output_format, number)))
        found.append(Way(f"q_auto:{level}", output_format, _automatic(output_format, target)))
    found += [Way(name, kind, _peer(kind, options)) for (name, kind), options in PEERS.items() if kind == output_format]
    return found


def row(way: Way, pictures: list[Rendition], scores: Scores) -> dict[str, Any]:
    bodies = [way.write(rendition.picture) for rendition in pictures]
    found = scores.of(list(zip(pictures, bodies, strict=True)))
    return {
        "format": way.format,
        "way": way.name,
        "kilobytes": sum(map(len, bodies)) / 1000,
        "score_mean": statistics.fmean(found),
        "score_sd": statistics.pstdev(found),
        "score_worst_tenth": statistics.quantiles(found, n=WORST_TENTH)[0],
        "score_min": min(found),
        "pictures": len(pictures),
    }


def write_docs(rows: list[dict[str, Any]]) -> None:
    """The table between the two marks of the page."""
    first, last = MARKS
    lines = [
        "| format | number | KB | mean score | spread (sd) | worst tenth | worst |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['format']} | {r['way']} | {r['kilobytes']:.0f} | {r['score_mean']:.1f} | {r['score_sd']:.1f}"
        f" | {r['score_worst_tenth']:.1f} | {r['score_min']:.1f} |"
        for r in rows
    ]
    said = f"{rows[0]['pictures']} renditions of the photographs of the corpus."
    text = "\n".join([first, "", *lines, "", said, "", last])
    page = PAGE.read_text("utf-8")
    PAGE.write_text(re.sub(f"{re.escape(first)}.*?{re.escape(last)}", lambda _: text, page, flags=re.DOTALL), "utf-8")


def _fixed(output_format: str, number: int) -> Write:
    return lambda picture: lossy(picture, output_format, number, "")


def _automatic(output_format: str, target: float) -> Write:
    def write(picture: Image.Image) -> bytes:
        found = chosen(picture, output_format, target, lambda probe, number: lossy(probe, output_format, number, ""))
        return lossy(picture, output_format, found.number, "")

    return write


def _peer(output_format: str, options: Mapping[str, Any]) -> Write:
    def write(picture: Image.Image) -> bytes:
        body = io.BytesIO()
        picture.save(body, ENCODERS[output_format], **options)
        return body.getvalue()

    return write
