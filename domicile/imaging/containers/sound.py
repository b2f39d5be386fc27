"""WAV and MP3: how long they are, by what their heads say.

RIFF size WAVE *(name(4) size(4, little-endian) payload, even)        fmt = format channels rate bytes-a-second …, data
[ID3v2 tag] *frame                                                    frame = sync(11) version layer … bit-rate rate …
"""

from __future__ import annotations

import struct

from domicile.imaging.containers.spans import Spans
from domicile.media.errors import UndecodableMedia
from domicile.media.film import Film

CHUNKS_MAX = 100
SEARCHED_BYTES = 8 * 1024
"""For the first frame behind a tag, which may be padded."""
WAV_CODECS = {1: "pcm", 3: "pcmfloat", 6: "alaw", 7: "ulaw", 0x55: "mp3", 0xFFFE: "pcm"}
UNKNOWN_SIZES = frozenset({0, 0xFFFFFFFF})
"""Of a `data` that was written before it was known."""

BIT_RATES = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Layer III, thousands of bits a second; version 2.5 has those of 2."""
RATES = {0b11: (44100, 48000, 32000), 0b10: (22050, 24000, 16000), 0b00: (11025, 12000, 8000)}
MPEG_1 = 0b11
LAYER_3 = 0b01
MONO = 0b11
TRAILER_BYTES = 128
"""An ID3v1 tag."""


def read_wav(spans: Spans) -> Film:
    """UndecodableMedia; Missing."""
    at, described = 12, b""
    for _ in range(CHUNKS_MAX):
        head = spans.read(at, at + 8)
        if len(head) < 8:
            break
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"fmt ":
            described = spans.read(at + 8, at + 8 + min(size, 16))
        elif head[:4] == b"data":
            left = spans.file_bytes - at - 8
            return _wav(described, left if size in UNKNOWN_SIZES else min(size, left))
        at += 8 + size + size % 2
    raise UndecodableMedia("it has no sound in it")


def _wav(described: bytes, data_bytes: int) -> Film:
    if len(described) < 16:
        raise UndecodableMedia("it does not say what its sound is")
    kind, channels, rate, bytes_a_second = struct.unpack_from("<HHII", described)
    if not channels or not rate or not bytes_a_second:
        raise UndecodableMedia("it does not say what its sound is")
    return Film(
        duration=data_bytes / bytes_a_second,
        audio_codec=WAV_CODECS.get(kind, "unknown"),
        channels=channels,
        frequency=rate,
    )


def is_frame(head: bytes) -> bool:
    """Do these 4 bytes begin a frame of layer III?"""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, bit_rate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version in RATES and layer == LAYER_3 and 0 < bit_rate < 15 and rate < 3


def read_mp3(spans: Spans) -> Film:
    """UndecodableMedia; Missing."""
    head, start = spans.read(0, 10), 0
    if head[:3] == b"ID3" and len(head) == 10:
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        start = 10 + size + (10 if head[5] & 0x10 else 0)
    near = spans.read(start, start + SEARCHED_BYTES)
    offset = next((at for at in range(max(0, len(near) - 4)) if is_frame(near[at : at + 4])), None)
    if offset is None:
        raise UndecodableMedia("it has no sound in it")
    return _mp3(near[offset:], spans.file_bytes - start - offset, spans)


def _mp3(frame: bytes, left: int, spans: Spans) -> Film:
    version = frame[1] >> 3 & 3
    kilobits = BIT_RATES[1 if version == MPEG_1 else 2][frame[2] >> 4]
    rate = RATES[version][frame[2] >> 2 & 3]
    is_mono = frame[3] >> 6 == MONO
    samples = 1152 if version == MPEG_1 else 576
    side = (17 if is_mono else 32) if version == MPEG_1 else (9 if is_mono else 17)
    frames = _frames_said(frame, 4 + side)
    if frames:
        seconds = frames * samples / rate
    else:
        if spans.read(spans.file_bytes - TRAILER_BYTES, spans.file_bytes)[:3] == b"TAG":
            left -= TRAILER_BYTES
        seconds = left * 8 / (kilobits * 1000)
    return Film(duration=seconds, audio_codec="mp3", channels=1 if is_mono else 2, frequency=rate)


def _frames_said(frame: bytes, at: int) -> int:
    """By a first frame that holds no sound but a table of contents; 0: there is none."""
    if frame[at : at + 4] in {b"Xing", b"Info"} and frame[at + 7 : at + 8] and frame[at + 7] & 1:
        return int.from_bytes(frame[at + 8 : at + 12], "big")
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big")
    return 0
