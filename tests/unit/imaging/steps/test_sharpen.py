"""Sharpen."""

from __future__ import annotations

from domicile.imaging.steps.sharpen import sharpen
from tests.pictures.synthetic import halves, veiled


def test_flat_parts_stay_and_edges_gain_contrast() -> None:
    sharp = sharpen(halves(100, 20, 64, 192), 100)
    assert sharp.getpixel((10, 10)) == (64, 64, 64)
    edge = sharp.getpixel((49, 10))
    assert isinstance(edge, tuple)
    assert edge[0] < 64


def test_the_alpha_plane_stays() -> None:
    image = veiled(40, 20)
    assert sharpen(image, 500).getchannel("A").tobytes() == image.getchannel("A").tobytes()
