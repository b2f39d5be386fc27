"""The port to the resampler."""

from __future__ import annotations

import platform
import random
import sys
from types import ModuleType

import pytest
from PIL import Image, ImageChops

from domicile.imaging import resample as port
from domicile.imaging.resample import gap_for, resample
from domicile.media.geometry import Box, Window
from tests.pictures.synthetic import hidden, quadrants, ramp


def test_the_whole_picture_at_its_size_is_the_same_object() -> None:
    image = quadrants(40, 20)
    assert resample(image, Window((0, 0, 40, 20), (40, 20))) is image


def test_a_pure_crop_moves_pixels_unchanged() -> None:
    assert resample(ramp(40, 20), Window((5, 6, 15, 16), (10, 10))).getpixel((0, 0)) == (5, 6, 128)


def test_hidden_colours_do_not_bleed() -> None:
    small = resample(hidden(100, 100), Window((0, 0, 100, 100), (7, 7)))
    for x in range(7):
        pixel = small.getpixel((x, 3))
        assert isinstance(pixel, tuple)
        assert pixel[1] == 0 or pixel[3] == 0


@pytest.mark.parametrize(("size", "gap"), [((399, 10), 3.0), ((10, 399), 3.0), ((400, 10), 1.75), ((800, 800), 1.75)])
def test_thumbnails_keep_more_pixels_for_the_precise_step(size: tuple[int, int], gap: float) -> None:
    assert gap_for(*size) == gap


def test_a_flat_picture_stays_flat() -> None:
    flat = Image.new("RGB", (333, 77), (10, 20, 30))
    assert resample(flat, Window((1.5, 2.5, 300.25, 70), (50, 20))).getextrema() == ((10, 10), (20, 20), (30, 30))


def farthest(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of any sample."""
    extremes = ImageChops.difference(one, other).getextrema()
    return int(max(high for _, high in (extremes if isinstance(extremes[0], tuple) else [extremes])))


needs_fast = pytest.mark.skipif(port.fast is None, reason="no wheel of the fast resampler for this machine")


def test_where_there_are_wheels_the_fast_resampler_is_installed() -> None:
    if (sys.platform, platform.machine(), platform.libc_ver()[0]) == ("linux", "x86_64", "glibc"):
        assert port.fast is not None
        assert port.name().startswith("cykooz-resizer ")


@needs_fast
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "RGBA"])
@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((0, 0, 600, 400), (75, 50)),
        ((0, 0, 600, 400), (1, 1)),
        ((10.25, 20.5, 533.3, 222.7), (133, 177)),
        ((500, 300, 560, 340), (600, 400)),
    ],
)
def test_it_is_pillows_lanczos_to_two_levels(
    mode: str, box: Box, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = ramp(600, 400).convert(mode)
    quick = resample(image, Window(box, size))
    with monkeypatch.context() as patched:
        patched.setattr(port, "fast", None)
        assert port.name().startswith("Pillow ")
        patched.setattr(port, "gap_for", lambda *_: 1000)  # the precise step alone
        exact = resample(image, Window(box, size))
    assert (quick.mode, quick.size) == (exact.mode, exact.size) == (mode, size)
    assert farthest(quick, exact) <= 2


def test_what_the_fast_one_does_not_know_pillow_resizes() -> None:
    grey = Image.new("LA", (40, 40), (90, 128))
    assert resample(grey, Window((0, 0, 40, 40), (10, 10))).mode == "LA"


@needs_fast
def test_every_processor_makes_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert port.fast is not None
    image = Image.effect_noise((500, 300), 90).convert("RGBA")
    image.putalpha(Image.effect_noise((500, 300), 90))
    made = set()
    original = port.fast.Resizer
    for kind in ("none", "sse4_1", "avx2"):

        def plain(kind: str = kind, fast: ModuleType = port.fast) -> object:
            resizer = original()
            resizer.cpu_extensions = fast.CpuExtensions[kind]
            return resizer

        try:
            plain()
        except ValueError:  # this processor lacks it
            continue
        monkeypatch.setattr(port.fast, "Resizer", plain)
        made.add(resample(image, Window((3.5, 0, 500, 290.25), (77, 55))).tobytes())
    assert len(made) == 1


def test_a_flat_picture_stays_flat_however_much_it_shrinks() -> None:
    for colour in ((10, 20, 30), (255, 255, 255), (1, 254, 128)):
        flat = Image.new("RGB", (5000, 30), colour)
        assert resample(flat, Window((0, 0, 5000, 30), (3, 2))).getextrema() == tuple((one, one) for one in colour)


def test_a_window_that_touches_the_edge_is_never_found_outside() -> None:
    image, chance = Image.new("L", (997, 641), 7), random.Random(5)
    for _ in range(300):
        left, top = chance.uniform(0, 996), chance.uniform(0, 640)
        assert resample(image, Window((left, top, 997, 641), (3, 3))).getextrema() == (7, 7)
