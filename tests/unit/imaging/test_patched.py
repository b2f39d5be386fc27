"""One library by default; with two, pixels cross unchanged and nothing else does."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from domicile.imaging import patched


def picture(mode: str, size: tuple[int, int]) -> Image.Image:
    samples = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 4), np.uint8)
    image = Image.fromarray(samples, "RGBA").convert("RGB" if mode == "CMYK" else mode).convert(mode)
    image.info["comment"] = "a person's name"
    return image


def test_with_one_library_nothing_is_copied() -> None:
    assert not patched.IS_APART
    image = picture("RGB", (3, 2))
    assert patched.to_pixels(image) is patched.to_bytes(image) is image
    assert patched.bridge_bytes(1000) == 0


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (7, 63), (5, 64), (3, 200)])
def test_between_two_libraries_every_pixel_crosses_and_no_note_does(
    mode: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = SimpleNamespace(Image=type("Other", (), {}), new=Image.new, frombytes=Image.frombytes)
    monkeypatch.setattr(patched, "IS_APART", True)
    monkeypatch.setattr(patched, "Pixels", other)
    image = picture(mode, size)
    carried = patched.to_pixels(image)
    assert carried is not image
    assert (carried.mode, carried.size, carried.tobytes()) == (image.mode, image.size, image.tobytes())
    assert carried.info == {}
    assert patched.bridge_bytes(1000) == 4000
