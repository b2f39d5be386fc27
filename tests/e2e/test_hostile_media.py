"""Hostile files over HTTP: refused at upload, refused again when smuggled into the store; the server stays well."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from domicile.service.settings import MIB
from tests.corpus import CORPUS
from tests.e2e.canary import Canaries
from tests.e2e.smuggler import smuggle
from tests.e2e.stack import Stack

REFUSAL_SECONDS_MAX = 5.0
HANG_SECONDS_MAX = 20.0
DECODER_BYTES_MAX = 300 * MIB


def manifest() -> list[dict[str, str]]:
    if CORPUS is None:
        return []
    with (CORPUS / "media/MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["expect"] in {"refuse", "either"}]


ROWS = manifest()
REFUSED = [row for row in ROWS if row["expect"] == "refuse"]
HONEST = "photos/koala.png"
pytestmark = [
    pytest.mark.skipif(CORPUS is None, reason="the corpus is not beside this checkout: set DOMICILE_CORPUS"),
    pytest.mark.timeout(180),  # the installation is stopped and started again
]


@pytest.fixture(scope="module")
def good(stack: Stack, canaries: Canaries) -> str:
    from PIL import Image

    body = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(body, "PNG")
    stack.sdk().uploader.upload(io.BytesIO(body.getvalue()), public_id=(name := canaries.name()))
    return f"/demo/image/upload/c_scale,w_20/v1/{name}.png"


def upload(stack: Stack, file: Path, public_id: str) -> dict[str, Any] | Exception:
    import cloudinary.exceptions

    try:
        answer: dict[str, Any] = stack.sdk().uploader.upload(io.BytesIO(file.read_bytes()), public_id=public_id)
    except cloudinary.exceptions.Error as refused:
        return refused
    return answer


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_hostile_file_is_answered_clearly_and_soon(
    stack: Stack, good: str, corpus_media: Path, canaries: Canaries, row: dict[str, str]
) -> None:
    import cloudinary.exceptions

    name = canaries.name("hostile")
    started = time.monotonic()
    outcome = upload(stack, corpus_media / row["file"], name)
    seconds = time.monotonic() - started
    if row["expect"] == "refuse":
        assert isinstance(outcome, cloudinary.exceptions.BadRequest), outcome
        assert seconds < REFUSAL_SECONDS_MAX
        assert stack.get(f"/demo/image/upload/v1/{name}").status == 404
    else:
        assert isinstance(outcome, dict | cloudinary.exceptions.BadRequest), outcome
        assert seconds < HANG_SECONDS_MAX
        if isinstance(outcome, dict):
            reply = stack.get(f"/demo/image/upload/c_limit,w_64,h_64/v1/{name}.png")
            assert reply.status in {200, 400}
            assert reply.headers["content-type"].startswith("image/")
    assert stack.get(good).status == 200


@pytest.fixture(scope="module")
def smuggled(stack: Stack, good: str, canaries: Canaries) -> dict[str, str]:
    """File -> public_id of what must not be there: every file that an upload refuses, and an honest one as a control."""
    from tests.corpus import require_corpus

    media = require_corpus() / "media"
    names = {row["file"]: canaries.name("smuggled") for row in REFUSED}
    names[HONEST] = canaries.name("smuggled")
    stack.stop()
    assert stack.exit_code == 0, stack.log_tail()
    smuggle(stack, {name: (media / file).read_bytes() for file, name in names.items()})
    stack.start()
    return names


def decoders_peak_bytes(stack: Stack) -> int:
    """Most that any decoder of the edge or the origin ever held; the files of this module follow each other in them."""
    assert stack.process is not None
    peaks = [0]
    for child in psutil.Process(stack.process.pid).children(recursive=True):
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if child.name() == "decoder":
                status = Path(f"/proc/{child.pid}/status").read_text("ascii", "replace")
                peaks += [
                    int(kilobytes) * 1024 for kilobytes in re.findall(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
                ]
    return max(peaks)


def test_what_is_smuggled_past_the_checks_is_delivered_when_it_is_honest(
    stack: Stack, smuggled: dict[str, str]
) -> None:
    """The control: the refusals below are about the bytes."""
    assert stack.get(f"/demo/image/upload/c_scale,w_50/v1/{smuggled[HONEST]}.png").status == 200
    assert decoders_peak_bytes(stack) > MIB


@pytest.mark.parametrize("file", [row["file"] for row in REFUSED])
@pytest.mark.parametrize("shape", ["c_scale,w_50/v1/{}.jpg", "v1/{}"], ids=["rendition", "original"])
def test_a_hostile_file_that_was_smuggled_into_the_store_is_refused_at_delivery(
    stack: Stack, smuggled: dict[str, str], good: str, file: str, shape: str
) -> None:
    started = time.monotonic()
    reply = stack.get("/demo/image/upload/" + shape.format(smuggled[file]))
    seconds, peak = time.monotonic() - started, decoders_peak_bytes(stack)
    print(f"{file}: {reply.headers.get('x-cld-error')}, {seconds:.2f} s, decoders at most {peak / MIB:.0f} MiB")
    assert reply.status == 400
    assert reply.headers["x-cld-error"]
    assert reply.body == b""
    assert seconds < REFUSAL_SECONDS_MAX
    assert MIB < peak < DECODER_BYTES_MAX
    again = stack.get("/demo/image/upload/" + shape.format(smuggled[file]))
    assert again.status == 400  # remembered, not tried again
    assert stack.get(good).status == 200


def test_the_manifest_was_read_whole() -> None:
    assert sum(row["expect"] == "refuse" for row in ROWS) == 23
    assert sum(row["expect"] == "either" for row in ROWS) == 65
