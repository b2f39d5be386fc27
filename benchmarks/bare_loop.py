"""A loop over a bare library, without a server: `python bare_loop.py pillow|libvips`.

Takes lines of FILE, WIDTH, EXTENSION and QUALITY, with tabs between; answers with eight bytes of length and the rendition.
It runs in the environment of its library, so it imports nothing of ours.
"""

from __future__ import annotations

import io
import sys

ANIMATED = (".gif",)


def pillow(file: str, width: int, extension: str, quality: int) -> bytes:
    """What a script would do: draft, LANCZOS, save."""
    from PIL import Image, ImageSequence

    out = io.BytesIO()
    options = {"jpg": {}, "webp": {"method": 4}, "avif": {"speed": 9}}[extension]
    kind = {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF"}[extension]
    with Image.open(file) as picture:
        size = width, max(1, round(picture.height * width / picture.width))
        if file.endswith(ANIMATED):
            frames = [frame.convert("RGBA").resize(size, Image.LANCZOS) for frame in ImageSequence.Iterator(picture)]
            options |= {"save_all": True, "append_images": frames[1:], "duration": picture.info["duration"], "loop": 0}
        else:
            picture.draft("RGB", (size[0] * 2, size[1] * 2))
            frames = [picture.resize(size, Image.LANCZOS)]
        frames[0].save(out, kind, quality=quality, **options)
    return out.getvalue()


def libvips(file: str, width: int, extension: str, quality: int) -> bytes:
    import pyvips

    pyvips.cache_set_max(0)
    picture = pyvips.Image.thumbnail(
        file + ("[n=-1]" if file.endswith(ANIMATED) else ""), width, size="down", height=10**6
    )
    options = {"avif": {"effort": 1}}.get(extension, {})
    return picture.write_to_buffer(f".{extension}", Q=quality, keep="none", **options)


def main() -> None:
    engine = {"pillow": pillow, "libvips": libvips}[sys.argv[1]]
    for line in sys.stdin:
        file, width, extension, quality = line.rstrip("\n").split("\t")
        body = engine(file, int(width), extension, int(quality))
        sys.stdout.buffer.write(len(body).to_bytes(8, "big") + body)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
