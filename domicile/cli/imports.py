"""`domicile import cloudinary` and `import directory`: assets into a cloud, as often as it takes, none of them twice."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from domicile.cli.account_settings import Settings
from domicile.cli.console import as_json, line, note, out
from domicile.cli.failure import Failure
from domicile.cli.installation import Installation, installation
from domicile.cli.options import Config, Data
from domicile.cli.sources import account_items, directory_items, kind_by_extension
from domicile.cli.transfer import Journal, Transfer, summary
from domicile.media.account import Account, read_account
from domicile.media.errors import MediaError
from domicile.media.policy import Activity, Deny, Permit, Place, PolicyError, decide
from domicile.media.policy_file import from_toml
from domicile.service.gate.account import AccountClient, Refused

CONCURRENCY_MAX = 32

Into = Annotated[str | None, typer.Option("--into", help="CLOUDINARY_URL of the cloud; default: the installation's.")]
Concurrency = Annotated[int, typer.Option(help="Assets at a time.", min=1, max=CONCURRENCY_MAX)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
JournalFile = Annotated[
    Path | None, typer.Option("--journal", help="File that remembers what is done (keyed hashes), to go on from.")
]
Types = Annotated[str, typer.Option("--types", help="Resource types, joined by commas.")]
Region = Annotated[
    str | None, typer.Option("--region", help="Where this machine is; default: the installation's region.")
]

app = typer.Typer(help="Bring assets into a cloud.", no_args_is_help=True)


@app.command("cloudinary")
def cloudinary(
    source: Annotated[
        str, typer.Option("--from", envvar="SOURCE_CLOUDINARY_URL", help="CLOUDINARY_URL of the account to read.")
    ],
    into: Into = None,
    types: Types = "image,raw",
    settings: Annotated[
        bool, typer.Option(help="Bring transformations, upload presets, folders and triggers as well.")
    ] = True,
    concurrency: Concurrency = 4,
    dry_run: DryRun = False,
    journal: JournalFile = None,
    region: Region = None,
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Read an account through its Admin API: names, types, tags, context, metadata, folders and access rules are kept, and its
    named transformations, upload presets and triggers.
    """
    place, account = installation(config, data), account_of(source)
    target = target_of(into, place)
    reads = permitted(place, target.cloud, Activity.INGRESS_FETCH, region)
    writes = permitted(place, target.cloud, Activity.STORE, region)
    kinds = tuple(each.strip() for each in types.split(",") if each.strip())

    async def work() -> Counter[str]:
        async with (
            AccountClient.open(
                account, Activity.INGRESS_FETCH, target.cloud, connections_max=concurrency + 1
            ) as client,
            AccountClient.open(target, Activity.STORE, target.cloud, connections_max=concurrency + 1) as ours,
        ):
            moved = Settings(source=client, reads=reads, into=ours, writes=writes, is_dry=dry_run)
            await moved.fields()
            if settings:
                await moved.before_assets()
            transfer = Transfer(
                into=ours,
                permit=writes,
                journal=opened(journal, target, "import"),
                concurrency=concurrency,
                is_dry=dry_run,
            )
            counts = await transfer.run(account_items(client, reads, kinds))
            if settings:
                await moved.after_assets()
            return counts + moved.counts

    finish(run(work), json=json)


@app.command("directory")
def directory(
    path: Annotated[Path, typer.Argument(help="The directory; one that `domicile export` wrote keeps all it says.")],
    folder: Annotated[str, typer.Option(help="Folder of public_ids to bring the files into.")] = "",
    into: Into = None,
    concurrency: Concurrency = 4,
    dry_run: DryRun = False,
    journal: JournalFile = None,
    region: Region = None,
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Upload the files below a directory, each under its path; pictures as images, all else as raw files."""
    if not path.is_dir():
        raise Failure(f"{path} is not a directory", 2)
    place = installation(config, data)
    target = target_of(into, place)
    writes = permitted(place, target.cloud, Activity.STORE, region)

    async def work() -> Counter[str]:
        async with AccountClient.open(target, Activity.STORE, target.cloud, connections_max=concurrency + 1) as ours:
            transfer = Transfer(
                into=ours,
                permit=writes,
                journal=opened(journal, target, "import"),
                concurrency=concurrency,
                is_dry=dry_run,
            )
            return await transfer.run(directory_items(path, writes, folder=folder, kind_of=kind_by_extension))

    finish(run(work), json=json)


def account_of(url: str) -> Account:
    """Raises Failure."""
    try:
        return read_account(url)
    except MediaError as bad:
        raise Failure(bad.message, 2) from bad


def target_of(into: str | None, place: Installation) -> Account:
    """The cloud that is meant: by --into, CLOUDINARY_URL, or what the installation has written down. Raises Failure."""
    url = into or os.environ.get("CLOUDINARY_URL", "")
    if not url:
        try:
            url = place.credentials.read_text("utf-8")
        except OSError as absent:
            raise Failure("which cloud? give --into CLOUDINARY_URL, or set CLOUDINARY_URL", 2) from absent
    return account_of(url)


def permitted(place: Installation, cloud: str, activity: Activity, region: str | None) -> Permit:
    """What the cloud's own policy says of this machine. Raises Failure."""
    file = place.policies / f"{cloud}.toml"
    try:
        policy = from_toml(file.read_text("utf-8"), cloud=cloud, home=place.origin_region)
    except OSError as absent:
        raise Failure(f"the policy of the cloud cannot be read ({file}): run this beside the origin's data") from absent
    except PolicyError as bad:
        raise Failure(f"{file}: {bad}") from bad
    here = Place(name="operator", region=region or place.origin_region)
    decision = decide(policy, activity, here, at=time.time())
    if isinstance(decision, Deny):
        raise Failure(f"the policy denies {decision.reason}: see [zones] in {file}")
    return decision


def opened(path: Path | None, target: Account, verb: str) -> Journal:
    journal = Journal(path or Path(f"domicile-{verb}-{target.cloud}.journal"), target.api_secret)
    known = journal.read()
    if known:
        note(f"going on: {known} assets were done before")
    return journal


def run(work: Callable[[], Coroutine[Any, Any, Counter[str]]]) -> Counter[str]:
    """Raises Failure."""
    try:
        return asyncio.run(work())
    except* Refused as refused:
        raise Failure(str(refused.exceptions[0])) from refused
    except* Failure as failed:
        raise Failure(str(failed.exceptions[0])) from failed
    except* (KeyError, TypeError, ValueError, AttributeError) as odd:
        raise Failure(f"what the other side says makes no sense ({type(odd.exceptions[0]).__name__})") from odd


def finish(counts: Counter[str], *, json: bool) -> None:
    """Say what was done; exit code 1 when something failed."""
    said = summary(counts)
    if json:
        as_json(said)
    else:
        out.print("[bold green]done[/]" if not counts["failed"] else "[bold red]not all of it[/]")
        for name, count in said.items():
            line(name, str(count))
    if counts["failed"]:
        raise typer.Exit(1)
