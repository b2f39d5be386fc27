"""The stages of a plan, performed one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PIL import Image

from domicile.imaging.compose import composited
from domicile.imaging.guarded import making as guarded
from domicile.imaging.present import Frame
from domicile.imaging.steps import perform
from domicile.imaging.steps.look import told
from domicile.imaging.steps.reframe import reframe
from domicile.media.overlay import Making, Overlay
from domicile.media.stage import Stage

Finished = Mapping[Making, Image.Image]
"""Layers, ready to be laid over any number of frames."""


def staged(frame: Frame, stages: tuple[Stage | Overlay, ...], finished: Finished, *, tells_cuts: bool = False) -> Frame:
    """All stages, on a frame that shows the window of their plan. Raises LimitExceeded for want of memory.

    `tells_cuts`: say where automatic gravity cuts.
    """
    image, cuts = frame.image, frame.cuts
    for stage in stages:
        if isinstance(stage, Overlay):
            image = _laid(image, stage, finished)
            continue
        if tells_cuts and stage.look is not None:
            cuts = (*cuts, told(reframe(image, stage), stage.look))
        image = perform(image, stage)
    return replace(frame, image=image, cuts=cuts)


def _laid(image: Image.Image, overlay: Overlay, finished: Finished) -> Image.Image:
    with guarded():
        laid = composited(
            image,
            finished[overlay.making],
            overlay.placement,
            blend=overlay.blend,
            is_under=overlay.is_under,
        )
        return laid.convert("RGB") if overlay.is_solid and laid.mode == "RGBA" else laid
