"""What a film or a sound is, by its container alone: nothing of it is decoded.

Only parts of the file are here. Whatever else is needed is asked for, and the walk begins anew with it: it is short.
"""

from __future__ import annotations

import math
import struct

from domicile.imaging.containers.isofilm import read_iso
from domicile.imaging.containers.matroska import read_matroska
from domicile.imaging.containers.sound import read_mp3, read_wav
from domicile.imaging.containers.spans import Missing, Spans
from domicile.imaging.film_sniff import OLD_BEGINNINGS, container_of
from domicile.imaging.guarded import refusal
from domicile.imaging.job import Done, FilmParts, Outcome, Wants
from domicile.media.errors import MediaError, UndecodableMedia
from domicile.media.facts import SourceFacts
from domicile.media.film import Film

SNIFF_BYTES = 64
SOUND_BRANDS = frozenset({b"M4A ", b"M4B "})
SIDE_MAX = 2**16 - 1
SECONDS_MAX = 10_000_000.0
"""Four months."""


def probe_film(parts: memoryview, said: FilmParts) -> Outcome:
    """Facts of the file but for its MD5, the part that is missing, or Refused. Never raises for what the bytes are."""
    spans = Spans(parts, said.spans, said.file_bytes)
    try:
        name, width, height, film = _read(spans)
        if not (width <= SIDE_MAX and height <= SIDE_MAX and math.isfinite(film.duration)):
            raise UndecodableMedia("sizes that no film has")
        if not 0 <= film.duration <= SECONDS_MAX or not 0 <= film.frame_rate < SIDE_MAX:
            raise UndecodableMedia("times that no film has")
    except Missing as missing:
        return Wants(start=missing.start, end=missing.end)
    except MediaError as error:
        return refusal(error)
    except (struct.error, IndexError, OverflowError, ValueError):
        return refusal(UndecodableMedia("it ends where it should not"))
    facts = SourceFacts(
        format=name,
        width=width,
        height=height,
        frames=1,
        has_alpha=False,
        orientation=1,
        body_bytes=said.file_bytes,
        md5="",
        film=film,
    )
    return Done(source=facts, format=name, width=width, height=height)


def _read(spans: Spans) -> tuple[str, int, int, Film]:
    head = spans.read(0, SNIFF_BYTES)
    match container_of(head):
        case "iso":
            width, height, film = read_iso(spans)
            brand = head[8:12]
            if brand in SOUND_BRANDS or not film.video_codec:
                return "m4a", 0, 0, film
            return ("mov" if brand == b"qt  " or head[4:8] in OLD_BEGINNINGS else "mp4"), width, height, film
        case "matroska":
            return read_matroska(spans)
        case "wav":
            return "wav", 0, 0, read_wav(spans)
        case "mp3":
            return "mp3", 0, 0, read_mp3(spans)
        case _:
            raise UndecodableMedia("no film and no sound")
