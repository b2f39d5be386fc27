"""The small profile says sRGB, to two independent readers; CMYK goes out and comes back; wide colours become sRGB."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from domicile.imaging.color import ToSrgb, in_cmyk
from domicile.imaging.job import Done, MediaLimits, RenderJob
from domicile.imaging.pipeline import render
from domicile.imaging.profiles import tiny_srgb
from tests.corpus import require_corpus
from tests.pictures.synthetic import animation, ramp, saved, veiled

LIMITS = MediaLimits()


def made(body: bytes, transformation: str, extension: str | None) -> tuple[Done, Image.Image]:
    job = RenderJob(transformation=transformation, extension=extension, bucket="", limits=LIMITS)
    outcome, output = render(body, job)
    assert isinstance(outcome, Done), outcome
    image = Image.open(io.BytesIO(output))
    image.load()
    return outcome, image


def test_the_profile_is_small_valid_and_srgb() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(tiny_srgb()))
    assert len(tiny_srgb()) < 600
    assert ImageCms.getProfileDescription(profile).strip() == "sRGB"
    to_srgb = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    picture = ramp(256, 256)
    changed = ImageCms.applyTransform(picture, to_srgb)
    assert changed is not None
    assert np.abs(np.asarray(changed).astype(int) - np.asarray(picture)).max() <= 1
    assert ToSrgb(tiny_srgb()).is_identity


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
@pytest.mark.parametrize("source", ["opaque", "alpha", "animation"])
def test_tinysrgb_is_in_the_file_and_changes_no_pixel(source: str, extension: str) -> None:
    bodies = {"opaque": saved(ramp(64, 48)), "alpha": saved(veiled(64, 48)), "animation": animation("WEBP")}
    body = bodies[source]
    _, plain = made(body, "w_32", extension)
    _, tagged = made(body, "cs_tinysrgb,w_32", extension)
    assert tagged.info["icc_profile"] == tiny_srgb()
    assert "icc_profile" not in plain.info
    assert (tagged.mode, tagged.size, getattr(tagged, "n_frames", 1)) == (
        plain.mode, plain.size, getattr(plain, "n_frames", 1)
    )  # fmt: skip
    assert tagged.tobytes() == plain.tobytes()


@pytest.mark.parametrize("extension", ["avif", "gif"])
def test_other_formats_are_written_as_ever(extension: str) -> None:
    assert "icc_profile" not in made(saved(ramp(64, 48)), "cs_tinysrgb,w_32", extension)[1].info


def test_four_inks_give_the_same_colours_back() -> None:
    picture = ramp(256, 200)
    inks = in_cmyk(picture)
    assert inks.mode == "CMYK"
    assert np.asarray(inks)[:, :, :3].min(axis=2).max() == 0  # all grey is in black
    back = np.asarray(inks.convert("RGB")).astype(int)
    assert np.abs(back - np.asarray(picture)).max() <= 2


@pytest.mark.parametrize(
    ("transformation", "extension", "source", "mode"),
    [
        ("cs_cmyk,w_32", "jpg", "RGB", "CMYK"),
        ("cs_cmyk,w_32", "jpg", "RGBA", "CMYK"),
        ("cs_keep_cmyk,w_32", "jpg", "CMYK", "CMYK"),
        ("cs_keep_cmyk,w_32", "jpg", "RGB", "RGB"),
        ("cs_no_cmyk,w_32", "jpg", "CMYK", "RGB"),
        ("cs_srgb,w_32", "jpg", "CMYK", "RGB"),
        ("cs_cmyk/cs_srgb,w_32", "jpg", "RGB", "RGB"),
        ("cs_cmyk,w_32", "png", "RGB", "RGB"),
        ("cs_cmyk,fl_progressive,w_32", "jpg", "RGB", "CMYK"),
        ("cs_cmyk,q_auto,w_200,c_scale", "jpg", "RGB", "CMYK"),
    ],
)
def test_a_jpeg_is_in_cmyk_where_that_is_asked_for(transformation: str, extension: str, source: str, mode: str) -> None:
    picture = ramp(64, 48)
    body = saved(picture.convert(source), "JPEG" if source == "CMYK" else "PNG")
    _, image = made(body, transformation, extension)
    assert image.mode == mode
    shown = np.asarray(image.convert("RGB").resize((64, 48))).astype(int)
    assert np.abs(shown - np.asarray(picture)).mean() < 6


PATCHES = {
    "icc/adobergb_spider.jpg": "RGB",
    "icc/p3.png": "RGB",
    "icc/prophoto.jpg": "RGB",
    "icc/cmyk_icc.jpg": "CMYK",
}
"""File of the corpus, and the mode that its profile is of."""
MEAN_DIFFERENCE_MAX = 1.0


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(PATCHES))
def test_wide_colours_and_inks_become_the_srgb_that_their_profile_says(name: str) -> None:
    """Against LittleCMS called directly."""
    body = (require_corpus() / "media" / name).read_bytes()
    mode = PATCHES[name]
    with Image.open(io.BytesIO(body)) as opened:
        icc = opened.info["icc_profile"]
        stored = opened.convert(mode) if opened.mode != mode else opened.copy()
    converted = ImageCms.profileToProfile(
        stored, ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip
    assert converted is not None
    _, image = made(body, "", "png")
    found, expected = np.asarray(image.convert("RGB")).astype(int), np.asarray(converted).astype(int)
    assert np.abs(found - expected).mean() < MEAN_DIFFERENCE_MAX
    unmanaged = np.asarray(stored.convert("RGB")).astype(int)
    assert np.abs(unmanaged - expected).mean() > 2 * np.abs(found - expected).mean()
