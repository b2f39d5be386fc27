"""Reads picture vectors and judges a rendition by one. The format is described in tests/vectors/picture/README.md."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from domicile.imaging.job import Done, LayerInput, MediaLimits, Outcome, RenderJob
from tests.pictures.synthetic import draw
from tests.pictures.walled import Render

FOLDER = Path(__file__).parents[1] / "vectors" / "picture"
TOLERANCE = 3
LUMINANCE_FIRST = 16
"""The first entry of ITU-T T.81, table K.1."""


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One block of a vector file."""

    file: str
    name: str
    source: str
    transformation: str
    extension: str | None = "png"
    bucket: str = ""
    wrong: str | None = None
    wrong_source: str | None = None
    layers: tuple[tuple[str, str], ...] = ()
    """Names, and pictures to draw."""
    checks: tuple[tuple[str, str], ...] = field(default=())

    def run(
        self, render: Render, *, transformation: str | None = None, source: str | None = None
    ) -> tuple[Outcome, bytes]:
        """Render the vector, or its wrong variant."""
        job = RenderJob(
            transformation=self.transformation if transformation is None else transformation,
            extension=self.extension,
            bucket=self.bucket,
            limits=MediaLimits(),
            layers=tuple(LayerInput(name=name) for name, _ in self.layers),
        )
        return render(draw(source or self.source), job, tuple(draw(picture) for _, picture in self.layers))


def load() -> list[Vector]:
    """All vectors of the folder."""
    return [_vector(path.name, block) for path in sorted(FOLDER.glob("*.txt")) for block in _blocks(path.read_text())]


def _blocks(text: str) -> list[list[tuple[str, str]]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    blocks: list[list[tuple[str, str]]] = [[]]
    for line in lines:
        if not line.strip():
            blocks.append([])
            continue
        key, _, value = line.partition(":")
        blocks[-1].append((key.strip(), value.strip()))
    return [block for block in blocks if block]


def _vector(file: str, block: list[tuple[str, str]]) -> Vector:
    known = {"name", "source", "transformation", "extension", "bucket", "wrong", "wrong-source", "layer"}
    values = {key: value for key, value in block if key in known}
    extension = values.get("extension", "png")
    return Vector(
        file=file,
        name=values["name"],
        source=values["source"],
        transformation=values["transformation"],
        extension=None if extension == "none" else extension,
        bucket=values.get("bucket", ""),
        wrong=values.get("wrong"),
        wrong_source=values.get("wrong-source"),
        layers=tuple(_layer(value) for key, value in block if key == "layer"),
        checks=tuple((key, value) for key, value in block if key not in known),
    )


def _layer(text: str) -> tuple[str, str]:
    name, _, picture = text.partition(" ")
    return name if "/" in name else f"upload/{name}", picture


def complaints(vector: Vector, outcome: Outcome, body: bytes) -> list[str]:
    """What is not as the vector says; empty when all is."""
    if not isinstance(outcome, Done):
        return [f"refused: {outcome}"]
    found = [_check(key, value, outcome, body) for key, value in vector.checks]
    return [complaint for complaint in found if complaint]


def _check(key: str, value: str, done: Done, body: bytes) -> str:
    if key == "type":
        return "" if done.content_type == value else f"type {done.content_type}"
    if key == "json":
        return _check_json(value, body)
    if done.content_type == "application/json":
        return "not a picture"
    with Image.open(io.BytesIO(body)) as image:
        match key:
            case "size":
                stated = f"{done.width}x{done.height}"
                real = f"{image.width}x{image.height}"
                return "" if stated == real == value else f"size {real}, stated {stated}"
            case "mode":
                return "" if image.mode == value else f"mode {image.mode}"
            case "pixel":
                return _check_pixel(image, value)
            case "frame":
                number, _, rest = value.partition(" ")
                if int(number) >= getattr(image, "n_frames", 1):
                    return f"no frame {number}"
                image.seek(int(number))
                return _check_pixel(image, rest)
            case "jpeg":
                return _check_jpeg(image, value)
            case _:
                return _check_animation(image, key, value)


def _check_pixel(image: Image.Image, value: str) -> str:
    x, y, color, *tolerance = value.split()
    if int(x) >= image.width or int(y) >= image.height:
        return f"no pixel {x} {y}"
    expected = (*bytes.fromhex(color), *([255] if len(color) == 6 else []))
    found = image.convert("RGBA").getpixel((int(x), int(y)))
    assert isinstance(found, tuple)
    bound = int(tolerance[0]) if tolerance else TOLERANCE
    if expected[3] == 0 and bound == 255:  # the colour of nothing does not matter
        return "" if found[3] == 0 else f"pixel {x} {y} is {found}"
    near = all(abs(a - b) <= bound for a, b in zip(found, expected, strict=True))
    return "" if near else f"pixel {x} {y} is {found}, not {expected}"


def _check_jpeg(image: Image.Image, value: str) -> str:
    if image.format != "JPEG":
        return "not a JPEG"
    match value.split():
        case ["progressive"]:
            return "" if image.info.get("progressive") else "baseline"
        case ["baseline"]:
            return "progressive" if image.info.get("progressive") else ""
        case ["chroma", kind]:
            found = getattr(image, "layer", None)
            factors = {"420": 2, "444": 1}
            return "" if found and found[0][1] == factors[kind] else f"chroma {found}"
        case ["quality", number]:
            # libjpeg's scaling of table K.1 (jcparam.c): 5000/q below 50, 200-2q from there.
            q = int(number)
            scale = 5000 // q if q < 50 else 200 - 2 * q
            expected = (LUMINANCE_FIRST * scale + 50) // 100
            found_first = getattr(image, "quantization")[0][0]  # noqa: B009  # only JPEG images have it
            return "" if found_first == expected else f"quantization {found_first}, not {expected}"
        case _:
            raise AssertionError(value)


def _check_animation(image: Image.Image, key: str, value: str) -> str:
    count = getattr(image, "n_frames", 1)
    if key == "frames":
        return "" if count == int(value) else f"{count} frames"
    if key == "durations":
        durations = []
        for number in range(count):
            image.seek(number)
            image.load()
            durations.append(round(image.info.get("duration", 0)))
        return "" if durations == [int(text) for text in value.split()] else f"durations {durations}"
    if key == "plays":
        loop = image.info.get("loop")
        plays = (1 if loop is None else loop + 1 if loop else 0) if image.format == "GIF" else loop
        return "" if plays == int(value) else f"plays {plays}"
    raise AssertionError(key)


def _check_json(value: str, body: bytes) -> str:
    try:
        tree = json.loads(body)
    except ValueError:
        return "not JSON"
    for pair in value.split():
        path, _, expected = pair.partition("=")
        group, name = path.split(".")
        if str(tree[group][name]) != expected:
            return f"{path} is {tree[group][name]}"
    return ""
