"""What a film is, asked of a decoder process that gets no more of it than it asks for."""

from __future__ import annotations

from domicile.imaging.containers.spans import LEAST_BYTES, TOGETHER_BYTES_MAX
from domicile.imaging.job import FilmParts, Wants
from domicile.media.errors import BadRequest, LimitExceeded, UndecodableMedia
from domicile.media.facts import SourceFacts
from domicile.service.pool import DecoderPool
from origin.records import Body, span_of

ROUNDS_MAX = 16
"""Questions about one file."""
UNSUPPORTED = "Unsupported video format or file"
"""Cloudinary's words."""


async def facts_of_film(pool: DecoderPool, body: Body, *, tenant: str) -> SourceFacts:
    """All but its MD5. Raises BadRequest, LimitExceeded, Overloaded."""
    spans = [(0, min(LEAST_BYTES, body.body_bytes))]
    parts = await span_of(body, *spans[0])
    for _ in range(ROUNDS_MAX):
        try:
            said = await pool.probe_film(
                parts, FilmParts(file_bytes=body.body_bytes, spans=tuple(spans)), tenant=tenant
            )
        except UndecodableMedia as broken:
            raise BadRequest(UNSUPPORTED) from broken
        if not isinstance(said, Wants):
            return said.source
        start, end = said.start, min(said.end, body.body_bytes)
        if start >= end or len(parts) + end - start > TOGETHER_BYTES_MAX:
            break
        parts += await span_of(body, start, end)
        spans.append((start, end))
    raise LimitExceeded(f"{UNSUPPORTED}: what describes it lies in too many places")
