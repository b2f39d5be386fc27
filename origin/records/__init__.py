"""The storage core of the origin, behind one seam: `Records`."""

from origin.records.afterwards import Leave, Left, Made
from origin.records.bodies import Body, Hashed, Held, span_of, whole
from origin.records.cases import Case, CaseKind
from origin.records.cases import Detail as CaseDetail
from origin.records.cases import Links as CaseLinks
from origin.records.cases import Outcome as CaseOutcome
from origin.records.cases import Told as CaseTold
from origin.records.chunks import Piece, pieces_of
from origin.records.derived import DerivedAsked, DerivedId, DerivedRemoved
from origin.records.exports import Claimed, ExportState, ExportTold, Link, Plan
from origin.records.folders import Folder
from origin.records.ledger import Copy
from origin.records.metadata_fields import Choice, MetadataField
from origin.records.metadata_rules import MetadataRule
from origin.records.names import Edit
from origin.records.nonces import Once
from origin.records.presets import Preset
from origin.records.purge_types import ErasePreview, PurgeKey, PurgeOutcome, PurgeTargets, Versions
from origin.records.recipients import Recipient, RecipientKind
from origin.records.restores import Backup
from origin.records.seam import Records
from origin.records.searches import FolderHit, FolderPage, Search, SearchPage
from origin.records.settings import RecordsSettings
from origin.records.spool import Spool, SpoolFile
from origin.records.subjects import HeldVersion, Holdings
from origin.records.tasks import EAGER, NOTICE, POLLED, NewTask, Says, Task
from origin.records.triggers import Trigger
from origin.records.types import (
    NO_KEY,
    AssetRecord,
    Committed,
    Draft,
    ErasureStatement,
    FencedState,
    Fencing,
    Filter,
    MetadataValue,
    Moderation,
    Named,
    NamedCommitted,
    NewAsset,
    Page,
    Removed,
    RemovedMany,
    RenditionRecord,
    SealedBlob,
    Tenant,
)
from origin.records.upload_mappings import UploadMapping

__all__ = [
    "EAGER",
    "NOTICE",
    "NO_KEY",
    "POLLED",
    "AssetRecord",
    "Backup",
    "Body",
    "Case",
    "CaseDetail",
    "CaseKind",
    "CaseLinks",
    "CaseOutcome",
    "CaseTold",
    "Choice",
    "Claimed",
    "Committed",
    "Copy",
    "DerivedAsked",
    "DerivedId",
    "DerivedRemoved",
    "Draft",
    "Edit",
    "ErasePreview",
    "ErasureStatement",
    "ExportState",
    "ExportTold",
    "FencedState",
    "Fencing",
    "Filter",
    "Folder",
    "FolderHit",
    "FolderPage",
    "Hashed",
    "Held",
    "HeldVersion",
    "Holdings",
    "Leave",
    "Left",
    "Link",
    "Made",
    "MetadataField",
    "MetadataRule",
    "MetadataValue",
    "Moderation",
    "Named",
    "NamedCommitted",
    "NewAsset",
    "NewTask",
    "Once",
    "Page",
    "Piece",
    "Plan",
    "Preset",
    "PurgeKey",
    "PurgeOutcome",
    "PurgeTargets",
    "Recipient",
    "RecipientKind",
    "Records",
    "RecordsSettings",
    "Removed",
    "RemovedMany",
    "RenditionRecord",
    "Says",
    "SealedBlob",
    "Search",
    "SearchPage",
    "Spool",
    "SpoolFile",
    "Task",
    "Tenant",
    "Trigger",
    "UploadMapping",
    "Versions",
    "pieces_of",
    "span_of",
    "whole",
]
