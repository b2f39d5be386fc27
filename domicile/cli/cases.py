"""`domicile subject cases`: the register of requests, and which of them are due."""

from __future__ import annotations

import json as text_of
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from rich.markup import escape
from rich.table import Table

from domicile.cli.calls import call_url
from domicile.cli.console import as_json, line, out
from domicile.cli.erase import Account, account_of, credentials
from domicile.cli.failure import Failure
from domicile.cli.options import Config, Data

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
PAGES_MAX = 1000

Id = Annotated[str, typer.Argument(metavar="CASE_ID", help="As `open` told it.")]
Reason = Annotated[str, typer.Option(help="Why; kept sealed.")]

app = typer.Typer(help="The register of requests of persons, with their due dates.", no_args_is_help=True)


@app.command("list")
def listing(
    state: Annotated[str, typer.Option(help="open, overdue, closed or all.")] = "open",
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """The first due first. Exit code 3: some are overdue."""
    account, rows = _account(config, data), list[dict[str, Any]]()
    cursor: dict[str, str] = {}
    for _ in range(PAGES_MAX):
        said = _ask(account, "GET", f"?{urlencode({'state': state, 'max_results': 500, **cursor})}")
        rows += said["cases"]
        if not said.get("next_cursor"):
            break
        cursor = {"next_cursor": str(said["next_cursor"])}
    else:
        raise Failure(f"the list goes on after {PAGES_MAX} pages: ask for fewer with --state")
    if json:
        as_json({"cases": rows})
    else:
        table = Table("case", "kind", "received", "due", "state", "reference", box=None)
        for row in rows:
            told = "[bold red]overdue[/]" if row["overdue"] else row["outcome"] or row["state"]
            table.add_row(row["case_id"], row["kind"], row["received"], row["due_date"], told, escape(row["reference"]))
        out.print(table)
    if any(row["overdue"] for row in rows):
        raise typer.Exit(3)


@app.command("open")
def open_case(
    kind: Annotated[str, typer.Option(help="access, rectification, erasure, restriction, portability or objection.")],
    received: Annotated[str, typer.Option(help="The day on which it came, like 2026-11-26; default: today.")] = "",
    subject_id: Annotated[str, typer.Option(help="Whom it is about; kept as a keyed hash.")] = "",
    reference: Annotated[str, typer.Option(help="What you call it; kept sealed.")] = "",
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Note a request, and print by when it must be answered."""
    asked = {"kind": kind, "received": received, "subject_id": subject_id, "reference": reference}
    _tell(_ask(_account(config, data), "POST", "", {name: text for name, text in asked.items() if text}), json=json)


@app.command("extend")
def extend(case: Id, reason: Reason, config: Config = None, data: Data = None, json: Json = False) -> None:
    """Two further months, once; tell the person why within the first one."""
    _tell(_ask(_account(config, data), "POST", f"/{quote(case, safe='')}/extend", {"reason": reason}), json=json)


@app.command("close")
def close(
    case: Id,
    outcome: Annotated[str, typer.Option(help="done, refused or withdrawn.")] = "done",
    reason: Reason = "",
    erasure_id: Annotated[str, typer.Option(help="The erasure that was made for it.")] = "",
    export_id: Annotated[str, typer.Option(help="The export that was made for it.")] = "",
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """It was answered."""
    asked = {"outcome": outcome, "reason": reason, "erasure_id": erasure_id, "export_id": export_id}
    body = {name: text for name, text in asked.items() if text}
    _tell(_ask(_account(config, data), "POST", f"/{quote(case, safe='')}/close", body), json=json)


def _account(config: Config, data: Data) -> Account:
    return account_of(credentials(config, data))


def _ask(account: Account, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    headers = {"Authorization": account.authorization, "Content-Type": "application/json"}
    sent = b"" if body is None else text_of.dumps(body).encode()
    answer = call_url(account.api_base, method, f"/v1_1/{account.cloud}/subjects/cases{path}", headers, sent)
    if not answer.ok:
        raise Failure(f"{answer.message} (status {answer.status})")
    return answer.body


def _tell(said: dict[str, Any], *, json: bool) -> None:
    if json:
        as_json(said)
        return
    for name in ("case_id", "kind", "state", "received", "due_date", "outcome"):
        line(name, str(said.get(name) or ""))
