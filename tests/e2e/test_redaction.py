"""A policy says "profiles: faces pixelated": nobody gets a face, whatever the URL, the cache or the signature.

The proof looks at pixels: where a face is, its fine structure is gone.
"""

from __future__ import annotations

import io
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack, is_first
from tests.pictures.people import CLEAR, Face

PHOTO = "kodim04_woman_hat.png"
LIKENESS_MAX = 0.4
"""Correlation of fine structure: above 0.8 for any rendition of the same face, below 0.25 for a mosaic of it."""
SECONDS_MAX = 30

pytestmark = pytest.mark.timeout(180)


def fine(body: bytes, face: Face) -> np.ndarray:
    """What is finer than a cell would be, inside the face, of a picture scaled to the size it was uploaded in."""
    image = Image.open(io.BytesIO(body)).convert("L").resize((512, 768))
    fine = np.asarray(image, dtype=float) - np.asarray(image.filter(ImageFilter.GaussianBlur(8)), dtype=float)
    return fine[face.top : face.bottom, face.left : face.right].ravel()


def hides(body: bytes, clear: bytes) -> bool:
    """Does it have nothing to do with the clear picture in that, for every face?"""
    return all(abs(np.corrcoef(fine(body, face), fine(clear, face))[0, 1]) < LIKENESS_MAX for face in CLEAR[PHOTO])


def set_policy(stack: Stack, *lines: str) -> None:
    """Write the table, and have the origin read it."""
    file = stack.data / "policies" / "demo.toml"
    head = file.read_text("utf-8").split("[redaction]\n")[0]
    file.write_text(head + "\n".join(["[redaction]", *lines, ""]) if lines else head, "utf-8")
    (origin,) = (pid for pid in stack.processes("origin") if is_first(pid))
    os.kill(origin, signal.SIGHUP)


def until(stack: Stack, path: str, clear: bytes, *, hidden: bool) -> bytes:
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        reply = stack.get(path)
        if reply.status == 200 and hides(reply.body, clear) is hidden:
            return reply.body
        assert time.monotonic() < deadline, stack.log_tail()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def names(stack: Stack, canaries: Canaries) -> tuple[str, str]:
    """One picture in the folder that is redacted, the same one outside."""
    from tests.corpus import require_corpus

    body = (require_corpus() / "media" / "photos" / PHOTO).read_bytes()
    inside, outside = f"profiles/{canaries.name()}", canaries.name()
    uploader = stack.sdk().uploader
    for name in (inside, outside):
        uploader.upload(io.BytesIO(body), public_id=name)
        uploader.upload(io.BytesIO(body), public_id=name, type="authenticated")
    return inside, outside


def test_a_policy_redacts_a_folder_from_then_on_and_no_url_shows_a_face(stack: Stack, names: tuple[str, str]) -> None:
    inside, outside = names
    place = "/demo/image/upload"
    clear = stack.get(f"{place}/v1/{inside}.png").body
    scaled = f"{place}/c_scale,w_500/v1/{inside}.png"
    assert not hides(stack.get(scaled).body, clear)
    assert stack.get(scaled).cache == "hit"

    set_policy(stack, 'faces = "pixelate"', 'folders = ["profiles"]')
    until(stack, scaled, clear, hidden=True)
    shown = {}
    for transformation in ("", "f_webp/", "q_100/", "a_ignore/", "e_sharpen:500/", "c_crop,h_768,w_512,x_0,y_0/"):
        for ending in (".png", ".jpg"):
            reply = stack.get(f"{place}/{transformation}v1/{inside}{ending}")
            assert reply.status == 200, reply
            shown[transformation + ending] = hides(reply.body, clear)
    signed = stack.path_of(
        stack.sdk().utils.cloudinary_url(inside, type="authenticated", sign_url=True, format="png")[0]
    )
    shown["signed"] = hides(stack.get(signed).body, clear)
    assert [what for what, is_hidden in shown.items() if not is_hidden] == []
    assert not hides(stack.get(f"{place}/v1/{outside}.png").body, clear), "another folder is as before"


def test_a_face_is_hidden_in_a_picture_that_is_laid_over_another(
    stack: Stack, names: tuple[str, str], canaries: Canaries
) -> None:
    """By its own name: what it is laid over is in no folder that is redacted."""
    inside, outside = names
    canvas = canaries.name()
    white = io.BytesIO()
    Image.new("RGB", (512, 768), "white").save(white, "PNG")
    stack.sdk().uploader.upload(white.getvalue(), public_id=canvas)
    set_policy(stack, 'faces = "pixelate"', 'folders = ["profiles"]')
    clear = stack.get(f"/demo/image/upload/v1/{outside}.png").body
    over = "/demo/image/upload/l_{}/v1/{}.png"
    until(stack, over.format(inside.replace("/", ":"), canvas), clear, hidden=True)
    assert not hides(stack.get(over.format(outside, canvas)).body, clear)
    shown = {
        where: hides(stack.get(path).body, clear)
        for where, path in {
            "sharpened": f"/demo/image/upload/l_{inside.replace('/', ':')}/e_sharpen:500/fl_layer_apply/v1/{canvas}.png",
            "over another face": over.format(inside.replace("/", ":"), outside),
            "over itself": over.format(inside.replace("/", ":"), inside),
        }.items()
    }
    assert [where for where, is_hidden in shown.items() if not is_hidden] == []


def test_signed_urls_may_be_excepted_and_the_end_of_a_rule_is_the_end_of_it(
    stack: Stack, names: tuple[str, str]
) -> None:
    inside, _ = names
    path = f"/demo/image/upload/c_scale,w_490/v1/{inside}.png"
    set_policy(stack)
    deadline = time.monotonic() + SECONDS_MAX
    clear = b""
    while time.monotonic() < deadline:
        reply = stack.get(f"/demo/image/upload/v1/{names[1]}.png")
        clear = reply.body
        if reply.status == 200:
            break
    until(stack, path, clear, hidden=False)
    set_policy(stack, 'faces = "blur"', "except_signed = true")
    until(stack, path, clear, hidden=True)
    signed = stack.path_of(
        stack.sdk().utils.cloudinary_url(inside, type="authenticated", sign_url=True, format="png")[0]
    )
    reply = stack.get(signed)
    assert reply.status == 200
    assert not hides(reply.body, clear)
