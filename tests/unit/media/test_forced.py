"""Which names a policy redacts."""

from __future__ import annotations

import pytest

from domicile.media.faces import FACE_REDACTIONS
from domicile.media.forced import EFFECTS, ForcedRedaction, forced_effect

EVERYWHERE = ForcedRedaction(faces="pixelate")
PROFILES = ForcedRedaction(faces="blur", folders=("profiles", "team/public"))


def test_without_a_rule_nothing_is_forced() -> None:
    assert forced_effect(ForcedRedaction(), "profiles/jane", is_signed=False) == ""


def test_a_rule_without_folders_is_for_every_name() -> None:
    assert forced_effect(EVERYWHERE, "jane", is_signed=False) == "pixelate_faces"


@pytest.mark.parametrize(
    "public_id, effect",
    [
        ("profiles/jane", "blur_faces"),
        ("profiles/2026/jane", "blur_faces"),
        ("team/public/jane", "blur_faces"),
        ("team/jane", ""),
        ("profiles", ""),
        ("profiles2/jane", ""),
        ("old/profiles/jane", ""),
        ("Profiles/jane", ""),
    ],
)
def test_folders_are_cut_at_the_slash(public_id: str, effect: str) -> None:
    assert forced_effect(PROFILES, public_id, is_signed=False) == effect


def test_a_signature_counts_only_where_the_policy_says_so() -> None:
    assert forced_effect(EVERYWHERE, "jane", is_signed=True) == "pixelate_faces"
    open_to_signed = ForcedRedaction(faces="pixelate", except_signed=True)
    assert forced_effect(open_to_signed, "jane", is_signed=True) == ""
    assert forced_effect(open_to_signed, "jane", is_signed=False) == "pixelate_faces"


def test_what_a_policy_may_say_are_effects_that_hide_faces() -> None:
    assert set(EFFECTS.values()) == FACE_REDACTIONS
