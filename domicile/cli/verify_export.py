"""What `domicile verify` does with an export for a person: the manifest's signature, and every file against its hash."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

from domicile.media.errors import BadSignature
from domicile.media.receipt import parse_json
from domicile.media.subject_export import (
    FILES_MAX,
    MANIFEST_BYTES_MAX,
    MANIFEST_FILE,
    SIGNATURE_FILE,
    SIGNATURE_FILE_BYTES_MAX,
    TYPE,
    check_manifest,
    files_of,
)

PIECE_BYTES = 1024 * 1024


def check_archive(path: Path, public_key: bytes) -> dict[str, Any]:
    """The manifest, if it and every file beside it hold. Raises BadSignature; OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if len(names) > FILES_MAX or len(set(names)) != len(names):
                raise BadSignature(f"the archive has a file twice, or more than {FILES_MAX}")
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise BadSignature("the archive is compressed: it is not as it was made")
            manifest = _read(archive, MANIFEST_FILE, MANIFEST_BYTES_MAX)
            signature = _read(archive, SIGNATURE_FILE, SIGNATURE_FILE_BYTES_MAX)
            told = check_document(manifest, parse_json(signature), public_key)
            files = files_of(told)
            if {*files, MANIFEST_FILE, SIGNATURE_FILE} != set(names):
                raise BadSignature("the archive has other files than its manifest tells of")
            for name, wanted in files.items():
                if _hash(archive, name) != wanted:
                    raise BadSignature(f"{name} was changed")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, RuntimeError) as bad:
        raise BadSignature("the archive is damaged") from bad
    return told


def check_document(manifest: bytes, signature: Any, public_key: bytes) -> dict[str, Any]:
    """A manifest alone. Raises BadSignature."""
    check_manifest(manifest, signature, public_key)
    told = parse_json(manifest)
    if not isinstance(told, dict) or told.get("type") != TYPE:
        raise BadSignature("this is no manifest of a kind that is known here")
    return told


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        with archive.open(name) as file:
            content = file.read(most + 1)
    except KeyError as missing:
        raise BadSignature(f"the archive has no {name}: it was cut off") from missing
    if len(content) > most:
        raise BadSignature(f"{name} is too long")
    return content


def _hash(archive: zipfile.ZipFile, name: str) -> str:
    hashed = hashlib.sha256()
    with archive.open(name) as file:
        while piece := file.read(PIECE_BYTES):
            hashed.update(piece)
    return hashed.hexdigest()
