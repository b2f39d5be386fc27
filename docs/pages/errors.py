"""docs/errors.md: every kind of error and what each door makes of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import edge.errors
import origin.errors
from docs.pages.cells import MADE, cell
from domicile.media.errors import MediaError

ERRORS_HEAD = f"""# Errors

{MADE}

What can go wrong, in the domain's words (`domicile/media/errors.py`), and the status that each door gives it. Delivery answers
with an empty body and the reason in `X-Cld-Error`; the Upload and Admin API with `{{{{"error": {{{{"message": "…"}}}}}}}}`; the
wire between the tiers with a code. Delivery errors are never cached. Statuses of the Upload API are those that the official SDKs'
uploaders accept. Signed purges have a door of their own: before the signature is proved every refusal is the same 401.

| error | delivery | upload API | admin API | wire | meaning |
|---|---|---|---|---|---|
""".replace("{{", "{").replace("}}", "}")


def errors() -> str:
    """Every kind of MediaError and what each door makes of it."""
    rows = []
    for kind in _kinds(MediaError):
        at = origin.errors.STATUS[kind]
        text = cell(inspect.getdoc(kind) or "")
        rows.append(
            f"| `{kind.__name__}` | {edge.errors.STATUS[kind]} | {at.upload} | {at.admin} | {at.wire} | {text} |"
        )
    return ERRORS_HEAD + "\n".join(rows) + "\n"


def _kinds(base: type[MediaError]) -> Iterator[type[MediaError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == MediaError.__module__:
            yield kind
            yield from _kinds(kind)
