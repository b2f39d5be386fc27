"""Where assets come from: an account of the API, or a directory (also one that `domicile export` has written)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from domicile.cli.failure import Failure
from domicile.cli.transfer import Item
from domicile.media.account import KEPT_TYPES, SUBJECTS, path_of, upload_fields
from domicile.media.asset import IMAGE_EXTENSIONS, RESOURCE_TYPES
from domicile.media.policy import Permit
from domicile.service.gate.account import AccountClient, Original, taken

PAGE = 500
PIECE_BYTES = 256 * 1024
LISTING = "assets.jsonl"
LINE_CHARS_MAX = 1024 * 1024
FILES_MAX = 20_000_000


async def assets_of(
    client: AccountClient, permit: Permit, resource_types: tuple[str, ...]
) -> AsyncIterator[dict[str, Any]]:
    """Rows of all assets that an upload can bring, one type after the other. Raises Refused, Failure; and as `checked`."""
    counted = 0
    for resource_type in resource_types:
        for delivery_type in sorted(KEPT_TYPES):
            cursor = ""
            while True:
                counted += 1  # a page, too: one that is empty must not be followed by another for ever
                query = [("max_results", str(PAGE)), *([("next_cursor", cursor)] if cursor else [])]
                path = f"/resources/{resource_type}/{delivery_type}"
                answer = await client.ask(permit, "GET", path, query)
                for row in answer.get("resources", []):
                    counted += 1
                    yield checked(row)
                cursor = answer.get("next_cursor") or ""
                if not cursor:
                    break
                if counted > FILES_MAX:
                    raise Failure(f"more than {FILES_MAX} assets, or pages without any")


async def detailed(client: AccountClient, permit: Permit, row: Mapping[str, Any]) -> dict[str, Any]:
    """All that the account tells of one asset, and whom it is about, which is told to who asks for that. Raises Refused."""
    path = path_of(row["resource_type"], row["type"], row["public_id"])
    told = await client.ask(permit, "GET", path)
    if client.account.is_cloudinary:  # which knows no such thing, and counts calls
        return told
    asked = {"expression": f'asset_id="{told["asset_id"]}"', "with_field": [SUBJECTS], "max_results": 1}
    found = (await client.ask(permit, "POST", "/resources/search", body=asked)).get("resources", [])
    about = found[0].get(SUBJECTS) if found else None
    return told | {SUBJECTS: about or []}


async def account_items(client: AccountClient, permit: Permit, resource_types: tuple[str, ...]) -> AsyncIterator[Item]:
    """Assets of an account. Raises Refused."""
    async for row in assets_of(client, permit, resource_types):

        async def fetch(row: dict[str, Any] = row) -> tuple[Original, Mapping[str, str]]:
            told = await detailed(client, permit, row)
            return await client.download(permit, {**row, **told}), upload_fields({**row, **told})

        etag = str(row.get("etag") or "")
        yield Item(
            resource_type=row["resource_type"],
            delivery_type=row["type"],
            public_id=row["public_id"],
            mark=etag or f"{row.get('version')}",
            etag=etag,
            fetch=fetch,
        )


async def directory_items(
    directory: Path, permit: Permit, *, folder: str, kind_of: Callable[[Path], str | None]
) -> AsyncIterator[Item]:
    """Files below a directory; one with a listing of an export is read by that. Raises Failure."""
    listing = directory / LISTING
    found = exported(listing) if listing.is_file() else walked(directory, folder, kind_of)
    for path, asset in found:

        async def fetch(path: Path = path, asset: dict[str, Any] = asset) -> tuple[Original, Mapping[str, str]]:
            return await taken(permit, pieces_of(path)), upload_fields(asset)

        if not path.is_file():  # nor is a pipe read, which would wait for whoever writes
            raise Failure(f"{path}: not there, or no file")
        stat = path.stat()
        etag = str(asset.get("etag") or "") or await asyncio.to_thread(md5_of, path)
        yield Item(
            resource_type=asset["resource_type"],
            delivery_type=asset["type"],
            public_id=asset["public_id"],
            mark=f"{stat.st_size}:{stat.st_mtime_ns}:{etag}",
            etag=etag,
            fetch=fetch,
        )


def walked(
    directory: Path, folder: str, kind_of: Callable[[Path], str | None]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each regular file, in order, under the name that its path says; hidden ones and links are left out."""
    found = list(islice(directory.rglob("*"), FILES_MAX + 1))
    if len(found) > FILES_MAX:
        raise Failure(f"{directory}: more than {FILES_MAX} files")
    for path in sorted(found):
        inside = path.relative_to(directory)
        if path.is_symlink() or not path.is_file() or any(part.startswith(".") for part in inside.parts):
            continue
        resource_type = kind_of(path)
        if resource_type is not None:
            name = inside.as_posix() if resource_type == "raw" else inside.with_suffix("").as_posix()
            public_id = f"{folder.strip('/')}/{name}" if folder.strip("/") else name
            yield path, {"resource_type": resource_type, "type": "upload", "public_id": public_id}


def kind_by_extension(path: Path) -> str | None:
    """Pictures are images, all else is raw."""
    return "image" if path.suffix.lower().removeprefix(".") in IMAGE_EXTENSIONS else "raw"


def exported(listing: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files of an export, as its listing tells them. Raises Failure."""
    newest = {asset["file"]: number for number, asset in _lines(listing)}
    inside = listing.parent.resolve()
    for number, asset in _lines(listing):
        path = listing.parent / asset["file"]
        if "\0" in asset["file"] or not path.resolve().is_relative_to(inside):
            raise Failure(f"{listing}, line {number}: a file outside of the export")
        if newest[asset["file"]] == number:  # what was exported again has another line, further down
            yield path, asset


def _lines(listing: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    with listing.open("r", encoding="utf-8") as file:
        while line := file.readline(LINE_CHARS_MAX):
            number += 1
            try:
                asset = checked(json.loads(line))
                is_one = isinstance(asset["file"], str) and bool(asset["file"].encode())
            except (ValueError, KeyError, TypeError, RecursionError) as bad:
                raise Failure(f"{listing}, line {number}: no asset of an export") from bad
            if not is_one or number > FILES_MAX:
                raise Failure(f"{listing}, line {number}: no asset of an export, or too many of them")
            yield number, asset


def checked(row: Any) -> dict[str, Any]:
    """What somebody else says of an asset, if it is one: its types become parts of paths that this command calls.

    Raises ValueError, KeyError, TypeError.
    """
    if row["resource_type"] not in RESOURCE_TYPES or row["type"] not in KEPT_TYPES:
        raise ValueError("a type that no upload has")
    if not isinstance(row["public_id"], str):
        raise TypeError("a name that is no text")
    row["public_id"].encode()  # half a character could be neither hashed nor sent
    said: dict[str, Any] = row
    return said


def md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


async def pieces_of(path: Path) -> AsyncIterator[bytes]:
    """A file, a piece at a time. Raises OSError."""
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
