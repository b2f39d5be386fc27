"""May a decoder's reply be believed, and what does it mean? Hostile bytes may have taken the decoder over."""

from __future__ import annotations

import re
from typing import assert_never

from domicile.imaging.channel import Broken, Reply
from domicile.imaging.job import Done, Refused, Wants
from domicile.media.analysis import is_sane
from domicile.media.errors import BadTransformation, LimitExceeded, MediaError, UndecodableMedia
from domicile.media.film import Film

MESSAGE_LETTERS_MAX = 500
NAME = re.compile(r"[A-Za-z0-9;+]{0,12}")
"""A format, or a mode of Pillow's."""
ERROR = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""Name of an exception's class."""
WHERE = re.compile(r"([a-z0-9_]{1,40}/){0,3}[a-z0-9_]{1,40}\.py:[0-9]{1,5}|")
"""A place in our code: it goes to the log, which a decoder that was taken over must not write to."""
HEX = re.compile(r"([0-9a-f]{32})?")
NUMBER_MAX, SECONDS_MAX = 2**31, 3600
FILE_BYTES_MAX = 2**48
CONTENT_TYPES = frozenset(
    {
        *("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/tiff", "image/bmp"),
        *("image/x-icon", "image/vnd.microsoft.icon", "application/json", "image/svg+xml"),
    }
)
"""What a rendition may call itself: a decoder that hostile bytes have taken over must not write a header of its own."""
REFUSALS: dict[str, type[MediaError]] = {
    "undecodable_media": UndecodableMedia,
    "limit_exceeded": LimitExceeded,
    "bad_transformation": BadTransformation,
}


def label_of(reply: Reply) -> tuple[str, str]:
    match reply.outcome:
        case Done(format=name):
            return "done", name
        case Refused(code=code):
            return code, ""
        case Wants():
            return "done", ""
        case Broken():
            return "handler_failed", ""
        case _:
            assert_never(reply.outcome)


def is_plausible(outcome: Done | Refused | Wants | Broken) -> bool:
    """Known codes and types, short plain names, sane numbers: they end in headers, JSON, tables and metric labels."""
    match outcome:
        case Refused(code=code):
            return code in REFUSALS
        case Wants(start=start, end=end):
            return 0 <= start < end <= FILE_BYTES_MAX
        case Done(source=facts, timings=timings):
            numbers = (outcome.width, outcome.height, outcome.frames, facts.width, facts.height, facts.frames)
            seconds = (timings.decode, timings.transform, timings.encode)
            return (
                (not outcome.content_type or outcome.content_type in CONTENT_TYPES)
                and all(NAME.fullmatch(name) for name in (outcome.format, facts.format, facts.mode))
                and HEX.fullmatch(facts.md5) is not None
                and all(0 <= number <= NUMBER_MAX for number in (*numbers, facts.loop or 0))
                and 0 <= facts.body_bytes <= FILE_BYTES_MAX
                and (facts.film is None or _is_plausible_film(facts.film))
                and 1 <= facts.orientation <= 8
                and is_sane(outcome.analysis)
                and all(0 <= second <= SECONDS_MAX for second in seconds)
            )
        case Broken(error=error, where=where):
            return bool(ERROR.fullmatch(error) and WHERE.fullmatch(where))
        case _:
            assert_never(outcome)


def _is_plausible_film(film: Film) -> bool:
    numbers = (film.duration, film.frame_rate, film.channels, film.frequency, film.rotation)
    return all(NAME.fullmatch(name) for name in (film.video_codec, film.audio_codec)) and all(
        0 <= number <= NUMBER_MAX for number in numbers
    )


def done_of(reply: Reply) -> Done:
    """Raises what a refusal means."""
    match reply.outcome:
        case Done():
            return reply.outcome
        case Refused(code=code, message=message):
            raise REFUSALS[code](_printable(message))
        case Wants():
            raise UndecodableMedia("Invalid image file")  # nobody asks for more of a picture
        case Broken():
            raise AssertionError("a broken handler ends its process: see DecoderPool._checked")
        case _:
            assert_never(reply.outcome)


def _printable(message: str) -> str:
    """At most a header's worth, with nothing in it that could end the header."""
    return "".join(letter if letter.isprintable() else "?" for letter in message[:MESSAGE_LETTERS_MAX])
