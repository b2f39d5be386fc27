"""`domicile erase`: forget assets everywhere. Originals, keys, renditions and cached copies; the statement is signed."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import typer

from domicile.cli.calls import Answer, call_url
from domicile.cli.console import as_json, line, note, out
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data

LISTED_MAX = 20
"""Assets that are shown before the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who asks, and where."""

    cloud: str
    api_base: str
    authorization: str = field(repr=False)


def erase(
    public_id: Annotated[str | None, typer.Option("--public-id", help="Exactly this name, in every type.")] = None,
    asset_id: Annotated[str | None, typer.Option("--asset-id", help="One asset.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Assets that carry this tag now.")] = None,
    prefix: Annotated[str | None, typer.Option("--prefix", help="A path, cut at slashes.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="The path of a delivery URL.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    statement: Annotated[Path | None, typer.Option(help="Write the signed statement to this file.")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Erase what one selector matches: all versions and their keys. It cannot be undone.

    Credentials: CLOUDINARY_URL, or else the file that the origin wrote into the data directory.
    """
    given = {"public_id": public_id, "asset_id": asset_id, "tag": tag, "prefix": prefix, "url": url}
    selector = {name: value for name, value in given.items() if value}
    if len(selector) != 1:
        raise Failure("give exactly one of --public-id, --asset-id, --tag, --prefix, --url", 2)
    account = account_of(credentials(config, data))
    found = _call(account, {**selector, "mode": "dry_run"}).body.get("assets", [])
    if dry_run:
        as_json(found)
        return
    if not found:
        raise Failure("nothing matches; what was erased before and what never existed look the same")
    _show(found)
    if not yes and not typer.confirm(f"Erase {len(found)} asset(s) for ever?", default=False):
        raise Failure("nothing was erased")
    said = _call(account, {**selector, "mode": "erase"}).body
    if statement is not None:
        write_statement(statement, said)
        line("statement", str(statement))
    else:
        as_json(said)
    note("erased; whoever holds the statement can check it against /.well-known/domicile/statement-key of the API")


def credentials(config: Path | None, data: Path | None) -> str:
    """The CLOUDINARY_URL to use."""
    if url := os.environ.get("CLOUDINARY_URL"):
        return url
    file = installation(config, data).credentials
    try:
        return file.read_text("utf-8").strip()
    except OSError as absent:
        raise Failure(f"set CLOUDINARY_URL, or name the data directory (no {file})", 2) from absent


def account_of(url: str) -> Account:
    """Read cloudinary://KEY:SECRET@CLOUD?upload_prefix=URL. Raises Failure without showing any of it."""
    parts = urlsplit(url)
    prefix = parse_qs(parts.query).get("upload_prefix", [""])[0]
    if parts.scheme != "cloudinary" or not (parts.username and parts.password and parts.hostname and prefix):
        raise Failure("CLOUDINARY_URL is not like cloudinary://KEY:SECRET@CLOUD?upload_prefix=URL", 2)
    basic = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    return Account(cloud=parts.hostname, api_base=prefix, authorization=f"Basic {basic}")


def write_statement(file: Path, said: dict[str, Any]) -> None:
    """Keep the statement as it came; it names nobody. Raises Failure when the file exists."""
    import json

    try:
        with file.open("x", encoding="utf-8") as target:
            json.dump(said, target, indent=2, ensure_ascii=False)
    except OSError as bad:
        as_json(said)  # it is asked for once; do not lose it
        raise Failure(f"{file}: {bad.strerror}; the statement is above") from bad


def _call(account: Account, fields: dict[str, str]) -> Answer:
    answer = call_url(
        account.api_base,
        "POST",
        f"/v1_1/{account.cloud}/erasures",
        {"Authorization": account.authorization, "Content-Type": "application/x-www-form-urlencoded"},
        urlencode(fields).encode(),
    )
    if not answer.ok:
        raise Failure(f"{answer.message} (status {answer.status})")
    return answer


def _show(found: list[dict[str, Any]]) -> None:
    for asset in found[:LISTED_MAX]:
        name = f"{asset.get('resource_type', '')}/{asset.get('type', '')}/{asset.get('public_id', '')}"
        line(name, f"{asset.get('bytes', '?')} bytes, {asset.get('created_at', '')}")
    if len(found) > LISTED_MAX:
        out.print(f"  … and {len(found) - LISTED_MAX} more")
