"""PDF files for tests, written by hand: pages with coloured quarters, and hostile ones."""

from __future__ import annotations

import zlib

from PIL import Image

from tests.pictures.synthetic import saved

QUARTERS = b"1 0 0 rg 0 50 100 50 re f 0 1 0 rg 100 50 100 50 re f 0 0 1 rg 0 0 100 50 re f 1 1 0 rg 100 0 100 50 re f"


def pdf(*pages: tuple[str, bytes], extra: str = "", more: tuple[bytes, ...] = ()) -> bytes:
    """A document of (entries of the page, its content). `extra` stands in the catalogue; `more` are further objects."""
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{extra}>>".encode(),
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode(),
    ]
    for number, (entries, content) in enumerate(pages):
        objects.append(f"<</Type/Page/Parent 2 0 R/Contents {4 + 2 * number} 0 R{entries}>>".encode())
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    body, places = b"%PDF-1.7\n", []
    for number, text in enumerate((*objects, *more), start=1):
        places.append(len(body))
        body += b"%d 0 obj" % number + text + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    info = b"/Info<</Author(Somebody)/Title(Secret)>>"
    trailer = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF"
    return body + trailer % (len(places) + 1, table, len(places) + 1, info, len(body))


BOX = "/MediaBox[0 0 200 100]"
TWO_PAGES = pdf((BOX, QUARTERS), ("/MediaBox[0 0 100 200]/Rotate 90", b"1 0 0 rg 0 0 100 100 re f"))


def with_picture(image: Image.Image, **options: object) -> bytes:
    """A page that shows the picture, a pixel a point."""
    jpeg = saved(image.convert("RGB"), "JPEG", quality=95, **options)
    width, height = image.size
    stream = (
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode"
    )
    stream = stream % (width, height) + b"/Length %d>>stream\n" % len(jpeg) + jpeg + b"\nendstream"
    page = f"/MediaBox[0 0 {width} {height}]/Resources<</XObject<</I 5 0 R>>>>"
    return pdf((page, b"%d 0 0 %d 0 0 cm /I Do" % (width, height)), more=(stream,))


def pdf_with_gps() -> bytes:
    """A page with a photograph that says where it was taken."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return with_picture(Image.new("RGB", (64, 48), (200, 80, 60)), exif=exif.tobytes())


def _flate(data: bytes) -> bytes:
    packed = zlib.compress(data, 9)
    return b"<</Filter/FlateDecode/Length %d>>stream\n" % len(packed) + packed + b"\nendstream"


HUGE_PAGE = pdf(("/MediaBox[0 0 1000000 1000000]", b""))
MANY_PAGES = pdf(*[(BOX, b"")] * 1001)
LOOPED_TREE = pdf((BOX, b"")).replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]")
ITSELF = pdf(
    (BOX + "/Resources<</XObject<</A 5 0 R>>>>", b"/A Do"),
    more=(
        b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 5 0 R>>>>/Length 5>>stream\n/A Do\nendstream",
    ),
)
SCRIPT = pdf((BOX, QUARTERS), extra="/OpenAction<</S/JavaScript/JS(app.alert\\(1\\);while\\(1\\);)>>")
REMOTE = pdf((BOX + "/AA<</O<</S/URI/URI(http://127.0.0.1:1/)>>>>", QUARTERS))


def deflate_bomb(mebibytes: int) -> bytes:
    """A page whose content inflates to that much."""
    body = pdf((BOX + "/Resources<<>>", b""), more=(_flate(b"0 0 m " * (mebibytes * 1024 * 1024 // 6)),))
    return body.replace(b"/Contents 4 0 R", b"/Contents 5 0 R")
