"""One golden row, rendered by a real decoder behind its walls, and compared."""

from __future__ import annotations

import importlib.util
import io
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from domicile.imaging.color import plain
from domicile.imaging.job import Done, MediaLimits, RenderJob
from domicile.imaging.patched import Image, Pixels, to_pixels
from tests.pictures.walled import Render, walled

ALPHA_DIFFERENCE_MAX = 2.0
"""Mean difference of the alpha planes, of 255 (decisions O.1)."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one row went. `size_is_right` allows the row's own tolerance, which is 0 on every row without doubt."""

    row: str
    is_doubtful: bool
    size_is_right: bool
    looks_right: bool
    has_reference: bool
    detail: str


@cache
def _compare(corpus: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_compare", corpus / "golden_compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_held = ExitStack()
_renderers: list[Render] = []
"""Of a process that does nothing but judge: a decoder of its own, which ends with it."""


def start() -> None:
    """Initializer of a process that judges."""
    _renderers.append(_held.enter_context(walled()))


def judge_here(corpus: Path, row: dict[str, str]) -> Verdict:
    """`judge`, with the decoder that `start` made."""
    return judge(corpus, _renderers[0], row)


def judge(corpus: Path, render: Render, row: dict[str, str]) -> Verdict:
    """Render the row in the format of its reference (or the original's) and compare size, looks, colour and alpha."""
    reference = row["reference"]
    extension = Path(reference).suffix.removeprefix(".") if reference else None
    job = RenderJob(transformation=row["transformation"], extension=extension, bucket="", limits=MediaLimits())
    outcome, body = render((corpus / "media" / row["image"]).read_bytes(), job)
    if not isinstance(outcome, Done):
        return _verdict(row, size_is_right=False, complaints=[f"refused: {outcome}"])
    with Image.open(io.BytesIO(body)) as image:
        image.load()
        size_is_right = _near(image.size, row) and (outcome.width, outcome.height) == image.size
        complaints = [] if size_is_right else [f"size {image.size}"]
        if reference:
            with Image.open(corpus / "golden" / reference) as wanted:
                complaints += _differences(
                    _compare(corpus), row, _comparable(wanted), _comparable(image), has_alpha=outcome.source.has_alpha
                )
    return _verdict(row, size_is_right=size_is_right, complaints=complaints)


def _comparable(image: Image.Image) -> Image.Image:
    """As the corpus' comparison takes it, which works with `PIL`."""
    return image if isinstance(image, Pixels.Image) else to_pixels(plain(image))


def _verdict(row: dict[str, str], *, size_is_right: bool, complaints: list[str]) -> Verdict:
    return Verdict(
        row=f"{row['image']} {row['transformation']}",
        is_doubtful=bool(row["doubt"]),
        size_is_right=size_is_right,
        looks_right=not complaints,
        has_reference=bool(row["reference"]),
        detail=", ".join(complaints),
    )


def _near(size: tuple[int, int], row: dict[str, str]) -> bool:
    tolerance = int(row["dim_tolerance"])
    return abs(size[0] - int(row["expect_w"])) <= tolerance and abs(size[1] - int(row["expect_h"])) <= tolerance


def _differences(
    compare: ModuleType, row: dict[str, str], wanted: Image.Image, image: Image.Image, *, has_alpha: bool
) -> list[str]:
    if wanted.size != image.size:
        image = image.resize(wanted.size)
    found = []
    score, color = compare.score(wanted, image), compare.colour_diff(wanted, image)
    if row["min_ssim"] and score < float(row["min_ssim"]):
        found.append(f"ssim {score:.3f} < {row['min_ssim']}")
    if row["max_colour_diff"] and color > float(row["max_colour_diff"]):
        found.append(f"colour {color:.1f} > {row['max_colour_diff']}")
    if has_alpha and row["reference"].endswith(".png"):
        if image.mode not in {"RGBA", "LA"} and wanted.mode in {"RGBA", "LA"}:
            found.append(f"alpha lost: mode {image.mode}")
        difference = float(np.abs(_alpha(wanted) - _alpha(image)).mean())
        if difference > ALPHA_DIFFERENCE_MAX:
            found.append(f"alpha differs by {difference:.1f}")
    return found


def _alpha(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(image.convert("RGBA").getchannel("A")).astype(np.float64)
