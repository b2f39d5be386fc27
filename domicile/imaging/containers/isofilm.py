"""MP4, MOV and M4A (ISO/IEC 14496-12): a walk to `moov`, and what its tracks say of themselves.

box  = size(4) type(4) [largesize(8)] payload        size 1: largesize counts, size 0: to the end
moov = mvhd (time) *trak                              trak = tkhd (size, turn) mdia(mdhd (time) hdlr (kind) minf(stbl(stsd stts)))
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from domicile.imaging.containers.spans import Spans
from domicile.media.errors import LimitExceeded, UndecodableMedia
from domicile.media.film import Film

TOP_BOXES_MAX = 64
"""Before `moov`: each may be one question more."""
MOOV_BYTES_MAX = 24 * 1024 * 1024
"""Hours of film have a few."""
BOXES_MAX = 5000
"""In one `moov`."""
TRACKS_MAX = 100
INSIDE = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
CODECS = {
    b"avc1": "h264", b"avc3": "h264", b"hvc1": "hevc", b"hev1": "hevc", b"vp08": "vp8", b"vp09": "vp9", b"av01": "av1",
    b"mp4v": "mpeg4", b"mp4a": "aac", b"ac-3": "ac3", b"ec-3": "eac3", b"Opus": "opus", b"alac": "alac", b"fLaC": "flac",
    b".mp3": "mp3", b"apcn": "prores", b"apch": "prores", b"apcs": "prores", b"apco": "prores", b"ap4h": "prores",
    b"jpeg": "mjpeg",
}  # fmt: skip
TURNS = {(0, 1, -1, 0): 90, (-1, 0, 0, -1): 180, (0, -1, 1, 0): 270}
"""Signs of the matrix's a, b, c, d."""
ONE = 1 << 16
"""In 16.16 fixed point."""


class _Track:
    """What was found of one so far."""

    def __init__(self) -> None:
        self.kind = b""
        self.codec = b""
        self.size = (0, 0)
        self.rotation = 0
        self.seconds = 0.0
        self.samples = 0
        self.channels = 0
        self.frequency = 0


def read_iso(spans: Spans) -> tuple[int, int, Film]:
    """Width and height as shown (0 without pictures), and the rest. UndecodableMedia, LimitExceeded; Missing."""
    moov = _moov(spans)
    tracks, seconds = _tracks(moov)
    films = [track for track in tracks if track.kind == b"vide"]
    sounds = [track for track in tracks if track.kind == b"soun"]
    if not films and not sounds:
        raise UndecodableMedia("no pictures and no sound in it")
    film = films[0] if films else _Track()
    sound = sounds[0] if sounds else _Track()
    seconds = seconds or max(track.seconds for track in (*films, *sounds))
    width, height = film.size if film.rotation % 180 == 0 else film.size[::-1]
    return (
        width,
        height,
        Film(
            duration=seconds,
            frame_rate=film.samples / film.seconds if film.seconds else 0.0,
            video_codec=_codec(film.codec),
            audio_codec=_codec(sound.codec),
            channels=sound.channels,
            frequency=sound.frequency,
            rotation=film.rotation,
        ),
    )


def _moov(spans: Spans) -> bytes:
    at = 0
    for _ in range(TOP_BOXES_MAX):
        head = spans.read(at, at + 16)
        if len(head) < 8:
            break
        size, start = int.from_bytes(head[:4], "big"), at + 8
        if size == 1 and len(head) == 16:
            size, start = int.from_bytes(head[8:], "big"), at + 16
        end = at + size if size else spans.file_bytes
        if end < start or end > spans.file_bytes:
            raise UndecodableMedia("a box is longer than the file")
        if head[4:8] == b"moov":
            if end - start > MOOV_BYTES_MAX:
                raise LimitExceeded(f"The index of a film has at most {MOOV_BYTES_MAX} bytes")
            return spans.read(start, end)
        at = end
    raise UndecodableMedia("it has no index")


def _boxes(view: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start + 8 <= end:
        size, kind, data = int.from_bytes(view[start : start + 4], "big"), view[start + 4 : start + 8], start + 8
        if size == 1:
            size, data = int.from_bytes(view[start + 8 : start + 16], "big"), start + 16
        stop = start + size if size else end
        if stop < data or stop > end:
            raise UndecodableMedia("a box is longer than what holds it")
        yield kind, data, stop
        start = stop


def _tracks(moov: bytes) -> tuple[list[_Track], float]:
    """All of them, and how long they say together that it is."""
    tracks: list[_Track] = []
    seconds, count = 0.0, 0
    waiting = [(0, len(moov), 0)]
    while waiting:
        start, end, depth = waiting.pop()
        for kind, at, stop in _boxes(moov, start, end):
            count += 1
            if count > BOXES_MAX or len(tracks) > TRACKS_MAX:
                raise LimitExceeded("The index of a film has too many boxes")
            if depth == 0 and kind == b"mvhd":
                seconds = _seconds(moov, at)
            if depth == 0 and kind == b"trak":
                tracks.append(_track(moov, at, stop))
    return tracks, seconds


def _track(moov: bytes, start: int, end: int) -> _Track:
    track, waiting, count = _Track(), [(start, end)], 0
    while waiting:
        for kind, at, stop in _boxes(moov, *waiting.pop()):
            count += 1
            if count > BOXES_MAX:
                raise LimitExceeded("The index of a film has too many boxes")
            if kind in INSIDE:
                waiting.append((at, stop))
            elif kind == b"tkhd":
                track.rotation = _rotation(moov, at)
            elif kind == b"mdhd":
                track.seconds = _seconds(moov, at)
            elif kind == b"hdlr":
                track.kind = track.kind or moov[at + 8 : at + 12]
            elif kind == b"stsd":
                _describe(track, moov[at:stop])
            elif kind == b"stts":
                track.samples = sum(
                    moov_count for moov_count, _ in struct.iter_unpack(">II", _whole(moov[at + 8 : stop]))
                )
    return track


def _whole(pairs: bytes) -> bytes:
    return pairs[: len(pairs) // 8 * 8]


def _seconds(view: bytes, at: int) -> float:
    """Of `mvhd` and `mdhd`, which begin alike."""
    if view[at] == 1:
        scale, duration = struct.unpack_from(">IQ", view, at + 20)
        unknown = 2**64 - 1
    else:
        scale, duration = struct.unpack_from(">II", view, at + 12)
        unknown = 2**32 - 1
    return duration / scale if scale and duration != unknown else 0.0


def _rotation(view: bytes, at: int) -> int:
    matrix = at + (52 if view[at] == 1 else 40)
    a, b, _, c, d = struct.unpack_from(">5i", view, matrix)
    return TURNS.get((round(a / ONE), round(b / ONE), round(c / ONE), round(d / ONE)), 0)


def _describe(track: _Track, stsd: bytes) -> None:
    """The first entry: size(4) type(4) reserved(6) index(2), then what its kind of track has."""
    track.codec = stsd[12:16]
    if track.kind == b"soun":
        track.channels, _, _, _, rate = struct.unpack_from(">HHHHI", stsd, 32)
        track.frequency = rate >> 16
    else:
        track.size = struct.unpack_from(">HH", stsd, 40)


def _codec(name: bytes) -> str:
    plain = "".join(chr(byte) for byte in name if chr(byte).isascii() and chr(byte).isalnum())
    return CODECS.get(name, plain.lower())
