"""`domicile tenant create CLOUD`: a new cloud on a running origin, under the strictest policy."""

from __future__ import annotations

from typing import Annotated

import typer

from domicile.cli.calls import call_admin
from domicile.cli.console import as_json, line, out
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data

app = typer.Typer(help="Clouds of this installation.", no_args_is_help=True)


@app.callback()
def tenants() -> None:
    """Clouds of this installation."""


@app.command("create")
def create(
    cloud: Annotated[str, typer.Argument(help="Its name in URLs: 1 to 63 of a-z, 0-9 and -.")],
    config: Config = None,
    data: Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Create a cloud and print its CLOUDINARY_URL, which is shown this once."""
    place = installation(config, data)
    answer = call_admin(place.require_admin_socket(), "POST", "/_admin/v1/tenants", {"cloud": cloud})
    if not answer.ok:
        raise Failure(answer.message)
    if json:
        as_json(answer.body)
        return
    out.print(f"[bold green]created[/] cloud [bold]{cloud}[/]")
    line("CLOUDINARY_URL", str(answer.body["cloudinary_url"]))
    line("policy", f"{place.policies / cloud}.toml (strict-eu until you change it)")
