"""The knobs of what is done for persons; `origin/settings.py` composes them under `origin.subjects`."""

from __future__ import annotations

from dataclasses import dataclass

from domicile.service.settings import MIB, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSettings:
    """Bounds on what is done for persons (docs/data-subjects.md)."""

    lookups_max: int = setting(
        1000,
        "Questions about persons in one cloud in an hour, searches by `subject` included; above it, callers get 429.",
        at_least=1,
    )
    link_seconds_max: int = setting(
        86_400, "Longest time for which the link of an export is good; the default is an hour.", at_least=60
    )
    export_bytes_max: int = setting(
        64 * 1024 * MIB,
        "Bytes of all originals in one export; what is more goes into further parts. One file may be larger.",
        at_least=1,
    )
    due_days: int = setting(
        7, "How many days before its due date somebody is told of a case (`subject_case_due`).", at_least=0, at_most=31
    )
    cases_kept_days: int = setting(
        1095, "How long a closed case is kept as proof of how it was answered.", at_least=1, at_most=36_500
    )
