"""Small films and sounds, box by box: what their containers say, with nothing in them that anybody could play."""

from __future__ import annotations

import struct

UPRIGHT = (1, 0, 0, 1)
TURNED = (0, 1, -1, 0)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def mp4(
    *, brand: bytes = b"isom", matrix: tuple[int, int, int, int] = UPRIGHT, media: bytes = bytes(100), last: bool = True
) -> bytes:
    """640x360, h264, 30 frames a second, 4 seconds, with stereo sound. `last`: its index comes behind its media."""
    index = box(b"moov", _mvhd(1000, 4000), _video(matrix), _sound())
    head = box(b"ftyp", brand, bytes(4), brand)
    return head + (box(b"mdat", media) + index if last else index + box(b"mdat", media))


def m4a() -> bytes:
    return box(b"ftyp", b"M4A ", bytes(4)) + box(b"moov", _mvhd(1000, 2500), _sound())


def _mvhd(scale: int, duration: int) -> bytes:
    return box(b"mvhd", bytes(12), struct.pack(">II", scale, duration), bytes(80))


def _video(matrix: tuple[int, int, int, int]) -> bytes:
    a, b, c, d = (value << 16 for value in matrix)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    entry = box(b"avc1", bytes(8), bytes(16), struct.pack(">HH", 640, 360), bytes(50))
    times = box(b"stts", bytes(4), struct.pack(">III", 1, 120, 1))
    return _track(b"vide", box(b"tkhd", bytes(40), turned, bytes(8)), entry, times, scale=30, duration=120)


def _sound() -> bytes:
    entry = box(b"mp4a", bytes(8), bytes(8), struct.pack(">HHHHI", 2, 16, 0, 0, 48000 << 16))
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    return _track(b"soun", box(b"tkhd", bytes(40), plain, bytes(8)), entry, b"", scale=48000, duration=120_000)


def _track(kind: bytes, head: bytes, entry: bytes, times: bytes, *, scale: int, duration: int) -> bytes:
    stbl = box(b"stbl", box(b"stsd", bytes(4), struct.pack(">I", 1), entry), times)
    mdhd = box(b"mdhd", bytes(12), struct.pack(">II", scale, duration), bytes(4))
    return box(b"trak", head, box(b"mdia", mdhd, box(b"hdlr", bytes(8), kind, bytes(13)), box(b"minf", stbl)))


def element(kind: int, body: bytes) -> bytes:
    name = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    return name + (len(body) | 1 << 56).to_bytes(8, "big") + body


def webm(*, kind: bytes = b"webm", ahead: bytes = b"") -> bytes:
    """1280x720, vp9, 25 frames a second, 10 seconds, with opus."""
    info = element(
        0x1549A966, element(0x2AD7B1, (1_000_000).to_bytes(3, "big")) + element(0x4489, struct.pack(">d", 1e4))
    )
    shown = element(0xE0, element(0xB0, (1280).to_bytes(2, "big")) + element(0xBA, (720).to_bytes(2, "big")))
    video = element(0x83, b"\1") + element(0x86, b"V_VP9") + element(0x23E383, (40_000_000).to_bytes(4, "big")) + shown
    heard = element(0xE1, element(0xB5, struct.pack(">f", 48000.0)) + element(0x9F, b"\2"))
    audio = element(0x83, b"\2") + element(0x86, b"A_OPUS") + heard
    tracks = element(0x1654AE6B, element(0xAE, video) + element(0xAE, audio))
    return element(0x1A45DFA3, element(0x4282, kind)) + element(
        0x18538067, ahead + info + tracks + element(0x1F43B675, bytes(50))
    )


def wav(seconds: int = 2) -> bytes:
    """Stereo, 16 bits, 8000 Hz."""
    data = bytes(32000 * seconds)
    described = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16)
    body = (
        b"WAVE" + b"LIST" + struct.pack("<I", 3) + b"abc\0" + described + b"data" + struct.pack("<I", len(data)) + data
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mp3(*, tag_bytes: int = 300_000, said: int | None = 1000) -> bytes:
    """MPEG 1 layer III, 128 kbit/s, 44100 Hz, stereo, behind a tag with a picture; `said`: frames by a table of contents."""
    size = bytes(tag_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    head = bytes((0xFF, 0xFB, 0x90, 0x00))
    first = head + bytes(32) + (b"Xing" + struct.pack(">II", 1, said) if said is not None else bytes(12))
    return b"ID3\4\0\0" + size + bytes(tag_bytes) + first + bytes(417 - len(first)) + (head + bytes(413)) * 99


ALL = {
    "mp4": mp4(),
    "mov": mp4(brand=b"qt  "),
    "webm": webm(),
    "mkv": webm(kind=b"matroska"),
    "m4a": m4a(),
    "wav": wav(),
    "mp3": mp3(),
}
