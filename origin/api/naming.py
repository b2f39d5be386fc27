"""What an uploaded file is called: its public_id, its folder, the names that people see. Pure but for randomness."""

from __future__ import annotations

import re
import secrets
import string

from domicile.media.asset import AssetName
from domicile.media.errors import BadRequest
from domicile.media.public_id import FOLDER_CHARS_MAX
from origin.api.call import UPLOADED, check_public_id, delivery_type_of
from origin.api.params import Params
from origin.records import Tenant

RANDOM_ID_CHARS = 20
RANDOM_SUFFIX_CHARS = 6
DISPLAY_NAME_CHARS_MAX = 255
_ALPHABET = string.ascii_lowercase + string.digits
_UNFIT = re.compile(r"[^\w.-]+")
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,16}", re.ASCII)


def name_for(tenant: Tenant, params: Params, file_name: str, resource_type: str = "image") -> AssetName:
    """The name that an upload asks for, or a random one. Raises BadRequest.

    The public_id of a raw file carries its extension, as there is no format that a URL could ask for.
    """
    public_id = params.text("public_id")
    if not public_id:
        public_id = _generated(params, file_name)
        extension = extension_of(params.text("filename_override") or file_name)
        if resource_type == "raw" and extension:
            public_id = f"{public_id}.{extension}"
    for folder in (params.text("public_id_prefix"), _path_folder(params)):
        if folder.strip("/"):
            public_id = f"{folder.strip('/')}/{public_id}"
    return AssetName(
        cloud=tenant.cloud,
        resource_type=resource_type,
        delivery_type=delivery_type_of(params.text("type"), allowed=UPLOADED),
        public_id=check_public_id(_within(tenant, public_id)),
    )


def _within(tenant: Tenant, public_id: str) -> str:
    tenant.scope.require_name(public_id)
    return public_id


def random_id(count: int = RANDOM_ID_CHARS) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def extension_of(file_name: str) -> str:
    """What follows the last dot, in lower case; empty for what looks like no extension.

    >>> extension_of("a/report.tar.GZ"), extension_of("noname"), extension_of(".profile")
    ('gz', '', '')
    """
    stem, dot, extension = file_name.replace("\\", "/").rsplit("/", 1)[-1].rpartition(".")
    return extension.lower() if stem and dot and _EXTENSION.fullmatch(extension) else ""


def original_name(params: Params, file_name: str) -> str:
    """Without its extension; empty when nobody shall know it."""
    if params.flag("discard_original_filename", default=False):
        return ""
    return _stem(params.text("filename_override") or file_name)


def display_name(params: Params, file_name: str) -> str:
    """The name for people; empty: the last segment of the public_id."""
    given = params.text("display_name")
    if not given and params.flag("use_filename_as_display_name", default=False):
        given = _stem(params.text("filename_override") or file_name)
    if len(given) > DISPLAY_NAME_CHARS_MAX or "/" in given:
        raise BadRequest(f"display_name must have at most {DISPLAY_NAME_CHARS_MAX} characters, and no slash")
    return given


def asset_folder(params: Params) -> str:
    """Where a person puts it. Raises BadRequest."""
    folder = folder_path(params.text("asset_folder") or params.text("folder"))
    if len(folder) > FOLDER_CHARS_MAX:
        raise BadRequest("asset_folder is too long")
    return folder


def folder_path(text: str) -> str:
    """Without empty parts.

    >>> folder_path("/a//b/")
    'a/b'
    """
    return "/".join(part for part in text.split("/") if part)


def _path_folder(params: Params) -> str:
    if params.flag("use_asset_folder_as_public_id_prefix", default=False):
        return params.text("asset_folder")
    return params.text("folder")


def _generated(params: Params, file_name: str) -> str:
    stem = _UNFIT.sub("_", _stem(params.text("filename_override") or file_name)).strip("_.-")
    if not params.flag("use_filename", default=False) or not stem:
        return random_id()
    if params.flag("unique_filename", default=True):
        return f"{stem}_{random_id(RANDOM_SUFFIX_CHARS)}"
    return stem


def _stem(file_name: str) -> str:
    last = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    return last.rsplit(".", 1)[0] if "." in last.strip(".") else last
