"""Whom an asset is about: identifiers of persons, as the owner has them. They go into the asset's sealed record, and keyed
hashes of them into what can be searched; no answer tells them unless a search of the owner asks for `subject_ids`.
"""

from __future__ import annotations

from collections.abc import Iterable

from domicile.media.errors import BadRequest
from origin.api.params import Params
from origin.search.expression import fields_of, parse

NAME = "subject_ids"
FIELD = "subject"
"""Of search expressions."""
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


def subject_of(params: Params) -> str:
    """The one person that a call is about. Raises BadRequest."""
    subject = params.required("subject_id").strip()
    if not 0 < len(subject) <= SUBJECT_CHARS_MAX:
        raise BadRequest(f"Invalid value for parameter subject_id: at most {SUBJECT_CHARS_MAX} characters")
    return subject


def asks_for_persons(expression: str) -> bool:
    """Does a search look for somebody? Raises BadRequest, LimitExceeded for one that is no search."""
    return FIELD in fields_of(parse(expression))


def check_not_in_query(names: Iterable[str]) -> None:
    """Addresses end up in logs of proxies, so that whom a call is about stands in its body alone. Raises BadRequest."""
    if "subject_id" in names:
        raise BadRequest("Parameter subject_id belongs into the body, and not into the address")
