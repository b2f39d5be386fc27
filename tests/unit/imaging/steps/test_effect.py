"""Every effect of the language is performed, in both modes."""

from __future__ import annotations

import numpy as np
import pytest

from domicile.imaging.steps.adjust import PIXELS_AT_A_TIME
from domicile.imaging.steps.effect import ADJUSTMENTS, BETWEEN, EFFECTS, effect
from domicile.media.halo import AROUND
from domicile.media.params.adjustment import BLENDS, LEVELS, MODES, OPENS_HOLES, PLAIN
from domicile.media.params.effect import STRENGTH_MAX
from domicile.media.redaction import REDACTIONS
from tests.pictures.stages import stage
from tests.pictures.synthetic import halves, quadrants, ramp, veiled


def test_the_language_and_the_steps_know_the_same_effects() -> None:
    assert set(EFFECTS) | REDACTIONS == set(STRENGTH_MAX)
    assert REDACTIONS.isdisjoint(EFFECTS)
    assert set(ADJUSTMENTS) | BETWEEN == set(LEVELS) | PLAIN - BLENDS
    assert not set(EFFECTS) & set(ADJUSTMENTS)
    assert set(MODES) | OPENS_HOLES <= set(LEVELS)


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_size_and_mode_stay_at_every_strength(name: str) -> None:
    strengths = [f"e_{name}"]
    if STRENGTH_MAX[name]:
        strengths += [f"e_{name}:1", f"e_{name}:{STRENGTH_MAX[name]}"]
    for text in strengths:
        for image in (quadrants(40, 20), veiled(40, 20), quadrants(2, 2)):
            done = effect(image, stage(text, image.size))
            assert (done.mode, done.size) == (image.mode, image.size)


@pytest.mark.parametrize("name", sorted(set(ADJUSTMENTS) - AROUND))
def test_size_stays_at_every_level_and_mode_unless_holes_open(name: str) -> None:
    texts = [f"e_{name}", *(f"e_{name}:{word}" for word in MODES.get(name, ()))]
    texts += [f"e_{name}:{level}" for level in LEVELS.get(name, ())]
    for text in texts:
        for image in (quadrants(40, 20), veiled(40, 20), quadrants(2, 2), veiled(2, 300)):
            done = effect(image, stage(text, image.size))
            assert (done.mode, done.size) == ("RGBA" if name in OPENS_HOLES else image.mode, image.size)


@pytest.mark.parametrize("name", sorted(set(ADJUSTMENTS) - AROUND - {"make_transparent", "opacity_threshold"}))
def test_transparency_stays_and_hidden_colours_do_not_come_out(name: str) -> None:
    image = veiled(40, 20)
    assert effect(image, stage(f"e_{name}", image.size)).getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize("name", ["auto_brightness", "auto_contrast", "auto_color", "improve", "tint"])
def test_what_is_hidden_does_not_count(name: str) -> None:
    seen, masked = halves(40, 20, 90, 120).crop((0, 0, 20, 20)), halves(40, 20, 90, 250).convert("RGBA")
    masked.paste((250, 250, 250, 0), (20, 0, 40, 20))
    text = f"e_{name}:equalize" if name == "tint" else f"e_{name}"
    alone, beside = effect(seen, stage(text, seen.size)), effect(masked, stage(text, masked.size))
    pixel = beside.getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert alone.getpixel((5, 5)) == pixel[:3]


@pytest.mark.parametrize("name", ["hue", "vignette"])
def test_strips_join_without_a_seam(name: str) -> None:
    wide = ramp(200, 200).resize((2000, 200))
    seam = PIXELS_AT_A_TIME // wide.width
    assert 20 < seam < 180
    done = np.asarray(effect(wide, stage(f"e_{name}:90", wide.size))).astype(int)
    if name == "hue":
        across = effect(wide.crop((0, seam - 10, 2000, seam + 10)), stage("e_hue:90", (2000, 20)))
        assert (done[seam - 10 : seam + 10] == np.asarray(across)).all()
    else:
        assert np.abs(np.diff(done[seam - 10 : seam + 10, 1000, 1])).max() <= 2
