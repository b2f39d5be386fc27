"""The stages of a plan, performed one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PIL import Image

from domicile.imaging.compose import composited
from domicile.imaging.guarded import making as guarded
from domicile.imaging.present import Frame
from domicile.imaging.steps import perform
from domicile.media.overlay import Making, Overlay
from domicile.media.stage import Stage

Finished = Mapping[Making, Image.Image]
"""Layers, ready to be laid over any number of frames."""


def staged(frame: Frame, stages: tuple[Stage | Overlay, ...], finished: Finished) -> Frame:
    """All stages, on a frame that shows the window of their plan. Raises LimitExceeded for want of memory."""
    image = frame.image
    for stage in stages:
        image = _laid(image, stage, finished) if isinstance(stage, Overlay) else perform(image, stage)
    return replace(frame, image=image)


def _laid(image: Image.Image, overlay: Overlay, finished: Finished) -> Image.Image:
    with guarded():
        return composited(
            image,
            finished[overlay.making],
            overlay.placement,
            blend=overlay.blend,
            is_under=overlay.is_under,
        )
