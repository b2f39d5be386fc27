"""Strict transformations: of what nobody has signed, only transformations that are allowed for it are delivered: chains of
allowed names, and chains that are allowed as they are spelled out.

Everybody who can reach an edge can otherwise ask for as many different pictures as URLs can be written. The original, as it
is or under another extension, is no transformation. Source: cloudinary-compat 3.6.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from domicile.media.program import Segment, Step, build_segment

REFUSAL = "deny or ACL failure"
"""Cloudinary's words for what a rule of the account refuses."""


SPELLED_OUT = "/"
"""What a chain that is allowed as it is spelled out begins with among the allowed: no name does."""


def is_allowed(segments: Sequence[Segment], allowed: Collection[str]) -> bool:
    """May a chain be delivered without a signature? It must be names alone, `allowed` ones: whatever is said beside them,
    a variable for one, makes another picture. Or it is allowed whole, by its canonical text.
    """
    are_names = all(
        isinstance(segment, Step) and segment == Step(names=segment.names) and set(segment.names) <= set(allowed)
        for segment in segments
    )
    return are_names or SPELLED_OUT + "/".join(map(build_segment, segments)) in allowed
