"""`domicile hold place`, `list` and `lift`: legal holds, which keep assets from being erased, whoever asks."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from domicile.cli.calls import call_url
from domicile.cli.console import as_json, line, out
from domicile.cli.erase import SELECTORS, Account, account_of, credentials, selector_of
from domicile.cli.failure import Failure
from domicile.cli.options import AssetId, Config, Data, Prefix, PublicId, Search, Subject, Tag, Url

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

app = typer.Typer(help="Legal holds: what is held is not erased until the hold is lifted.", no_args_is_help=True)


@app.command("place")
def place(
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept sealed.")],
    by: Annotated[str, typer.Option("--by", help="Who placed it; it is kept sealed.")],
    public_id: PublicId = None,
    asset_id: AssetId = None,
    tag: Tag = None,
    prefix: Prefix = None,
    url: Url = None,
    subject: Subject = None,
    search: Search = None,
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Hold what one selector matches now."""
    given = {"public_id": public_id, "asset_id": asset_id, "tag": tag, "prefix": prefix, "url": url}
    selector = selector_of(**given, subject=subject, search=search)
    if len(selector) != 1:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in SELECTORS)
        raise Failure(f"give exactly one of {options}", 2)
    said = _ask(_account(config, data), "POST", "", {**selector, "placed_by": by, "reason": reason})
    if json:
        as_json(said)
        return
    out.print(f"[bold green]held[/] {said.get('assets', '?')} asset(s)")
    line("hold_id", str(said.get("hold_id", "")))


@app.command("list")
def holds(config: Config = None, data: Data = None, json: Json = False) -> None:
    """Those that stand."""
    said = _ask(_account(config, data), "GET", "", {})
    if json:
        as_json(said)
        return
    for hold in said.get("holds", []):
        told = f"{hold.get('assets', '?')} asset(s), {hold.get('placed_at', '')}, {hold.get('placed_by', '')}"
        line(str(hold.get("hold_id", "")), f"{told}: {hold.get('reason', '')}")


@app.command("lift")
def lift(
    hold_id: Annotated[str, typer.Argument(metavar="ID", help="The hold's id.")],
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """End it: erasures and deletes that waited for it go on."""
    said = _ask(_account(config, data), "DELETE", f"/{quote(hold_id, safe='')}", {})
    if json:
        as_json(said)
        return
    out.print(f"[bold green]lifted[/] {hold_id}")


def _account(config: Config, data: Data) -> Account:
    return account_of(credentials(config, data))


def _ask(account: Account, method: str, path: str, fields: dict[str, str]) -> dict[str, Any]:
    headers = {"Authorization": account.authorization}
    if fields:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    body = urlencode(fields).encode()
    answer = call_url(account.api_base, method, f"/v1_1/{account.cloud}/holds{path}", headers, body)
    if not answer.ok:
        raise Failure(f"{answer.message} (status {answer.status})")
    return answer.body
