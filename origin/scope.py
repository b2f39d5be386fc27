"""Keys of the API, and what each of them may do: operations, and perhaps one folder. Decides only.

A cloud has several keys, so that a new one can be in use before the old one goes, and so that whoever only uploads holds
no key that deletes. What a key may not do is refused before anything is looked up: a refusal says nothing of what is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from domicile.media.errors import BadRequest, OutOfScope
from domicile.media.public_id import public_id_problem

KEYS_MAX = 20
"""Keys of one cloud: each is tried on a signature of a delivery URL."""
NAME_CHARS_MAX = 64
API_KEY = re.compile(r"[1-9][0-9]{14}")


class Operation(StrEnum):
    """What a call does, in the words of `domicile key create --scope`."""

    READ = "read"
    """Look, list, search, download; also: sign delivery URLs."""
    UPLOAD = "upload"
    """Add assets; replacing one is an edit."""
    EDIT = "edit"
    """Rename, relabel, overwrite."""
    DELETE = "delete"
    ERASE = "erase"
    """Erase, restrict, and approve what another key asked for."""
    HOLD = "hold"
    """Place legal holds, see who placed them and why, lift them."""
    DPO = "dpo"
    """Answer persons: look up and export what is held about one, keep the register of their requests."""
    ADMIN = "admin"
    """All of these, and what is set for the whole cloud: presets, transformations, metadata fields, folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a key may do, and where."""

    operations: frozenset[Operation] = frozenset({Operation.ADMIN})
    folder: str = ""
    """Only assets whose public_id lies in it; empty: everywhere."""

    @property
    def is_everything(self) -> bool:
        return Operation.ADMIN in self.operations and not self.folder

    def allows(self, operation: Operation) -> bool:
        return Operation.ADMIN in self.operations or operation in self.operations

    def covers(self, public_id: str) -> bool:
        """
        >>> Scope(folder="team").covers("team/a"), Scope(folder="team").covers("team2/a"), Scope(folder="team").covers("team")
        (True, False, False)
        """
        return not self.folder or public_id.startswith(f"{self.folder}/")

    def require(self, operation: Operation) -> None:
        """Raises OutOfScope."""
        if not self.allows(operation):
            raise OutOfScope(f"This API key may not {operation}")

    def require_name(self, public_id: str) -> None:
        """Raises OutOfScope."""
        if not self.covers(public_id):
            raise OutOfScope("This API key is for one folder, and the public_id lies outside of it")

    def require_everywhere(self) -> None:
        """For calls that do not name one asset by its public_id. Raises OutOfScope."""
        if self.folder:
            raise OutOfScope("This API key is for one folder, and this call is about more than that")


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of a cloud. Keep it in memory only."""

    api_key: str
    """15 digits; not secret."""
    secret: str = field(repr=False)
    scope: Scope = EVERYTHING
    name: str = ""
    """What the operator calls it."""
    calls_max: int = 0
    """API calls in an hour; 0: as many as the cloud may."""
    is_enabled: bool = True
    created_at: float = 0.0

    @property
    def is_primary(self) -> bool:
        """Can it speak for the cloud, where nobody calls?"""
        return self.is_enabled and self.scope.is_everything


def scope_of(operations: tuple[str, ...], folder: str) -> Scope:
    """From what an operator says. Raises BadRequest."""
    unknown = [each for each in operations if each not in set(Operation)]
    if unknown or len(operations) > len(Operation):
        raise BadRequest(f"Invalid value for parameter scope: must be of {', '.join(Operation)}")
    found = frozenset(map(Operation, operations)) or EVERYTHING.operations
    if folder and public_id_problem(folder) is not None:
        raise BadRequest("Invalid value for parameter folder: must be like team/public, without a slash at either end")
    if folder and found & {Operation.ERASE, Operation.HOLD}:
        raise BadRequest("Invalid value for parameter scope: a key of one folder cannot erase, and places no holds")
    if folder and Operation.DPO in found:
        raise BadRequest("Invalid value for parameter scope: a key of one folder cannot answer persons (dpo)")
    if folder and Operation.ADMIN in found:
        raise BadRequest("Invalid value for parameter scope: a key of one folder needs other operations than admin")
    return Scope(operations=found, folder=folder)


def primary_of(keys: tuple[ApiKey, ...]) -> ApiKey | None:
    """The key that speaks for its cloud where nobody calls: the oldest that may do everything."""
    return min((key for key in keys if key.is_primary), key=lambda key: (key.created_at, key.api_key), default=None)
