"""`domicile purge`: drop cached copies, by one call that is signed with RFC 9421. The assets stay."""

from __future__ import annotations

import json as jsonlib
import secrets
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from domicile.cli.calls import call_url
from domicile.cli.console import as_json, out
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import REGION_LIKE, Config, Data
from domicile.media.policy import zones_of
from domicile.service.signing import NONCE_BYTES, PURGE_PATH, SigningKey, read_key, sign_purge

Texts = list[str] | None


def purge(
    key: Annotated[Path, typer.Option("--key", help="Private key file, made by `domicile key new`.")],
    public_id: Annotated[Texts, typer.Option("--public-id", help="Every type with exactly this name.")] = None,
    asset_id: Annotated[Texts, typer.Option("--asset-id", help="One asset.")] = None,
    url: Annotated[Texts, typer.Option("--url", help="A delivery URL, or its path with the cloud.")] = None,
    tag: Annotated[Texts, typer.Option("--tag", help="Assets that carry this tag now.")] = None,
    prefix: Annotated[Texts, typer.Option("--prefix", help="A path, cut at slashes.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="The whole cloud.")] = False,
    edge: Annotated[
        str | None, typer.Option(help="URL of an edge.", show_default="as the origin wrote it into DATA")
    ] = None,
    region: Annotated[str | None, typer.Option(help="The edge's region.", show_default="eu-de")] = None,
    keyid: Annotated[str | None, typer.Option(help="Name of the key.", show_default="from its file")] = None,
    purge_id: Annotated[str | None, typer.Option(help="Repeat it to ask again for the same answer.")] = None,
    config: Config = None,
    data: Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole answer.")] = False,
) -> None:
    """Sign one purge and send it to an edge; when it is answered, no worker that can be reached serves the old bytes."""
    place = installation(config, data)
    stands_in = region or place.edge_region
    if not zones_of(stands_in):
        raise Failure(f"--region {stands_in!r} is not {REGION_LIKE}", 2)
    targets = targets_of(public_id=public_id, asset_id=asset_id, url=url, tag=tag, prefix=prefix, everything=everything)
    if not targets:
        raise Failure("nothing to purge: give --public-id, --asset-id, --url, --tag, --prefix or --everything", 2)
    signer = _key(key, keyid)
    base = edge or place.edge_base
    body = jsonlib.dumps({"purge_id": purge_id or secrets.token_hex(16), "targets": targets}).encode()
    authority = authority_of(base) if edge else place.edge_authority or authority_of(base)
    headers = sign_purge(
        signer,
        body,
        authority=authority,
        region=stands_in,
        created=int(time.time()),
        nonce=secrets.token_bytes(NONCE_BYTES),
    )
    answer = call_url(base, "POST", PURGE_PATH, {"Host": authority, **headers}, body)
    if not answer.ok:
        raise Failure(f"{answer.message} (status {answer.status})")
    if json:
        as_json(answer.body)
    else:
        done = answer.body.get("state") == "fenced"
        out.print(
            f"{'[bold green]purged[/]' if done else '[bold yellow]pending[/]'} {describe(answer.body)}", soft_wrap=True
        )


def targets_of(*, everything: bool, **lists: Texts) -> list[dict[str, Any]]:
    """The `targets` of the body: one object a selector."""
    targets: list[dict[str, Any]] = [{name: value} for name, values in lists.items() for value in values or ()]
    return [*targets, {"everything": True}] if everything else targets


def authority_of(base: str) -> str:
    """HOST[:PORT] as it is sent and signed: lower case, without the scheme's default port."""
    parts = urlsplit(base)
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.netloc.lower().removesuffix(default)


def describe(answer: dict[str, Any]) -> str:
    """The answer in a line; fields that it lacks are left out."""
    shown: dict[str, Any] = {
        name: answer[name] for name in ("assets", "state", "sequence", "repeated") if name in answer
    }
    if answer.get("state") == "pending":
        shown["edges that may serve old copies"] = answer.get("edges", {}).get("waiting", "?")
        shown["seconds at most"] = answer.get("seconds_left_max", "?")
    return ", ".join(f"{name}: {value}" for name, value in shown.items()) or "(answered without details)"


def _key(file: Path, keyid: str | None) -> SigningKey:
    try:
        if file.stat().st_mode & 0o077:
            raise Failure(f"{file} can be read by others: chmod 600 it", 2)
        pem = file.read_bytes()
    except OSError as bad:
        raise Failure(f"{file}: {bad.strerror}", 2) from bad
    key = read_key(pem)
    return SigningKey(key_id=keyid or key.key_id, private=key.private)
