"""One small file a step; a step takes a picture and a stage and gives a picture. The list is the documentation."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from domicile.imaging.steps.background import background
from domicile.imaging.steps.border import border
from domicile.imaging.steps.corners import corners
from domicile.imaging.steps.effect import effect
from domicile.imaging.steps.look import look
from domicile.imaging.steps.opacity import opacity
from domicile.imaging.steps.pad import pad
from domicile.imaging.steps.redact import redact
from domicile.imaging.steps.reframe import reframe
from domicile.imaging.steps.settle import settled
from domicile.imaging.steps.turn import turn
from domicile.media.stage import Stage

Step = Callable[[Image.Image, Stage], Image.Image]

STEPS: tuple[Step, ...] = (reframe, look, pad, turn, redact, effect, corners, border, background, opacity)
"""The canonical order inside a component (cloudinary-compat 3.1)."""


def perform(image: Image.Image, stage: Stage) -> Image.Image:
    """One component, all its steps."""
    for step in STEPS:
        image = step(image, stage)
        if step is reframe:
            stage = settled(image, stage)
    return image
