"""Every effect of the language is performed, in both modes."""

from __future__ import annotations

import pytest

from domicile.imaging.steps.effect import EFFECTS, effect
from domicile.media.params.effect import STRENGTH_MAX
from domicile.media.redaction import REDACTIONS
from tests.pictures.stages import stage
from tests.pictures.synthetic import quadrants, veiled


def test_the_language_and_the_steps_know_the_same_effects() -> None:
    assert set(EFFECTS) | REDACTIONS == set(STRENGTH_MAX)
    assert REDACTIONS.isdisjoint(EFFECTS)


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_size_and_mode_stay_at_every_strength(name: str) -> None:
    strengths = [f"e_{name}"]
    if STRENGTH_MAX[name]:
        strengths += [f"e_{name}:1", f"e_{name}:{STRENGTH_MAX[name]}"]
    for text in strengths:
        for image in (quadrants(40, 20), veiled(40, 20), quadrants(2, 2)):
            done = effect(image, stage(text, image.size))
            assert (done.mode, done.size) == (image.mode, image.size)
