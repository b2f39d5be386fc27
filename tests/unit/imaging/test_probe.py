"""Facts of an upload, proved by decoding it; the corpus' verdict on each of its files."""

from __future__ import annotations

import hashlib
import multiprocessing
import resource
import time
from pathlib import Path

import pytest
from PIL import Image

from domicile.imaging.job import Done, MediaLimits, Outcome, ProbeJob, Refused, RenderJob
from domicile.imaging.pipeline import render
from domicile.imaging.probe import probe
from tests.corpus import require_corpus, rows
from tests.pictures.synthetic import animation, quadrants, saved

LIMITS = MediaLimits()
BOMB_SECONDS_MAX, BOMB_GROWTH_KB_MAX = 1.0, 100 * 1024
SECONDS_MAX = 5.0
VIDEO = (".mov", ".mp4", ".webm")
"""The corpus expects these to be stored as they are: not as images."""


def test_facts_name_the_bytes() -> None:
    body = saved(quadrants(40, 20), "JPEG")
    outcome = probe(body, ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Done)
    assert outcome.source.md5 == hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert outcome.source.body_bytes == len(body)
    assert (outcome.width, outcome.height, outcome.frames, outcome.format) == (40, 20, 1, "jpg")
    assert outcome.timings.decode > 0


def test_an_animation_is_counted() -> None:
    outcome = probe(animation("WEBP"), ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Done)
    assert (outcome.frames, outcome.source.loop) == (3, 2)


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xd8\xff", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", bytes(100)]
)
def test_a_beginning_is_not_a_picture(body: bytes) -> None:
    outcome = probe(body, ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Refused)
    assert outcome.code == "undecodable_media"


@pytest.mark.parametrize(
    ("format_", "at", "chunk"), [("PNG", 33, b"\0\0\0\0tExt\xbf\x77\x9e\xde"), ("WEBP", 12, b"JUNK\0\0\0\0")]
)
def test_a_file_that_is_all_chunks_is_refused_at_upload(format_: str, at: int, chunk: bytes) -> None:
    body = saved(quadrants(8, 8), format_)
    outcome = probe(body[:at] + chunk * (LIMITS.chunks_max + 1) + body[at:], ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Refused)
    assert outcome.code == "limit_exceeded"
    assert "chunks" in outcome.message


@pytest.mark.parametrize(
    ("format_", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("PNG", "I;16", {}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("JPEG", "RGB", {}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"progressive": True}),
    ],
)
def test_what_delivery_would_always_refuse_is_refused_at_upload(format_: str, mode: str, options: dict) -> None:
    """At every limit of memory the two agree: who gets in can be shown, small, and who cannot be shown stays out."""
    body = saved(Image.new(mode, (400, 300)), format_, **options)
    accepted = 0
    for kilobytes in range(1, 1500, 10):
        limits = MediaLimits(working_bytes_max=kilobytes * 1000)
        probed = probe(body, ProbeJob(limits=limits))
        job = RenderJob(transformation="c_limit,h_64,w_64", extension="png", bucket="", limits=limits)
        rendered, _ = render(body, job)
        assert type(probed) is type(rendered), (kilobytes, probed, rendered)
        accepted += isinstance(probed, Done)
    assert 0 < accepted < 150


def _measured(path: Path) -> tuple[Outcome, float, int]:
    body = path.read_bytes()
    probe(saved(quadrants(8, 8)), ProbeJob(limits=LIMITS))  # codecs loaded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    outcome = probe(body, ProbeJob(limits=LIMITS))
    return outcome, time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_file_of_the_corpus_gets_the_verdict_of_its_manifest() -> None:
    corpus = require_corpus()
    wrong: list[str] = []
    count = 0
    # A fresh process a file, so that each one's memory is its own.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "domicile.imaging.probe"])
    with context.Pool(2, maxtasksperchild=1) as pool:
        pending = [
            (row, pool.apply_async(_measured, (corpus / "media" / row["file"],))) for row in rows("media/MANIFEST.csv")
        ]
        for row, answer in pending:
            outcome, seconds, growth_kb = answer.get(timeout=60)
            count += 1
            wrong += [f"{row['file']}: {text}" for text in _complaints(row, outcome, seconds, growth_kb)]
    assert wrong == []
    assert count > 100


def _complaints(row: dict[str, str], outcome: Outcome, seconds: float, growth_kb: int) -> list[str]:
    found = [] if seconds <= SECONDS_MAX else [f"{seconds:.1f} s"]
    if row["file"].startswith("bombs/"):
        found += [] if seconds <= BOMB_SECONDS_MAX else [f"{seconds:.1f} s for a bomb"]
        found += [] if growth_kb <= BOMB_GROWTH_KB_MAX else [f"{growth_kb} KB for a bomb"]
    if isinstance(outcome, Refused):
        if row["expect"] == "ok" and not row["file"].endswith(VIDEO):
            found.append(f"refused: {outcome.message}")
        return found
    assert isinstance(outcome, Done)
    facts = outcome.source
    if row["expect"] == "refuse":
        found.append("accepted")
    if row["expect"] == "ok":
        shown = (int(row["display_width"]), int(row["display_height"]), int(row["frames"]))
        if (facts.width, facts.height, facts.frames) != shown:
            found.append(f"{facts.width}x{facts.height}, {facts.frames} frames")
        names = {"JPEG": "jpg"}
        if facts.format != names.get(row["format"], row["format"].lower()):
            found.append(f"format {facts.format}")
        if row["format"] != "WEBP" and facts.has_alpha != (row["mode"] in {"RGBA", "LA"} or "tRNS" in row["features"]):
            found.append(f"alpha {facts.has_alpha}")
        if row["exif_orientation"] in set("12345678") and facts.orientation != int(row["exif_orientation"]):
            found.append(f"orientation {facts.orientation}")
    return found


def test_faces_are_looked_for_when_that_is_asked_and_in_good_files_alone(monkeypatch) -> None:
    monkeypatch.setattr("domicile.imaging.analysis.look.boxes_of", lambda _source, _limits: ((1, 2, 3, 4),))
    body = saved(quadrants(40, 20), "JPEG")
    plain, looked = probe(body, ProbeJob(limits=LIMITS)), probe(body, ProbeJob(limits=LIMITS, wishes=("faces",)))
    assert isinstance(plain, Done)
    assert isinstance(looked, Done)
    assert (plain.analysis.faces, looked.analysis.faces) == (None, ((1, 2, 3, 4),))
    assert isinstance(probe(body[:200], ProbeJob(limits=LIMITS, wishes=("faces",))), Refused)
