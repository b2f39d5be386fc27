"""A search for breakpoints, done: each width that it asks for is a job of the decoders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domicile.media.breakpoints import Breakpoints, search
from domicile.service.pool_values import Rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One breakpoint. Bodies are not kept: together they may be large."""

    width: int
    height: int
    body_bytes: int


async def measured(asked: Breakpoints, encode: Callable[[int | None], Awaitable[Rendered]]) -> tuple[Measured, ...]:
    """The widest first. `encode`: make the picture at that width; None: at its own. At most IMAGES_MAX + 1 jobs."""
    whole = _measured(await encode(None))
    found = {whole.width: whole}
    steps = search(asked, whole.width)
    try:
        width = next(steps)
        while True:
            if width not in found:
                found[width] = _measured(await encode(width))
            width = steps.send(found[width].body_bytes)
    except StopIteration as over:
        chosen: tuple[int, ...] = over.value
        return tuple(found[width] for width in chosen)


def _measured(rendered: Rendered) -> Measured:
    return Measured(width=rendered.done.width, height=rendered.done.height, body_bytes=len(rendered.body))
