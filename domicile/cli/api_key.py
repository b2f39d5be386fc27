"""`domicile key create`, `list`, `disable`, `enable` and, for keys of the API, `revoke`.

To rotate: create a new key, give it to the application, look at `list` until the old one is no longer called, revoke it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from rich.table import Table

from domicile.cli.calls import call_admin
from domicile.cli.console import as_json, line, out
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data

PATH = "/_admin/v1/api_keys"
API_KEY = re.compile(r"[1-9][0-9]{14}")
Cloud = Annotated[str, typer.Option(help="The cloud that the key is for.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Key = Annotated[str, typer.Argument(metavar="API_KEY", help="Its 15 digits.")]


def create(
    cloud: Cloud = "demo",
    scope: Annotated[
        str, typer.Option(help="What it may do: of read, upload, edit, delete, erase, dpo; or admin, which is all.")
    ] = "admin",
    folder: Annotated[str, typer.Option(help="Only assets in this folder of public_ids; empty: everywhere.")] = "",
    name: Annotated[str, typer.Option(help="What you call it, for `list`.")] = "",
    calls_max: Annotated[int, typer.Option(help="API calls in an hour; 0: as many as the cloud may.", min=0)] = 0,
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make an API key beside those in use, and print its CLOUDINARY_URL, which is shown this once."""
    wanted: dict[str, Any] = {"cloud": cloud, "scope": [each.strip() for each in scope.split(",") if each.strip()]}
    wanted |= {key: value for key, value in (("folder", folder), ("name", name), ("calls_max", calls_max)) if value}
    answer = _call(config, data, "", wanted)
    if json:
        as_json(answer)
        return
    out.print(f"[bold green]created[/] an API key for cloud [bold]{cloud}[/]")
    line("API key", str(answer["api_key"]))
    line("may", _may(answer))
    line("CLOUDINARY_URL", str(answer["cloudinary_url"]))


def listing(cloud: Cloud = "demo", config: Config = None, data: Data = None, json: Json = False) -> None:
    """The API keys of a cloud, and how often each was called in this hour."""
    answer = _call(config, data, "/list", {"cloud": cloud})
    if json:
        as_json(answer)
        return
    table = Table("API key", "name", "may", "state", "created", "calls this hour", box=None)
    for key in answer["keys"]:
        state = "enabled" if key["enabled"] else "disabled"
        most = f" of {key['calls_max']}" if key["calls_max"] else ""
        calls = f"{key['calls_this_hour']}{most}"
        table.add_row(key["api_key"], key["name"], _may(key), state, key["created_at"][:10], calls)
    out.print(table)


def disable(api_key: Key, cloud: Cloud = "demo", config: Config = None, data: Data = None) -> None:
    """Take nothing from a key, and believe no URL that it signed, until it is enabled again."""
    _state(config, data, "/disable", {"cloud": cloud, "api_key": api_key}, "disabled")


def enable(api_key: Key, cloud: Cloud = "demo", config: Config = None, data: Data = None) -> None:
    """Take calls of a key again that was disabled."""
    _state(config, data, "/enable", {"cloud": cloud, "api_key": api_key}, "enabled")


def revoke(api_key: str, cloud: str, config: Config, data: Data) -> None:
    """For good: its secret is destroyed."""
    _state(config, data, "/revoke", {"cloud": cloud, "api_key": api_key}, "revoked")


def _state(config: Config, data: Data, path: str, wanted: dict[str, Any], done: str) -> None:
    answer = _call(config, data, path, wanted)
    out.print(f"[bold green]{done}[/] {wanted['api_key']}")
    if not answer["fenced"]:
        out.print("an edge has not confirmed it yet; at the end of its lease it stops believing by itself")


def _call(config: Config, data: Data, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    answer = call_admin(installation(config, data).require_admin_socket(), "POST", PATH + path, wanted)
    if not answer.ok:
        raise Failure(answer.message)
    return dict(answer.body)


def _may(key: dict[str, Any]) -> str:
    return ", ".join(key["scope"]) + (f" in {key['folder']}" if key["folder"] else "")
