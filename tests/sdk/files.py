"""Files that scenarios of the SDKs upload: small, made here, and the same for all of them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

LOGO_SIZE = (241, 51)
"""Width and height that pycloudinary's published tests expect of their picture."""
LARGE_SIDE = 1400
"""Of a BMP that takes two chunks."""


def lay_out(directory: Path) -> None:
    logo(directory / "logo.png")
    Image.new("RGB", (LARGE_SIDE, LARGE_SIDE), (90, 120, 150)).save(directory / "large.bmp")
    (directory / "not.png").write_bytes(b"no picture")


def logo(file: Path) -> None:
    """Something to see in it, and transparent around."""
    picture = Image.new("RGBA", LOGO_SIZE, (0, 0, 0, 0))
    for x in range(10, 231):
        for y in range(8, 43):
            picture.putpixel((x, y), (x, (x * y) % 256, 255 - x, 255))
    picture.save(file)
