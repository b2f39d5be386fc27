"""Whom an asset is about: identifiers of persons, as the owner has them. They go into the asset's sealed record, and keyed
hashes of them into what can be searched; no answer tells them unless a search of the owner asks for `subject_ids`.
"""

from __future__ import annotations

from domicile.media.errors import BadRequest
from origin.api.params import Params

NAME = "subject_ids"
SUBJECTS_MAX = 100
"""Of one asset."""
SUBJECT_CHARS_MAX = 255


def subjects_of(params: Params) -> tuple[str, ...] | None:
    """Trimmed, in order, each once; None when the call says nothing of them. Raises BadRequest."""
    if NAME not in params.values:
        return None
    subjects = tuple(dict.fromkeys(one.strip() for one in params.texts(NAME, split=True) if one.strip()))
    if len(subjects) > SUBJECTS_MAX:
        raise BadRequest(f"Too many {NAME}: at most {SUBJECTS_MAX}")
    if any(len(one) > SUBJECT_CHARS_MAX for one in subjects):
        raise BadRequest(f"One of {NAME} is too long: at most {SUBJECT_CHARS_MAX} characters")
    return subjects
