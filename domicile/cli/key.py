"""`domicile key`: keys of the API (see api_key.py), and keys that sign purges.

The private half of a key for purges is made here and never leaves its file.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from domicile.cli import api_key
from domicile.cli.calls import call_admin
from domicile.cli.console import as_json, line, out
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data
from domicile.service.signing import SigningKey, new_key

OPERATIONS = "asset,public_id,url,tag,prefix,all"

app = typer.Typer(
    help="Keys of the API (create, list, disable, enable), and keys that sign purges (new).", no_args_is_help=True
)
app.command("create")(api_key.create)
app.command("list")(api_key.listing)
app.command("disable")(api_key.disable)
app.command("enable")(api_key.enable)


@app.command("new")
def new(
    out_file: Annotated[Path, typer.Option("--out", help="File for the private key (made with mode 0600).")],
    cloud: Annotated[str, typer.Option(help="The cloud whose assets the key may purge.")] = "demo",
    keyid: Annotated[str | None, typer.Option(help="Its name; default: the cloud's and a random part.")] = None,
    operations: Annotated[str, typer.Option(help="What it may ask for.")] = OPERATIONS,
    days: Annotated[int, typer.Option(help="Days that it is valid.", min=1, max=3650)] = 365,
    config: Config = None,
    data: Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make an ed25519 key pair, keep the private half in a file, register the public half at the running origin."""
    door = installation(config, data).require_admin_socket()
    key = new_key(keyid or f"{cloud}-{secrets.token_hex(6)}")
    write_private(out_file, key)
    wanted = {
        "cloud": cloud,
        "keyid": key.key_id,
        "public_key": key.public_base64,
        "operations": [operation.strip() for operation in operations.split(",") if operation.strip()],
        "days": days,
    }
    try:
        answer = call_admin(door, "POST", "/_admin/v1/keys", wanted)
        if not answer.ok:
            raise Failure(answer.message)
    except Failure:
        out_file.unlink()  # a key that nobody knows is of no use
        raise
    if json:
        as_json({"keyid": key.key_id, "public_key": key.public_base64, "file": str(out_file), **answer.body})
        return
    out.print(f"[bold green]registered[/] a purge key for cloud [bold]{cloud}[/]")
    line("keyid", key.key_id)
    line("public key", key.public_base64)
    line("private key", f"{out_file} (mode 0600; it is nowhere else)")


@app.command("revoke")
def revoke(
    keyid: Annotated[str, typer.Argument(metavar="KEY", help="An API key (15 digits), or the name of a signing key.")],
    cloud: Annotated[str, typer.Option(help="The cloud of an API key.")] = "demo",
    config: Config = None,
    data: Data = None,
) -> None:
    """From now on the origin takes nothing that this key signed."""
    if api_key.API_KEY.fullmatch(keyid):
        api_key.revoke(keyid, cloud, config, data)
        return
    answer = call_admin(
        installation(config, data).require_admin_socket(), "POST", "/_admin/v1/keys/revoke", {"keyid": keyid}
    )
    if not answer.ok:
        raise Failure(answer.message)
    if not answer.body.get("revoked"):
        raise Failure("the origin knows no such key")
    out.print(f"[bold green]revoked[/] {keyid}")


def write_private(file: Path, key: SigningKey) -> None:
    """Create the file with mode 0600 from its first byte. Raises Failure when it exists: no key is overwritten."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as there:
        raise Failure(f"{file} exists already; choose another name") from there
    except OSError as bad:
        raise Failure(f"{file}: {bad.strerror}") from bad
    with os.fdopen(handle, "wb") as target:
        target.write(key.to_pem())
        target.flush()
        os.fsync(handle)
