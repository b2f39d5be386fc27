"""The real decoder pool behind a plain call: one sandboxed child, for tests that are not about asynchrony."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from domicile.imaging.guarded import refusal
from domicile.imaging.job import Outcome, RenderJob
from domicile.media.errors import BadTransformation, LimitExceeded, UndecodableMedia
from domicile.service.pool import DecoderPool
from domicile.service.pool_settings import PoolSettings


class Render(Protocol):
    """The pipeline's `render`."""

    def __call__(self, source: bytes, job: RenderJob, layers: tuple[bytes, ...] = ()) -> tuple[Outcome, bytes]: ...


TENANT = "pictures"


@contextmanager
def walled(settings: PoolSettings | None = None) -> Iterator[Render]:
    """`render` of domicile.imaging.pipeline, done by a child behind all walls that this machine can give."""
    with asyncio.Runner() as runner:
        pool = DecoderPool(settings or PoolSettings(processes=1))
        runner.run(pool.start())

        def render(source: bytes, job: RenderJob, layers: tuple[bytes, ...] = ()) -> tuple[Outcome, bytes]:
            try:
                rendered = runner.run(pool.render(source, job, tenant=TENANT, layers=layers))
            except (UndecodableMedia, LimitExceeded, BadTransformation) as error:
                return refusal(error), b""
            return rendered.done, rendered.body

        try:
            yield render
        finally:
            runner.run(pool.close())
