"""`domicile token new`, `list` and `retire`: the keys that a cloud's tokens (`__cld_token__`) are made with."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from domicile.cli.calls import call_admin
from domicile.cli.console import as_json, line, out
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data

PATH = "/_admin/v1/token_keys"
Cloud = Annotated[str, typer.Option(help="The cloud whose assets the tokens open.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

app = typer.Typer(help="Keys that tokens for viewers are made with.", no_args_is_help=True)


@app.command("new")
def new(cloud: Cloud = "demo", config: Config = None, data: Data = None, json: Json = False) -> None:
    """Make a key beside the one in use, and print it: it is shown this once."""
    answer = _call(config, data, "", {"cloud": cloud})
    if json:
        as_json(answer)
        return
    out.print(f"[bold green]made[/] a token key for cloud [bold]{cloud}[/]")
    line("id", str(answer["id"]))
    line("key", f"{answer['key']} (the SDK's auth_token key)")


@app.command("list")
def keys(cloud: Cloud = "demo", config: Config = None, data: Data = None, json: Json = False) -> None:
    """The ids of a cloud's keys."""
    answer = _call(config, data, "/list", {"cloud": cloud})
    if json:
        as_json(answer)
        return
    for one in answer["ids"]:
        out.print(one)


@app.command("retire")
def retire(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    cloud: Cloud = "demo",
    config: Config = None,
    data: Data = None,
) -> None:
    """From now on tokens that were made with this key open nothing, at any edge that answers."""
    _call(config, data, "/retire", {"cloud": cloud, "id": key_id})
    out.print(f"[bold green]retired[/] {key_id}")


def _call(config: Config, data: Data, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    answer = call_admin(installation(config, data).require_admin_socket(), "POST", PATH + path, wanted)
    if not answer.ok:
        raise Failure(answer.message)
    return dict(answer.body)
