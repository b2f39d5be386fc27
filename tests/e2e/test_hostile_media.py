"""Hostile files over HTTP: refused at upload, refused again when smuggled into the store; the server stays well."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import pytest

from tests.corpus import CORPUS
from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack

REFUSAL_SECONDS_MAX = 5.0
HANG_SECONDS_MAX = 20.0


def manifest() -> list[dict[str, str]]:
    if CORPUS is None:
        return []
    with (CORPUS / "media/MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["expect"] in {"refuse", "either"}]


ROWS = manifest()
pytestmark = pytest.mark.skipif(CORPUS is None, reason="the corpus is not beside this checkout: set DOMICILE_CORPUS")


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


def test_the_manifest_was_read_whole() -> None:
    assert sum(row["expect"] == "refuse" for row in ROWS) == 23
    assert sum(row["expect"] == "either" for row in ROWS) == 65
