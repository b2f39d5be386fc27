"""What was there is gone: the result is a function of a few quantised cells."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from domicile.imaging.steps.redact import LEVELS, redact
from tests.pictures.stages import stage
from tests.pictures.synthetic import hidden, ramp, stripes

NAMES = ["e_pixelate_region", "e_blur_region"]


def noise(seed: int, width: int = 96, height: int = 64) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def done(image: Image.Image, text: str) -> Image.Image:
    return redact(image, stage(text, image.size, has_alpha=image.mode == "RGBA"))


def test_a_mosaic_has_few_cells_of_few_colours() -> None:
    mosaic = done(noise(1), "e_pixelate_region")
    values = np.asarray(mosaic)
    assert len(mosaic.getcolors(10_000) or []) <= 8 * 6
    assert set(np.unique(values)) <= {round(255 * step / (LEVELS - 1)) for step in range(LEVELS)}
    assert (values[:10, :12] == values[0, 0]).all(), "a cell has one colour"


@pytest.mark.parametrize("name", NAMES)
def test_pictures_whose_cells_are_alike_cannot_be_told_apart(name: str) -> None:
    """Stripes and their negative, and plain grey: the same means, so the same bytes."""
    light = stripes(96, 64)
    dark = Image.fromarray(255 - np.asarray(light))
    grey = Image.new("RGB", light.size, (127, 127, 127))
    assert done(light, name).tobytes() == done(dark, name).tobytes() == done(grey, name).tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_small_difference_within_a_cell_leaves_no_trace(name: str) -> None:
    plain = Image.new("RGB", (96, 64), (100, 100, 100))
    marked = plain.copy()
    marked.putpixel((40, 20), (255, 255, 255))
    assert done(plain, name).tobytes() == done(marked, name).tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_only_the_area_is_changed_and_the_picture_given_stays(name: str) -> None:
    image = noise(2)
    before = image.tobytes()
    changed = np.asarray(done(image, f"{name},h_20,w_30,x_10,y_5")) != np.asarray(image)
    assert image.tobytes() == before
    assert changed[5:25, 10:40].any()
    changed[5:25, 10:40] = False
    assert not changed.any()


def test_a_blur_has_no_hard_edges_inside() -> None:
    steps = np.abs(np.diff(np.asarray(done(ramp(128, 128), "e_blur_region"))[:, :, 0].astype(int), axis=1))
    hard = np.abs(np.diff(np.asarray(done(ramp(128, 128), "e_pixelate_region"))[:, :, 0].astype(int), axis=1))
    assert steps.max() <= 3
    assert hard.max() > 10


@pytest.mark.parametrize("name", NAMES)
def test_colours_that_transparency_hides_are_gone_too(name: str) -> None:
    pixels = np.asarray(done(hidden(96, 64), name))
    assert (pixels[:, :, 1] == 0).all(), "the green under the transparent half is nowhere"
    assert (pixels[:, 80:, :] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_shape_of_the_alpha_plane_is_hidden(name: str) -> None:
    """Two silhouettes with the same mean in every cell."""
    columns = np.arange(96) % 2 * 255
    first = Image.new("RGBA", (96, 64), (200, 100, 50, 255))
    second = first.copy()
    first.putalpha(Image.fromarray(np.tile(columns, (64, 1)).astype(np.uint8)))
    second.putalpha(Image.fromarray(np.tile(255 - columns, (64, 1)).astype(np.uint8)))
    assert done(first, name).tobytes() == done(second, name).tobytes()


def test_without_an_area_the_picture_is_the_same_object() -> None:
    image = noise(3)
    assert done(image, "e_pixelate_faces") is image
