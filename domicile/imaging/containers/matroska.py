"""WebM and Matroska (RFC 8794, RFC 9559): the elements of a segment up to its tracks, and what they say.

element = id(1 to 4 bytes, with their marker) size(1 to 8 bytes, without) payload        all ones: to the end
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from domicile.imaging.containers.spans import Spans
from domicile.media.errors import LimitExceeded, UndecodableMedia
from domicile.media.film import Film

HEADER, SEGMENT, INFO, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
DOC_TYPE, SCALE, DURATION, ENTRY = 0x4282, 0x2AD7B1, 0x4489, 0xAE
KIND, CODEC, VIDEO, AUDIO, FRAME_NANOSECONDS = 0x83, 0x86, 0xE0, 0xE1, 0x23E383
WIDTH, HEIGHT, FREQUENCY, CHANNELS = 0xB0, 0xBA, 0xB5, 0x9F
PICTURES, SOUND = 1, 2
ELEMENTS_MAX = 200
"""In the segment, before its tracks: each may be one question more."""
PARTS_MAX = 2000
"""In one of the elements that are read."""
PART_BYTES_MAX = 4 * 1024 * 1024
HEAD_BYTES_MAX = 12
CODECS = {
    "V_VP8": "vp8", "V_VP9": "vp9", "V_AV1": "av1", "V_MPEG4/ISO/AVC": "h264", "V_MPEGH/ISO/HEVC": "hevc",
    "A_OPUS": "opus", "A_VORBIS": "vorbis", "A_AAC": "aac", "A_FLAC": "flac", "A_AC3": "ac3", "A_MPEG/L3": "mp3",
}  # fmt: skip


def read_matroska(spans: Spans) -> tuple[str, int, int, Film]:
    """Format, width, height (0 without pictures), and the rest. UndecodableMedia, LimitExceeded; Missing."""
    kind, at, end = _head(spans, 0)
    if kind != HEADER or end is None or end - at > PART_BYTES_MAX:
        raise UndecodableMedia("not Matroska")
    types = [data for name, data in _parts(spans.read(at, end)) if name == DOC_TYPE]
    name, at, segment_end = _head(spans, end)
    if name != SEGMENT:
        raise UndecodableMedia("it has no segment")
    info, tracks = _found(spans, at, segment_end or spans.file_bytes)
    width, height, film = _told(info, tracks)
    return ("webm" if types and types[0].rstrip(b"\0") == b"webm" else "mkv"), width, height, film


def _found(spans: Spans, at: int, end: int) -> tuple[bytes, bytes]:
    """Payloads of the first INFO and of TRACKS."""
    info: bytes | None = None
    tracks: bytes | None = None
    for _ in range(ELEMENTS_MAX):
        if at >= end or (info is not None and tracks is not None):
            break
        kind, start, stop = _head(spans, at)
        if stop is None:
            break  # a live stream: what describes it came before
        if kind in {INFO, TRACKS}:
            if stop - start > PART_BYTES_MAX:
                raise LimitExceeded(f"The description of a film has at most {PART_BYTES_MAX} bytes")
            payload = spans.read(start, stop)
            info, tracks = (payload, tracks) if kind == INFO else (info, payload)
        at = stop
    if tracks is None:
        raise UndecodableMedia("it has no tracks")
    return info or b"", tracks


def _told(info: bytes, tracks: bytes) -> tuple[int, int, Film]:
    said = dict(_parts(info))
    scale = _number(said.get(SCALE, b"")) or 1_000_000
    seconds = _real(said.get(DURATION, b"")) * scale / 1e9
    width = height = channels = frequency = 0
    frame_rate, video, audio = 0.0, "", ""
    for name, data in _parts(tracks):
        if name != ENTRY:
            continue
        entry = dict(_parts(data))
        kind, codec = _number(entry.get(KIND, b"")), entry.get(CODEC, b"").rstrip(b"\0").decode("ascii", "replace")
        if kind == PICTURES and not video:
            video, shown = _codec(codec), dict(_parts(entry.get(VIDEO, b"")))
            width, height = _number(shown.get(WIDTH, b"")), _number(shown.get(HEIGHT, b""))
            nanoseconds = _number(entry.get(FRAME_NANOSECONDS, b""))
            frame_rate = 1e9 / nanoseconds if nanoseconds else 0.0
        elif kind == SOUND and not audio:
            audio, heard = _codec(codec), dict(_parts(entry.get(AUDIO, b"")))
            channels, frequency = _number(heard.get(CHANNELS, b"\1")), int(_real(heard.get(FREQUENCY, b"")) or 8000)
    if not video and not audio:
        raise UndecodableMedia("no pictures and no sound in it")
    film = Film(
        duration=seconds,
        frame_rate=frame_rate,
        video_codec=video,
        audio_codec=audio,
        channels=channels,
        frequency=frequency,
    )
    return width, height, film


def _head(spans: Spans, at: int) -> tuple[int, int, int | None]:
    """Id, start and end of an element's payload; no end: its size is not known."""
    head = spans.read(at, at + HEAD_BYTES_MAX)
    kind, size, length = _read_head(head)
    start = at + length
    if size is None:
        return kind, start, None
    if start + size > spans.file_bytes:
        raise UndecodableMedia("an element is longer than the file")
    return kind, start, start + size


def _read_head(head: bytes) -> tuple[int, int | None, int]:
    """Id, size of the payload, length of both."""
    if not head or not head[0] & 0xF0:
        raise UndecodableMedia("an element without a name")
    first = 9 - head[0].bit_length()
    kind = int.from_bytes(head[:first], "big")
    if len(head) <= first or not head[first]:
        raise UndecodableMedia("an element without a size")
    second = 9 - head[first].bit_length()
    written = head[first : first + second]
    if len(written) < second:
        raise UndecodableMedia("an element without a size")
    mask = (1 << 7 * second) - 1
    size = int.from_bytes(written, "big") & mask
    return kind, None if size == mask else size, first + second


def _parts(view: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    for _ in range(PARTS_MAX):
        if at >= len(view):
            return
        kind, size, length = _read_head(view[at : at + HEAD_BYTES_MAX])
        if size is None or at + length + size > len(view):
            raise UndecodableMedia("an element is longer than what holds it")
        yield kind, view[at + length : at + length + size]
        at += length + size
    raise LimitExceeded("The description of a film has too many parts")


def _number(data: bytes) -> int:
    return int.from_bytes(data[:8], "big")


def _real(data: bytes) -> float:
    if len(data) in {4, 8}:
        (value,) = struct.unpack(">f" if len(data) == 4 else ">d", data)
        return float(value)
    return 0.0


def _codec(name: str) -> str:
    known = CODECS.get(name) or CODECS.get(name.split("/", 1)[0])
    return known or "".join(char for char in name.lower() if char.isascii() and char.isalnum())[:12]
