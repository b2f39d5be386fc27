"""Pictures drawn from arithmetic: known colours at known places, in the container that a vector asks for."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, TiffImagePlugin

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
TO_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How upright pixels must be stored so that an orientation shows them upright again."""
SRGB_PRIMARIES = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
"""Adapted to D50, as profiles have them."""
P3_PRIMARIES = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))


def quadrants(width: int, height: int) -> Image.Image:
    """Red, green / blue, yellow."""
    image = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), fill=GREEN)
    draw.rectangle((0, height // 2, width // 2 - 1, height), fill=BLUE)
    draw.rectangle((width // 2, height // 2, width, height), fill=YELLOW)
    return image


def ramp(width: int, height: int) -> Image.Image:
    """Red says x, green says y, blue is 128."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.dstack([x, y, np.full_like(x, 128)]).astype(np.uint8))


def grainy(width: int, height: int, grain: int = 12) -> Image.Image:
    """Soft colours under a grain of so many steps: what an encoder takes for a photograph."""
    y, x = np.mgrid[0:height, 0:width]
    soft = np.dstack([128 + 90 * np.sin(x / 37), 128 + 90 * np.cos(y / 29), 128 + 60 * np.sin((x + y) / 53)])
    noise = np.random.default_rng(7).integers(-grain, grain + 1, (height, width, 1))
    return Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8))


def halves(width: int, height: int, left: int = 0, right: int = 255) -> Image.Image:
    """Grey `left` beside grey `right`."""
    image = Image.new("RGB", (width, height), (left,) * 3)
    image.paste((right,) * 3, (width // 2, 0, width, height))
    return image


def framed(width: int, height: int) -> Image.Image:
    """Red in the middle fifth of each side, blue all around."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (width * 2 // 5, height * 2 // 5, width * 3 // 5, height * 3 // 5))
    return image


def spotted(width: int, height: int, left: int, top: int, side: int) -> Image.Image:
    """A red square on grey."""
    image = Image.new("RGB", (width, height), (128,) * 3)
    image.paste(RED, (left, top, left + side, top + side))
    return image


def lettered(width: int, height: int, left: int, top: int, side: int) -> Image.Image:
    """A block of black marks on white, as small as text."""
    image = Image.new("RGB", (width, height), (255,) * 3)
    for y in range(top, top + side, 6):
        for x in range(left + y % 4, left + side, 4):
            image.paste((0, 0, 0), (x, y, x + 2, y + 4))
    return image


def stripes(width: int, height: int) -> Image.Image:
    """Black and white columns of one pixel."""
    x = np.arange(width) % 2 * 255
    return Image.fromarray(np.tile(x[None, :, None], (height, 1, 3)).astype(np.uint8))


def veiled(width: int, height: int) -> Image.Image:
    """Opaque red, transparent green / half-transparent (128) blue, opaque yellow."""
    image = quadrants(width, height).convert("RGBA")
    alpha = Image.new("L", (width, height), 255)
    alpha.paste(0, (width // 2, 0, width, height // 2))
    alpha.paste(128, (0, height // 2, width // 2, height))
    image.putalpha(alpha)
    return image


def hidden(width: int, height: int) -> Image.Image:
    """Opaque red beside transparent green: the green must never show."""
    image = Image.new("RGBA", (width, height), (255, 0, 0, 255))
    image.paste((0, 255, 0, 0), (width // 2, 0, width, height))
    return image


def matrix_profile(primaries: tuple[tuple[float, float, float], ...], gamma: float, called: str = "synthetic") -> bytes:
    """A small ICC v2 display profile (ICC.1:2001-04): D50 primaries and one gamma."""

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = called.encode() + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 78
    tags = {b"desc": description, b"wtpt": xyz((0.9642, 1.0, 0.8249)), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
    at = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for tag, body in tags.items():
        table += tag + struct.pack(">II", at + len(data), len(body))
        data += body + b"\0" * (-len(body) % 4)
    header = bytearray(128)
    struct.pack_into(">I4sI4s4s4s", header, 0, at + len(data), b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header[36:40] = b"acsp"
    struct.pack_into(">iii", header, 68, round(0.9642 * 65536), 65536, round(0.8249 * 65536))
    return bytes(header) + table + data


def saved(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    """The picture as a file."""
    body = io.BytesIO()
    image.save(body, format=format_, **options)
    return body.getvalue()


def turned(image: Image.Image, orientation: int, format_: str = "PNG") -> bytes:
    """A file whose EXIF orientation shows the picture upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image.transpose(TO_STORED[orientation]) if orientation in TO_STORED else image
    options: dict[str, object] = {"quality": 100, "subsampling": 0} if format_ == "JPEG" else {}
    return saved(stored, format_, exif=exif.tobytes(), **options)


def animation(format_: str) -> bytes:
    """Red, green, blue for 100, 200 and 300 ms, played twice, 40x20."""
    frames = [Image.new("RGB", (40, 20), color) for color in (RED, GREEN, BLUE)]
    plays = {"GIF": 1, "WEBP": 2, "PNG": 2}  # GIF counts repeats
    options: dict[str, object] = {"lossless": True} if format_ == "WEBP" else {}
    return saved(
        frames[0],
        format_,
        save_all=True,
        append_images=frames[1:],
        duration=[100, 200, 300],
        loop=plays[format_],
        **options,
    )


def walking(width: int, height: int, format_: str) -> bytes:
    """Two frames: a red square of a tenth of the width at a fifth, then at three fifths, on grey."""
    side, top = width // 10, height // 2
    frames = [spotted(width, height, left, top, side) for left in (width // 5, width * 3 // 5)]
    options: dict[str, object] = {"lossless": True} if format_ == "WEBP" else {}
    return saved(frames[0], format_, save_all=True, append_images=frames[1:], duration=100, loop=0, **options)


def pages(width: int, height: int) -> bytes:
    """A TIFF of three pages: red, quadrants of half the size, and transparent green turned by its tag."""
    third = Image.new("RGBA", (height, width), (0, 255, 0, 0))
    third.paste((0, 255, 0, 255), (0, 0, height, width // 2))
    return tiff_pages(
        [Image.new("RGB", (width, height), RED), quadrants(width // 2, height // 2), third], turned_last=6
    )


def tiff_pages(images: list[Image.Image], turned_last: int) -> bytes:
    """The pictures as pages; the last one with an orientation."""
    body = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(body, new=True) as writer:
        for image in images:
            exif = Image.Exif()
            if image is images[-1]:
                exif[0x0112] = turned_last
            image.save(writer, format="TIFF", exif=exif)
            writer.newFrame()
    return body.getvalue()


def blinking(image: Image.Image) -> bytes:
    """A GIF of the picture and its negative."""
    return saved(image, "GIF", save_all=True, append_images=[ImageChops.invert(image)], duration=100, loop=0)


def keyed_grey16(width: int, height: int, left: int, right: int) -> bytes:
    """16-bit grey `left` beside `right`, of which `right` is transparent by tRNS."""
    samples = np.full((height, width), left, np.uint16)
    samples[:, width // 2 :] = right
    body = saved(Image.fromarray(samples))
    chunk = b"tRNS" + struct.pack(">H", right)
    at = body.index(b"IDAT") - 4
    return body[:at] + struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk)) + body[at:]


def keyed_palette(width: int, height: int) -> bytes:
    """A palette of red and green; green, on the right, is transparent by tRNS."""
    image = Image.new("P", (width, height), 0)
    image.putpalette([*RED, *GREEN])
    image.paste(1, (width // 2, 0, width, height))
    return saved(image, transparency=1)


def moving(width: int, height: int, format_: str) -> bytes:
    """A red diamond on nothing that walks from left to right in four steps of 100 ms, for ever."""
    frames, step = [], width // 4
    for number in range(4):
        frame, left = Image.new("RGBA", (width, height), (0, 0, 0, 0)), number * step
        middle = (left + step // 2, height // 2)
        corners = [(left, middle[1]), (middle[0], 0), (left + step - 1, middle[1]), (middle[0], height - 1)]
        ImageDraw.Draw(frame).polygon(corners, fill=(*RED, 255))
        frames.append(frame)
    own: dict[str, dict[str, object]] = {"GIF": {"disposal": 2}, "WEBP": {"lossless": True}, "PNG": {}}
    return saved(frames[0], format_, save_all=True, append_images=frames[1:], duration=100, loop=0, **own[format_])


def sticking_out(width: int, height: int) -> bytes:
    """A GIF of two frames, blue then red, whose second one is placed half a screen down and to the right."""
    body = bytearray(saved(Image.new("RGB", (width, height), BLUE), "GIF", save_all=True, loop=0, duration=100,
                           append_images=[Image.new("RGB", (width, height), RED)]))  # fmt: skip
    at = body.rindex(b"\x2c\0\0\0\0" + struct.pack("<HH", width, height))
    body[at + 1 : at + 5] = struct.pack("<HH", width // 2, height // 2)
    return bytes(body)


def _color(text: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(text))


SOURCES: dict[str, Callable[[int, int, list[str]], bytes]] = {
    "quadrants": lambda w, h, _: saved(quadrants(w, h)),
    "quadrants-jpeg": lambda w, h, _: saved(quadrants(w, h), "JPEG", quality=100, subsampling=0),
    "ramp": lambda w, h, _: saved(ramp(w, h)),
    "ramp-jpeg": lambda w, h, _: saved(ramp(w, h), "JPEG", quality=100, subsampling=0),
    "halves": lambda w, h, more: saved(halves(w, h, *map(int, more))),
    "framed": lambda w, h, _: saved(framed(w, h)),
    "framed-jpeg": lambda w, h, _: saved(framed(w, h), "JPEG", quality=95, subsampling=0),
    "framed-exif": lambda w, h, more: turned(framed(w, h), int(more[0])),
    "spotted": lambda w, h, more: saved(spotted(w, h, *map(int, more))),
    "spotted-gif": lambda w, h, more: blinking(spotted(w, h, *map(int, more))),
    "pages": lambda w, h, _: pages(w, h),
    "walking": lambda w, h, more: walking(w, h, more[0]),
    "lettered": lambda w, h, more: saved(lettered(w, h, *map(int, more))),
    "stripes": lambda w, h, _: saved(stripes(w, h)),
    "veiled": lambda w, h, _: saved(veiled(w, h)),
    "hidden": lambda w, h, _: saved(hidden(w, h)),
    "solid": lambda w, h, more: saved(Image.new("RGB" if len(more[0]) == 6 else "RGBA", (w, h), _color(more[0]))),
    "solid-jpeg": lambda w, h, more: saved(
        Image.new("RGB", (w, h), _color(more[0])), "JPEG", quality=100, subsampling=0
    ),
    "solid-p3": lambda w, h, more: saved(
        Image.new("RGB", (w, h), _color(more[0])), icc_profile=matrix_profile(P3_PRIMARIES, 2.2)
    ),
    "solid-linear": lambda w, h, more: saved(
        Image.new("RGB", (w, h), _color(more[0])), icc_profile=matrix_profile(SRGB_PRIMARIES, 1.0, "sRGB linear")
    ),
    "solid-cmyk": lambda w, h, more: saved(Image.new("CMYK", (w, h), _color(more[0])), "JPEG", quality=100),
    "solid-grey16": lambda w, h, more: saved(Image.fromarray(np.full((h, w), int(more[0]), np.uint16))),
    "keyed-grey16": lambda w, h, more: keyed_grey16(w, h, *map(int, more)),
    "solid-tiff": lambda w, h, more: saved(Image.new("RGB", (w, h), _color(more[0])), "TIFF"),
    "solid-bmp": lambda w, h, more: saved(Image.new("RGB", (w, h), _color(more[0])), "BMP"),
    "solid-ico": lambda w, h, more: saved(Image.new("RGBA", (w, h), _color(more[0])), "ICO", sizes=[(w, h)]),
    "solid-palette": lambda w, h, more: saved(Image.new("RGB", (w, h), _color(more[0])).quantize(4)),
    "exif": lambda w, h, more: turned(quadrants(w, h), int(more[0])),
    "exif-jpeg": lambda w, h, more: turned(quadrants(w, h), int(more[0]), "JPEG"),
    "exif-tiff": lambda w, h, more: turned(quadrants(w, h), int(more[0]), "TIFF"),
    "exif-webp": lambda w, h, more: turned(quadrants(w, h), int(more[0]), "WEBP"),
    "keyed-palette": lambda w, h, _: keyed_palette(w, h),
    "grey-jpeg": lambda w, h, more: saved(Image.new("L", (w, h), int(more[0])), "JPEG", quality=95),
    "moving": lambda w, h, more: moving(w, h, more[0]),
    "sticking-out": lambda w, h, _: sticking_out(w, h),
    "animation": lambda _w, _h, more: animation(more[0]),
}


def draw(text: str) -> bytes:
    """`name WxH [more]` as a file."""
    name, size, *more = text.split()
    width, height = map(int, size.split("x"))
    return SOURCES[name](width, height, more)
