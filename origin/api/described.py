"""What each endpoint takes, for the description of the API (openapi.py): by its handler, with the names that it reads itself.

A handler that is not here makes the description fail, and with it a test: no endpoint is added without saying what it
takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from origin.api import (
    account,
    admin,
    analysis,
    archive_plan,
    archives,
    audit_log,
    backups,
    composite_asked,
    composites,
    coordinates,
    deletes,
    details,
    downloads,
    erasures,
    explicit,
    explode,
    folders,
    holds,
    labels,
    listing,
    manage,
    metadata_datasources,
    metadata_fields,
    metadata_rules,
    places,
    polling,
    presets,
    publish,
    recipients,
    related,
    search,
    subject_cases,
    subject_exports,
    text_images,
    transformations,
    triggers,
    upload_mappings,
)
from origin.api.admission import PRESET_ONLY
from origin.api.params import HARMLESS, LIST_ITEMS_MAX, SIGNING, USED
from origin.api.routes import Handler
from origin.api.upload import upload
from origin.records.deferred import GRACE_SECONDS_MAX

PAGE = frozenset({"max_results", "next_cursor"})
SHOWN = frozenset({"tags", "context", "fields"})
SETTINGS = (USED - presets.NEVER - SIGNING) | PRESET_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One endpoint."""

    takes: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    is_signed: bool = False
    """A call of the Upload API: Basic, or a signature over the parameters."""
    is_public: bool = False
    """Nobody has to say who they are."""
    body: type[msgspec.Struct] | None = None
    """Of a JSON body with a shape of its own."""


def _call(*names: Iterable[str], needs: tuple[str, ...] = ()) -> Described:
    takes = frozenset(name for group in names for name in group)
    return Described(takes=takes | SIGNING, needs=needs, is_signed=True)


def _admin(*names: Iterable[str], needs: tuple[str, ...] = ()) -> Described:
    return Described(takes=frozenset(name for group in names for name in group), needs=needs)


DESCRIBED: Mapping[Handler, Described] = {
    upload: _call(USED - SIGNING),
    manage.destroy: _call(manage.DESTROY, needs=("public_id",)),
    manage.rename: _call(manage.RENAME, needs=("from_public_id", "to_public_id")),
    manage.delete_by_token: Described(takes=frozenset({"token"}), needs=("token",), is_public=True),
    explicit.explicit: _call(explicit.EXPLICIT, needs=("public_id",)),
    labels.tags: _call(labels.TAGS, needs=("command", "public_ids")),
    labels.context: _call(labels.CONTEXT, needs=("command", "public_ids")),
    labels.metadata: _call(labels.METADATA, needs=("metadata", "public_ids")),
    archives.generate: _call(archives.USED, archives.STYLE, archives.TARGET),
    archives.by_tag: _call({"tag", "transformation", "expires_at"}, needs=("tag",)),
    downloads.download: _call(downloads.USED, needs=("public_id",)),
    text_images.text: _call(text_images.USED, needs=("text",)),
    erasures.erase: _call(erasures.USED, needs=("mode",)),
    erasures.status: _admin(),
    erasures.cancel: _admin(),
    erasures.approve: _admin(),
    holds.place: _admin(holds.USED, needs=("placed_by", "reason")),
    holds.listing: _admin(),
    holds.lift: _admin(),
    account.ping: _admin(),
    account.usage: _admin(),
    account.config: _admin({"settings"}),
    listing.resource_types: _admin(),
    listing.resources: _admin(PAGE, SHOWN, {"prefix", "public_ids", "start_at", "direction", "type"}),
    listing.resources_by_asset_ids: _admin(SHOWN, {"asset_ids"}),
    listing.resources_by_tag: _admin(PAGE, SHOWN, {"start_at", "direction"}),
    details.resource: _admin({"coordinates"}, analysis.WISHES),
    details.resource_by_asset_id: _admin({"coordinates"}, analysis.WISHES),
    listing.tags: _admin(PAGE, {"prefix"}),
    admin.update: _admin(admin.UPDATABLE),
    admin.update_by_asset_id: _admin(admin.UPDATABLE),
    deletes.delete_resources: _admin({"public_ids", "prefix", "all", "keep_original", "invalidate", "next_cursor"}),
    deletes.delete_by_tag: _admin({"invalidate", "next_cursor"}),
    deletes.delete_by_asset_ids: _admin({"asset_ids", "invalidate"}, needs=("asset_ids",)),
    transformations.show: _admin(PAGE, {"transformation", "named"}),
    transformations.create: _admin({"name", "transformation", "allowed_for_strict"}, needs=("name", "transformation")),
    transformations.update: _admin(
        {"transformation", "unsafe_update", "allowed_for_strict"}, needs=("transformation",)
    ),
    transformations.delete: _admin({"transformation"}, needs=("transformation",)),
    presets.listing: _admin(PAGE),
    presets.show: _admin(),
    presets.create: _admin(SETTINGS, {"name", "unsigned"}),
    presets.update: _admin(SETTINGS, {"unsigned"}),
    presets.delete: _admin(),
    metadata_fields.listing: _admin(),
    metadata_fields.show: _admin(),
    metadata_fields.create: Described(body=metadata_fields.GivenField),
    metadata_fields.update: Described(body=metadata_fields.FieldChanges),
    metadata_fields.order: _admin({"order_by", "direction"}, needs=("order_by",)),
    metadata_fields.delete: _admin(),
    metadata_datasources.update: Described(body=metadata_datasources.GivenSource),
    metadata_datasources.delete: Described(body=metadata_datasources.GivenIds),
    metadata_datasources.restore: Described(body=metadata_datasources.GivenIds),
    metadata_datasources.order: _admin({"order_by", "direction"}, needs=("order_by",)),
    metadata_rules.listing: _admin(),
    metadata_rules.create: Described(body=metadata_rules.RuleChanges),
    metadata_rules.update: Described(body=metadata_rules.RuleChanges),
    metadata_rules.delete: _admin(),
    folders.listing: _admin(PAGE),
    folders.create: _admin(),
    folders.rename: _admin({"to_folder"}, needs=("to_folder",)),
    folders.delete: _admin({"skip_backup"}),
    triggers.listing: _admin({"event_type"}),
    triggers.create: _admin({"uri", "uri_type", "event_type"}, needs=("uri", "event_type")),
    triggers.update: _admin({"new_uri"}, needs=("new_uri",)),
    triggers.delete: _admin(),
    triggers.test: Described(),
    polling.messages: _admin({"channel", "batch_id", "max_messages", "wait_seconds", "visibility_timeout"}),
    polling.acknowledge: _admin({"receipt_handles"}, needs=("receipt_handles",)),
    upload_mappings.show: _admin(PAGE, {"folder"}),
    upload_mappings.create: _admin({"folder", "template"}, needs=("folder", "template")),
    upload_mappings.update: _admin({"folder", "template"}, needs=("folder", "template")),
    upload_mappings.delete: _admin({"folder"}, needs=("folder",)),
    listing.resources_by_asset_folder: _admin(PAGE, SHOWN, {"asset_folder", "start_at", "direction"}),
    listing.resources_by_context: _admin(PAGE, SHOWN, {"key", "value", "start_at", "direction"}, needs=("key",)),
    listing.resources_by_moderation: _admin(PAGE, SHOWN, {"start_at", "direction"}),
    backups.restore: _admin({"public_ids", "versions"}, needs=("public_ids",)),
    backups.restore_by_asset_ids: _admin({"asset_ids", "versions"}, needs=("asset_ids",)),
    backups.forget: _admin({"version_ids"}),
    backups.download: _call(backups.DOWNLOAD, needs=("asset_id", "version_id")),
    related.by_name: _admin({"assets_to_relate", "assets_to_unrelate"}),
    related.by_asset_id: _admin({"assets_to_relate", "assets_to_unrelate"}),
    publish.publish: _admin({"public_ids", "prefix", "tag", "type", "overwrite", "next_cursor"}),
    deletes.delete_derived: _admin({"derived_resource_ids"}, needs=("derived_resource_ids",)),
    composites.sprite: _call(composite_asked.USED),
    composites.multi: _call(composite_asked.USED),
    explode.explode: _call(explode.USED, needs=("public_id",)),
    search.resources: _admin(PAGE, {"expression", "sort_by", "with_field", "fields", "aggregate"}),
    search.folders: _admin(PAGE, {"expression", "sort_by"}),
    audit_log.receipt: _admin(),
    audit_log.keys: Described(is_public=True),
    audit_log.checkpoint: Described(is_public=True),
    audit_log.consistency: Described(takes=frozenset({"from", "to"}), needs=("from", "to"), is_public=True),
    audit_log.leaves: Described(takes=frozenset({"start", "end"}), needs=("start", "end"), is_public=True),
    subject_exports.export: _admin(subject_exports.EXPORT, needs=("subject_id",)),
    subject_exports.status: _admin(),
    recipients.recipients: _admin(),
    places.places: _admin(places.USED),
    subject_cases.open_case: _admin(subject_cases.OPEN, needs=("kind",)),
    subject_cases.listing: _admin(subject_cases.LISTING),
    subject_cases.show: _admin(),
    subject_cases.extend: _admin(subject_cases.EXTEND, needs=("reason",)),
    subject_cases.close: _admin(subject_cases.CLOSE, needs=("outcome",)),
    subject_cases.link: _admin(subject_cases.LINKS),
    subject_exports.download: Described(takes=subject_exports.DOWNLOAD, needs=("token",), is_public=True),
}

_NUMBER: Mapping[str, Any] = {"type": "integer", "minimum": 0}
_FLAG: Mapping[str, Any] = {"type": "boolean"}
_LIST: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}, "maxItems": LIST_ITEMS_MAX}
_FLAGS = (
    "overwrite use_filename unique_filename discard_original_filename use_asset_folder_as_public_id_prefix faces colors"
    " phash image_metadata media_metadata blurhash thumbhash use_filename_as_display_name unique_display_name"
    " return_delete_token eager_async all keep_original invalidate coordinates unsigned allowed_for_strict named settings"
    " allow_missing attachment flatten_folders use_original_filename flatten_transformations skip_transformation_name async"
    " clear_invalid disallow_public_id live skip_backup"
).split()
_LISTS = "with_field aggregate derived_resource_ids version_ids versions assets_to_relate assets_to_unrelate public_ids asset_ids fully_qualified_public_ids prefixes target_tags receipt_handles".split()

KINDS: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(_FLAGS, _FLAG),
    **dict.fromkeys(_LISTS, _LIST),
    "file": {"type": "string", "format": "binary", "description": "A file, a data URI, or an address."},
    "type": {"type": "string", "examples": ["upload", "private", "authenticated"]},
    "timestamp": {"type": "integer", "minimum": 0},
    **dict.fromkeys(("from", "to", "start", "end"), _NUMBER),
    "max_results": {"type": "integer", "minimum": 1, "maximum": listing.MAX_RESULTS_MAX},
    "sort_by": {"type": "array", "items": {"type": "object"}, "maxItems": LIST_ITEMS_MAX},
    "expires_at": {"type": "integer", "minimum": 0},
    "expires_in": {"type": "integer", "minimum": subject_exports.LINK_SECONDS_MIN},
    "received": {"type": "string", "format": "date"},
    "multi_subject": {"enum": [subject_exports.INCLUDE, subject_exports.LEAVE_OUT]},
    "direction": {"enum": ["asc", "desc"]},
    "max_messages": {"type": "integer", "minimum": 1, "maximum": polling.MESSAGES_MAX},
    "wait_seconds": {"type": "integer", "minimum": 0, "maximum": polling.WAIT_SECONDS_MAX},
    "visibility_timeout": {"type": "integer", "minimum": 1, "maximum": polling.HIDDEN_SECONDS_MAX},
    "grace": {"type": "integer", "minimum": 0, "maximum": GRACE_SECONDS_MAX},
    "mode": {"type": "string", "examples": list(erasures.MODES)},
    "target_format": {"enum": sorted(archive_plan.FORMATS)},
    "context": {"type": "string", "examples": ["alt=A house|caption=Our house"]},
    **{name: {"type": "string", "examples": ["10,10,20,20"]} for name in coordinates.FIELDS},
}
"""Schemas of parameters that are no plain text, wherever they are sent."""

OF_LISTINGS: Mapping[str, Mapping[str, Any]] = {"tags": _FLAG, "context": _FLAG}
"""Of a listing these say what is shown, and not what an asset is to carry."""

IGNORED = frozenset(HARMLESS)
"""Taken everywhere, and without effect."""
