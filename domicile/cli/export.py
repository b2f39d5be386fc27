"""`domicile export`: originals of a cloud in a directory, and a line of JSON for each asset; what is there is not fetched again."""

from __future__ import annotations

import asyncio
import json as text_of
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from domicile.cli.console import err, note
from domicile.cli.imports import Concurrency, DryRun, Into, Json, Region, Types, finish, permitted, run, target_of
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data
from domicile.cli.sources import LISTING, assets_of, detailed, exported
from domicile.cli.transfer import COMPLAINTS_MAX, NONSENSE
from domicile.media.policy import Activity, Permit
from domicile.service.gate.account import AccountClient, Refused
from domicile.service.gate.exports import append_line, write_original

ENDING_CHARS_MAX = 16
LEFT_OUT = ("url", "secure_url", "derived", "signature", "domicile")
"""What is of the moment, and not of the asset."""


def export(
    directory: Annotated[Path, typer.Argument(help="Where to; it may hold an export that is to be gone on with.")],
    cloud: Into = None,
    types: Types = "image,raw",
    concurrency: Concurrency = 4,
    dry_run: DryRun = False,
    region: Region = None,
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write originals and what is known of them into a directory that only you can read. It is in the clear."""
    place = installation(config, data)
    source = target_of(cloud, place)
    permit = permitted(place, source.cloud, Activity.BACKUP, region)
    kinds = tuple(each.strip() for each in types.split(",") if each.strip())

    async def work() -> Counter[str]:
        async with AccountClient.open(source, Activity.BACKUP, source.cloud, connections_max=concurrency + 1) as client:
            job = _Export(client, permit, directory, is_dry=dry_run)
            return await job.run(kinds, concurrency)

    finish(run(work), json=json)


class _Export:
    """One run."""

    def __init__(self, client: AccountClient, permit: Permit, directory: Path, *, is_dry: bool) -> None:
        self._client = client
        self._permit = permit
        self._directory = directory
        self._is_dry = is_dry
        self._counts: Counter[str] = Counter()
        self._known: set[tuple[str, Any]] = set()

    async def run(self, kinds: tuple[str, ...], concurrency: int) -> Counter[str]:
        listing = self._directory / LISTING
        if listing.is_file():
            self._known = {
                (asset["asset_id"], asset.get("etag")) for path, asset in exported(listing) if path.is_file()
            }
        waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(maxsize=2 * concurrency)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=err, transient=True) as shown:
            task = shown.add_task("assets", total=None)

            async def work() -> None:
                while (row := await waiting.get()) is not None:
                    self._counts[await self._one(row)] += 1
                    shown.advance(task)

            async def feed() -> None:
                found = 0
                async for row in assets_of(self._client, self._permit, kinds):
                    if (row["asset_id"], row.get("etag")) in self._known:
                        self._counts["there"] += 1
                        continue
                    found += 1
                    await waiting.put(row)
                    shown.update(task, total=found)
                for _ in range(concurrency):
                    await waiting.put(None)

            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(work())
                group.create_task(feed())
        return self._counts

    async def _one(self, row: dict[str, Any]) -> str:
        if self._is_dry:
            return "would export"
        try:
            told = {**row, **await detailed(self._client, self._permit, row)}
            with await self._client.download(self._permit, told) as original:
                file = file_of(told)
                await asyncio.to_thread(write_original, self._permit, self._directory / file, original)
                kept = {name: value for name, value in told.items() if name not in LEFT_OUT}
                said = {**kept, "file": file, "etag": original.md5, "sha256": original.sha256}
            append_line(self._permit, self._directory / LISTING, text_of.dumps(said, ensure_ascii=False))
        except (Refused, OSError, KeyError, TypeError, ValueError, AttributeError) as refused:
            if self._counts["failed"] < COMPLAINTS_MAX:
                why = refused if isinstance(refused, Refused | OSError) else NONSENSE
                note(f"{row['resource_type']}/{row['type']}/{row['public_id']}: {why}")
            return "failed"
        return "exported"


def file_of(asset: dict[str, Any]) -> str:
    """By its id: a public_id may be no file name at all. Raises ValueError for an id that is none.

    >>> file_of({"asset_id": "ab" * 16, "format": "jpg"})
    'originals/ab/abababababababababababababababab.jpg'
    """
    asset_id, ending = str(asset["asset_id"]), str(asset.get("format") or "bin")
    if not (asset_id.isalnum() and asset_id.isascii()):
        raise ValueError("an asset with an id that is none")
    if not (ending.isalnum() and ending.isascii() and len(ending) <= ENDING_CHARS_MAX):
        ending = "bin"
    return f"originals/{asset_id[:2]}/{asset_id}.{ending}"
