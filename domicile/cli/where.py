"""`domicile where`: where an asset is, was and may be; and with --crawl, whether the records and the store tell the same."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.markup import escape
from rich.table import Table

from domicile.cli.calls import call_admin, call_url
from domicile.cli.console import as_json, line, out, plain
from domicile.cli.erase import account_of, credentials
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import AssetId, Config, Data

CRAWL_PATH = "/_admin/v1/crawl"
PAGES_MAX = 1_000_000
"""Of one crawl: a page is a thousand originals."""
DIFFERENCES = ("unlisted", "phantom", "strangers_at_edges")


def where(
    public_id: Annotated[str | None, typer.Option("--public-id", help="Exactly this name.")] = None,
    asset_id: AssetId = None,
    resource_type: Annotated[str, typer.Option(help="Of the name: image, video or raw.")] = "image",
    delivery_type: Annotated[
        str, typer.Option("--type", help="Of the name: upload, private, authenticated, …")
    ] = "upload",
    crawl: Annotated[
        bool,
        typer.Option(
            "--crawl", help="Compare all records with the store of originals, and with what edges have listed."
        ),
    ] = False,
    config: Config = None,
    data: Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell every place of one asset, and how that is known; or --crawl. Exit code 3: the crawl has found differences."""
    if [public_id is not None, asset_id is not None, crawl].count(True) != 1:
        raise Failure("give exactly one of --public-id, --asset-id, --crawl", 2)
    if crawl:
        _tell_crawl(_crawl(config, data), json=json)
        return
    asked = {"asset_id": asset_id} if public_id is None else {"public_id": public_id}
    if public_id is not None:
        asked |= {"resource_type": resource_type, "type": delivery_type}
    account = account_of(credentials(config, data))
    path = f"/v1_1/{account.cloud}/places?{urlencode(asked)}"
    answer = call_url(account.api_base, "GET", path, {"Authorization": account.authorization}, b"")
    if not answer.ok:
        raise Failure(answer.message)
    if json:
        as_json(answer.body)
    else:
        out.print(_table(answer.body["places"]))


def _table(places: list[dict[str, Any]]) -> Table:
    table = Table("place", "region", "what", "version", "state", "since", "until", "known by", box=None)
    for one in places:
        named = f"{one['place']} {one['name']}".strip()
        state = f"{one['state']} ({one['why']})" if one.get("why") else str(one["state"])
        until = one["until"] or (f"{one['seconds_max']} s at most" if "seconds_max" in one else "")
        version = (one["version_id"] or "")[:8]
        cells = (named, one["region"], one["what"], version, state, one["since"] or "", until, one["evidence"])
        table.add_row(*(escape(plain(str(cell))) for cell in cells))
    return table


def _crawl(config: Config, data: Data) -> dict[str, Any]:
    """A pass from its beginning to its end, a page at a time."""
    socket = installation(config, data).require_admin_socket()
    asked: dict[str, str] = {"anew": "true"}
    for _ in range(PAGES_MAX):
        answer = call_admin(socket, "POST", CRAWL_PATH, asked)
        if not answer.ok:
            raise Failure(answer.message)
        if answer.body["finished"]:
            return answer.body
        asked = {}
    raise Failure(f"it is not over after {PAGES_MAX} pages; the origin goes on with it")


def _tell_crawl(found: dict[str, Any], *, json: bool) -> None:
    differ = any(found[name] for name in DIFFERENCES)
    if json:
        as_json(found)
    else:
        out.print("[bold red]they differ[/]" if differ else "[bold green]the records and the store tell the same[/]")
        for name in ("compared", *DIFFERENCES):
            line(name, str(found[name]))
        for one in found["examples"]:
            line(f"{one['difference']} ({one['where']})", f"{one['cloud']} {one['version_id']}")
    if differ:
        raise typer.Exit(3)
