"""Redaction that a policy forces: which effect stands before everything that a URL asks for.

It belongs to the name: a folder is cut at "/", so that "team" covers "team/jane" and not "teams/jane". What is forced is part
of the cache key, of rendering, and of what counts as an original; no URL can take it away, and a signed one only where the
policy says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

EFFECTS = {"pixelate": "pixelate_faces", "blur": "blur_faces"}
"""What a policy file says, and the effect of the language that it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedRedaction:
    """The table `[redaction]` of a policy."""

    faces: str = ""
    """"pixelate", "blur", or nothing."""
    folders: tuple[str, ...] = ()
    """Where; everywhere when none is named."""
    except_signed: bool = False
    """Does a URL with a valid signature show the picture as it is?"""

    def to_mapping(self) -> dict[str, Any]:
        folders = {"folders": list(self.folders)} if self.folders else {}
        return {"faces": self.faces, **folders, "except_signed": self.except_signed}


def forced_effect(rule: ForcedRedaction, public_id: str, *, is_signed: bool) -> str:
    """The effect that comes first for this name, or "". `is_signed`: the URL bears a signature, which the origin judges."""
    if not rule.faces or (is_signed and rule.except_signed):
        return ""
    if rule.folders and not any(public_id.startswith(folder + "/") for folder in rule.folders):
        return ""
    return EFFECTS[rule.faces]
