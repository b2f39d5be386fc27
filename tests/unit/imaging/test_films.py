"""Films by their containers: what is told of them, how little of a file that takes, and what no bytes can make of it."""

from __future__ import annotations

import random

import pytest

from domicile.imaging.containers import isofilm, matroska
from domicile.imaging.containers.spans import LEAST_BYTES, TOGETHER_BYTES_MAX
from domicile.imaging.films import probe_film
from domicile.imaging.job import Done, FilmParts, Outcome, Refused, Wants
from domicile.media.facts import SourceFacts
from domicile.media.film import Film
from tests.corpus import require_corpus
from tests.pictures import films

ROUNDS_MAX = 16


def asked(file: bytes, *, file_bytes: int | None = None) -> tuple[Outcome, int, int]:
    """What it comes to, how many bytes were looked at, and how often more was wanted."""
    spans = [(0, min(LEAST_BYTES, len(file)))]
    for count in range(ROUNDS_MAX):
        parts = b"".join(file[start:end] for start, end in spans)
        said = probe_film(memoryview(parts), FilmParts(file_bytes=file_bytes or len(file), spans=tuple(spans)))
        if not isinstance(said, Wants):
            return said, len(parts), count
        assert 0 <= said.start < said.end <= (file_bytes or len(file))
        assert len(parts) + said.end - said.start <= TOGETHER_BYTES_MAX
        spans.append((said.start, said.end))
    raise AssertionError("it wants more and more")


def facts(file: bytes) -> SourceFacts:
    outcome, _, _ = asked(file)
    assert isinstance(outcome, Done), outcome
    return outcome.source


FILM = Film(duration=4.0, frame_rate=30.0, video_codec="h264", audio_codec="aac", channels=2, frequency=48000)
OPUS = Film(duration=10.0, frame_rate=25.0, video_codec="vp9", audio_codec="opus", channels=2, frequency=48000)


@pytest.mark.parametrize(
    ("name", "size", "film"),
    [
        ("mp4", (640, 360), FILM),
        ("mov", (640, 360), FILM),
        ("webm", (1280, 720), OPUS),
        ("mkv", (1280, 720), OPUS),
        ("m4a", (0, 0), Film(duration=2.5, audio_codec="aac", channels=2, frequency=48000)),
        ("wav", (0, 0), Film(duration=2.0, audio_codec="pcm", channels=2, frequency=8000)),
        ("mp3", (0, 0), Film(duration=1000 * 1152 / 44100, audio_codec="mp3", channels=2, frequency=44100)),
    ],
)
def test_each_container_says_what_is_in_it(name: str, size: tuple[int, int], film: Film) -> None:
    found = facts(films.ALL[name])
    assert (found.format, (found.width, found.height), found.film) == (name, size, film)
    assert found.body_bytes == len(films.ALL[name])


@pytest.mark.parametrize(
    ("name", "shown", "seconds"),
    [
        ("video/flower.mp4", ("mp4", 960, 540, 0, "h264", "aac"), 5.055),
        ("video/flower.webm", ("webm", 960, 540, 0, "vp8", "vorbis"), 5.059),
        ("video/bug_rot90.mp4", ("mp4", 360, 640, 90, "h264", ""), 6.767),
        ("exif/gps_video.mov", ("mov", 320, 568, 90, "h264", "aac"), 4.002),
    ],
)
def test_real_films_are_as_another_program_says(name: str, shown: tuple[object, ...], seconds: float) -> None:
    found = facts((require_corpus() / "media" / name).read_bytes())
    film = found.film
    assert film is not None
    assert (found.format, found.width, found.height, film.rotation, film.video_codec, film.audio_codec) == shown
    assert film.duration == pytest.approx(seconds, abs=0.001)


def test_a_turned_film_has_the_size_that_is_shown() -> None:
    found = facts(films.mp4(matrix=films.TURNED))
    assert (found.width, found.height) == (360, 640)
    assert found.film is not None
    assert found.film.rotation == 90


def test_of_a_large_film_little_is_looked_at_wherever_its_index_lies() -> None:
    for last, rounds in ((False, 0), (True, 2)):
        outcome, seen, count = asked(films.mp4(media=bytes(5_000_000), last=last))
        assert isinstance(outcome, Done)
        assert seen <= 3 * LEAST_BYTES
        assert count <= rounds
    outcome, seen, _ = asked(films.webm(ahead=films.element(0xEC, bytes(3_000_000))))
    assert isinstance(outcome, Done)
    assert seen <= 3 * LEAST_BYTES


def test_a_sound_without_a_table_is_as_long_as_its_bit_rate_says() -> None:
    film = facts(films.mp3(said=None)).film
    assert film is not None
    assert film.duration == pytest.approx(100 * 417 * 8 / 128_000)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"GIF89a" + bytes(100),
        films.box(b"ftyp", b"isom", bytes(4)),
        films.box(b"ftyp", b"isom", bytes(4)) + films.box(b"moov", bytes(5)),
        films.box(b"ftyp", b"isom", bytes(4)) + films.box(b"moov"),
        films.box(b"ftyp", b"isom", bytes(4)) + films.box(b"free") * (isofilm.TOP_BOXES_MAX + 1),
        films.box(b"ftyp", b"isom", bytes(4)) + films.box(b"moov", films.box(b"free") * (isofilm.BOXES_MAX + 1)),
        films.webm()[:100],
        films.element(0x1A45DFA3, b"") + films.element(0x18538067, films.element(0xEC, b"") * matroska.ELEMENTS_MAX),
        b"RIFF\0\0\0\0WAVE",
        b"ID3\4\0\0\0\0\0\0" + bytes(10_000),
    ],
)
def test_what_is_no_film_is_refused(file: bytes) -> None:
    assert isinstance(asked(file)[0], Refused)


def test_an_index_that_is_too_large_is_refused_before_it_is_read() -> None:
    head = films.box(b"ftyp", b"isom", bytes(4))
    size = isofilm.MOOV_BYTES_MAX + 9
    outcome, _, count = asked(head + size.to_bytes(4, "big") + b"moov" + bytes(100), file_bytes=len(head) + size)
    assert isinstance(outcome, Refused)
    assert (outcome.code, count) == ("limit_exceeded", 0)


@pytest.mark.parametrize("name", sorted(films.ALL))
def test_no_damage_makes_more_of_it_than_a_refusal(name: str) -> None:
    chance, whole = random.Random(name), films.ALL[name][:200_000]
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(min(len(broken), 900))] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
            )
        outcome, _, _ = asked(bytes(broken[: chance.randint(1, len(broken))]))
        assert isinstance(outcome, Done | Refused)
