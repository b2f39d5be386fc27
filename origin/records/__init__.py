"""The storage core of the origin, behind one seam: `Records`."""

from origin.records.names import Edit
from origin.records.nonces import Once
from origin.records.seam import Records
from origin.records.settings import RecordsSettings
from origin.records.types import (
    AssetRecord,
    Committed,
    Draft,
    ErasePreview,
    ErasureStatement,
    FencedState,
    Fencing,
    Filter,
    Named,
    NamedCommitted,
    NewAsset,
    Page,
    PurgeKey,
    PurgeOutcome,
    PurgeTargets,
    Removed,
    RemovedMany,
    RenditionRecord,
    SealedBlob,
    Tenant,
)

__all__ = [
    "AssetRecord",
    "Committed",
    "Draft",
    "Edit",
    "ErasePreview",
    "ErasureStatement",
    "FencedState",
    "Fencing",
    "Filter",
    "Named",
    "NamedCommitted",
    "NewAsset",
    "Once",
    "Page",
    "PurgeKey",
    "PurgeOutcome",
    "PurgeTargets",
    "Records",
    "RecordsSettings",
    "Removed",
    "RemovedMany",
    "RenditionRecord",
    "SealedBlob",
    "Tenant",
]
