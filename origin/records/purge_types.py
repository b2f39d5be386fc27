"""The values of a purge or an erase that cross the seam: what is selected, who may, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domicile.media.asset import AssetName
from domicile.media.journal import Head
from origin.records.prefixes import names_a_folder
from origin.records.types import AssetRecord, FencedState


class Versions(StrEnum):
    """Which versions of the matching assets an erase takes."""

    ALL = "all"
    CURRENT = "current"
    """Only the one that the asset has now; what is kept of it stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeTargets:
    """What a purge or an erase selects inside one tenant; the union of all fields.

    public_ids  every resource type and delivery type with exactly that name
    names       exactly that asset
    urls        delivery paths of this cloud ("/acme/image/upload/w_100/people/jane.jpg" or without the cloud)
    tags        assets that carry the tag now
    prefixes    cut at "/": with a leading slash a path, relative to the tenant or starting with its cloud
                ("/image/upload/people"); without one a folder of public_ids in every type ("people" covers "people/x"
                and not "people2/x", nor "people" itself)
    subjects    assets that are said to be about this person now, as the owner names people
    searches    assets that this search expression is true of now
    """

    asset_ids: tuple[str, ...] = ()
    public_ids: tuple[str, ...] = ()
    names: tuple[AssetName, ...] = ()
    urls: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    everything: bool = False
    subjects: tuple[str, ...] = field(default=(), repr=False)
    searches: tuple[str, ...] = field(default=(), repr=False)

    @property
    def count(self) -> int:
        lists = (self.asset_ids, self.public_ids, self.names, self.urls, self.tags, self.prefixes)
        return sum(map(len, (*lists, self.subjects, self.searches))) + int(self.everything)

    @property
    def are_wide(self) -> bool:
        """Can one of them mean more than one asset?"""
        lists = (self.urls, self.tags, self.prefixes, self.subjects, self.searches)
        return self.everything or any(lists)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePreview:
    """What an erase would take now."""

    records: tuple[AssetRecord, ...]
    """The first PREVIEW_ASSETS_MAX of them."""
    total: int
    """All of them."""
    backups: int = 0
    """Versions under retention that would go as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeOutcome:
    """Answer of a purge. A repeated `purge_id` with the same digest gives the first head and counts again."""

    purge_id: str
    head: Head
    assets: int
    """Assets that matched; 0 when everything was purged at once."""
    everything: bool
    """The whole tenant was purged: asked for, more assets than one entry holds, or more targets than may pile up."""
    repeated: bool = False
    """This purge_id was answered before."""
    fenced: FencedState
    cdn_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By CDN of the setting `origin.records.cdns`: the tags to purge there by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeKey:
    """A registered public key for signed purges (RFC 9421, ed25519)."""

    tenant: str
    keyid: str
    public_key: bytes
    """32 raw bytes."""
    operations: frozenset[str]
    """Of: "asset", "public_id", "url", "tag", "prefix", "all", "erase"."""
    not_before: float
    not_after: float

    def covers(self, targets: PurgeTargets) -> bool:
        """May this key ask for these targets? (The time window is the verifier's to check.)

        A prefix without a folder means everything, so it needs "all". Raises BadRequest, OutOfScope for what is no
        prefix of this cloud.
        """
        wide = [prefix for prefix in targets.prefixes if not names_a_folder(self.tenant, prefix)]
        wanted = {
            "asset": targets.asset_ids,
            "public_id": targets.public_ids or targets.names,
            "url": targets.urls,
            "tag": targets.tags,
            "prefix": targets.prefixes,
            "all": targets.everything or wide or targets.subjects or targets.searches,
        }
        return all(operation in self.operations for operation, asked in wanted.items() if asked)
