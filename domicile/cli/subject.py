"""`domicile subject export`: all that is held about one person, into a file of yours; and the register of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import typer

from domicile.cli import cases
from domicile.cli.console import as_json, line, note, out
from domicile.cli.erase import write
from domicile.cli.failure import Failure
from domicile.cli.imports import Into, Json, Region, permitted, target_of
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data
from domicile.media.policy import Activity, Permit
from domicile.service.gate.account import AccountClient, Refused
from domicile.service.gate.exports import write_original

PARTS_MAX = 1000

T = TypeVar("T")

app = typer.Typer(help="What is held about a person, and requests of persons.", no_args_is_help=True)
app.add_typer(cases.app, name="cases")


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The archive to write; further parts get a number.")],
    subject_id: Annotated[
        str, typer.Option(prompt="subject_id", help="Whom it is about, as uploads say it; asked for if it is left out.")
    ],
    include_shared: Annotated[
        bool, typer.Option("--include-shared", help="Also files that are about other people, too.")
    ] = False,
    into: Into = None,
    region: Region = None,
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write the originals and all that is known of them into an archive, signed; in the clear, for you to hand over."""
    place = installation(config, data)
    source = target_of(into, place)
    permit = permitted(place, source.cloud, Activity.BACKUP, region)
    asked = {"subject_id": subject_id, "multi_subject": "include" if include_shared else "leave_out"}

    async def work() -> list[dict[str, Any]]:
        async with AccountClient.open(source, Activity.BACKUP, source.cloud, connections_max=2) as client:
            return await _parts(client, permit, asked, file)

    parts = run(work())
    if json:
        as_json({"parts": parts})
        return
    for part in parts:
        out.print(f"[bold green]{'nothing is held' if part['outcome'] == 'nothing_held' else 'written'}[/]")
        for name in ("file", "versions", "files", "gone"):
            if name in part:
                line(name, str(part[name]))


async def _parts(client: AccountClient, permit: Permit, asked: dict[str, str], file: Path) -> list[dict[str, Any]]:
    done: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for number in range(1, PARTS_MAX + 1):
        path = file if number == 1 else file.with_stem(f"{file.stem}-{number}")
        if path.exists():
            raise Failure(f"{path} exists")
        said = await client.ask(permit, "POST", "/subjects/exports", body={**asked, **cursor})
        if said["outcome"] == "nothing_held":
            write(path, {"manifest": said["manifest"], "signature": said["signature"]}, "answer")
            return [*done, {"outcome": said["outcome"], "file": str(path)}]
        done.append({"outcome": said["outcome"], "file": str(path), **await _fetched(client, permit, said, path)})
        if not said.get("next_cursor"):
            return done
        cursor = {"next_cursor": str(said["next_cursor"])}
    raise Failure(f"there are more than {PARTS_MAX} parts")


async def _fetched(client: AccountClient, permit: Permit, said: dict[str, Any], path: Path) -> dict[str, Any]:
    at = f"/subjects/exports/{said['export_id']}"
    with await client.fetch_once(
        permit, f"{at}/download", parse_qsl(urlsplit(str(said["download_url"])).query)
    ) as archive:
        write_original(permit, path, archive)
    told = await client.ask(permit, "GET", at)
    if told["state"] == "cut_off":
        note(f"{path}: it was cut off; ask again")
    return {name: told[name] for name in ("versions", "files", "gone")}


def run(work: Coroutine[Any, Any, T]) -> T:
    """Raises Failure."""
    try:
        return asyncio.run(work)
    except Refused as refused:
        raise Failure(str(refused)) from refused
    except OSError as bad:
        raise Failure(str(bad)) from bad
