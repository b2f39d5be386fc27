"""`python -m benchmarks.quality_fit [--write]`: fit the estimate of `domicile/imaging/perceived.py`, and say how good it is.

Every figure is made without the photograph that it is about (leave one photograph out, with all its sizes).
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.optimize import nnls

from benchmarks.quality_photos import Rendition, renditions
from benchmarks.quality_scores import Scores
from domicile.imaging.choice import TARGETS, chosen, usual
from domicile.imaging.encode import lossy
from domicile.imaging.perceived import Reference, bent
from domicile.imaging.perceived_table import CURVES, WEIGHTS

TABLE = Path(__file__).parents[1] / "domicile" / "imaging" / "perceived_table.py"
NUMBERS: Mapping[str, tuple[int, ...]] = {
    "jpg": (30, 42, 55, 68, 78, 86, 93),
    "webp": (30, 42, 58, 72, 82, 90, 96),
    "avif": (30, 40, 50, 58, 67, 75, 85),
}
LEVELS = ("good", "eco")
SCORE_MIN = 45.0
"""What looks worse is not asked for, and not fitted to."""
SUMS = np.linspace(0, 120, 24_001)
SCORES = np.array([bent(x) for x in SUMS])

Pairs = list[tuple[float, float]]
"""Score and bytes of each rendition."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One copy: what it was made of, its errors, and what SSIMULACRA2 says of it."""

    photo: str
    rendition: int
    format: str
    number: int
    body_bytes: int
    parts: Any
    score: float


def seen(every: list[Rendition]) -> list[Seen]:
    found: list[tuple[int, str, int, bytes, Any]] = []
    for index, rendition in enumerate(every):
        reference = Reference(rendition.picture)
        for output_format, numbers in NUMBERS.items():
            for number in numbers:
                body = lossy(rendition.picture, output_format, number, "")
                with Image.open(io.BytesIO(body)) as copy:
                    found.append((index, output_format, number, body, reference.parts(copy.convert("RGB"))))
    pairs: list[tuple[Rendition, bytes]] = [(every[index], body) for index, _, _, body, _ in found]
    return [
        Seen(every[index].photo, index, output_format, number, len(body), np.array(parts), value)
        for (index, output_format, number, body, parts), value in zip(found, Scores().of(pairs), strict=True)
    ]


def weights(rows: list[Seen]) -> Any:
    """Of none but positive ones, those by which the estimate is nearest to the score. Points of the score count alike."""
    wanted = [row for row in rows if row.score > SCORE_MIN]
    parts = np.array([row.parts for row in wanted])
    sums = np.interp([-row.score for row in wanted], -SCORES, SUMS)
    slope = np.abs(np.interp(sums, SUMS, np.gradient(SCORES, SUMS)))
    size = parts.std(0) + 1e-12
    found, _ = nnls(parts / size * slope[:, None], sums * slope, maxiter=5000)
    return found / size


def estimates(rows: list[Seen], by: Any) -> Any:
    return np.array([bent(float(row.parts @ by)) for row in rows])


def curve(rows: list[Seen], numbers: tuple[int, ...]) -> list[float]:
    """Distance from the original (100 - score) by the encoder's number: the middle photograph."""
    return [float(np.median([100 - row.score for row in rows if row.number == number])) for number in numbers]


def without(rows: list[Seen], photo: str) -> list[Seen]:
    return [row for row in rows if row.photo != photo]


def compared(every: list[Rendition], rows: list[Seen], output_format: str) -> dict[str, tuple[Pairs, Pairs]]:
    """Level -> scores and bytes of one number for all, and of `q_auto`; both found without the photograph at hand.

    Scores and bytes between two numbers of the grid are taken from the straight line between them.
    """
    results: dict[str, tuple[Pairs, Pairs]] = {level: ([], []) for level in LEVELS}
    for photo in sorted({row.photo for row in rows}):
        others = without(rows, photo)
        WEIGHTS[output_format] = tuple(weights(others))
        CURVES[output_format] = tuple(zip(NUMBERS[output_format], curve(others, NUMBERS[output_format]), strict=True))
        for index in sorted({row.rendition for row in rows if row.photo == photo}):
            mine = [row for row in rows if row.rendition == index]
            for level, (fixed, automatic) in results.items():
                write = partial(_written, output_format)
                number = chosen(every[index].picture, output_format, TARGETS[level], write).number
                automatic.append(between(mine, number))
                fixed.append(between(mine, usual(output_format, TARGETS[level])))
    return results


def as_even(every: list[Rendition], rows: list[Seen], automatic: Pairs) -> Pairs:
    """The lowest number for all at which the worst tenth looks as good; it has seen all photographs."""
    by_rendition = [[row for row in rows if row.rendition == index] for index in range(len(every))]
    for number in range(rows[0].number, 100):
        fixed = [between(mine, number) for mine in by_rendition]
        if worst_tenth(fixed) >= worst_tenth(automatic):
            return fixed
    return automatic


def worst_tenth(pairs: Pairs) -> float:
    return float(np.percentile([score for score, _ in pairs], 10))


def _written(output_format: str, picture: Image.Image, number: int) -> bytes:
    return lossy(picture, output_format, number, "")


def between(rows: list[Seen], number: int) -> tuple[float, float]:
    numbers = [row.number for row in rows]
    return (
        float(np.interp(number, numbers, [row.score for row in rows])),
        float(np.interp(number, numbers, [row.body_bytes for row in rows])),
    )


def described(pairs: Pairs) -> str:
    scores, sizes = np.array(pairs).T
    return (
        f"mean {scores.mean():.1f}, sd {scores.std():.1f}, worst tenth {worst_tenth(pairs):.1f}, "
        f"worst {scores.min():.1f}, {sizes.sum() / 1000:.0f} KB, middle size {np.exp(np.log(sizes).mean()) / 1000:.1f} KB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    every = list(renditions(corpus_only=False))
    rows = seen(every)
    photos = sorted({row.photo for row in rows})
    print(f"{len(photos)} photographs, {len({row.rendition for row in rows})} renditions, {len(rows)} files")
    fitted, curves = {}, {}
    for output_format, numbers in NUMBERS.items():
        mine = [row for row in rows if row.format == output_format]
        off: list[float] = []
        for photo in photos:
            held = [row for row in mine if row.photo == photo and row.score > SCORE_MIN]
            if held:
                off += list(estimates(held, weights(without(mine, photo))) - [row.score for row in held])
        print(f"{output_format}: estimate - score: mean {np.mean(off):.2f}, sd {np.std(off):.2f}, {len(off)} files")
        for level, (fixed, automatic) in compared(every, mine, output_format).items():
            print(f"  {level}: one number: {described(fixed)}\n        q_auto: {described(automatic)}")
            print(f"        one number with that worst tenth: {described(as_even(every, mine, automatic))}", flush=True)
        fitted[output_format], curves[output_format] = weights(mine), curve(mine, numbers)
    if arguments.write:
        TABLE.write_text(table(fitted, curves, len(photos), len(rows)), "utf-8")


def table(fitted: Mapping[str, Any], curves: Mapping[str, list[float]], photos: int, files: int) -> str:
    lines = [
        f'"""Written by `python -m benchmarks.quality_fit --write` from {files} files of {photos} photographs. Do not edit.',
        "",
        "WEIGHTS: of each error of `perceived.Reference.parts`, fitted to SSIMULACRA2 (package ssimulacra2 0.3).",
        "CURVES: the encoder's number, and how far the middle photograph is from its original then (100 - score).",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "# fmt: off",
        "WEIGHTS: dict[str, tuple[float, ...]] = {",
    ]
    for name, values in fitted.items():
        lines.append(f'    "{name}": (')
        lines += [f"        {', '.join(f'{v:.6g}' for v in values[at : at + 6])}," for at in range(0, len(values), 6)]
        lines.append("    ),")
    lines += ["}", "CURVES: dict[str, tuple[tuple[int, float], ...]] = {"]
    for name, values in curves.items():
        pairs = ", ".join(f"({number}, {value:.2f})" for number, value in zip(NUMBERS[name], values, strict=True))
        lines.append(f'    "{name}": ({pairs}),')
    return "\n".join([*lines, "}", "# fmt: on", ""])


if __name__ == "__main__":
    main()
