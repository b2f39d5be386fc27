"""`domicile verify`: check a receipt, or an export for a person, offline, by the keys that were kept when the installation
was trusted.
"""

from __future__ import annotations

import base64
import binascii
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer

from domicile.cli.console import as_json, line, out
from domicile.cli.failure import Failure
from domicile.cli.verify_export import check_archive, check_document
from domicile.media.errors import BadSignature
from domicile.media.receipt import RECEIPT_BYTES_MAX, Verifier, parse_receipt, read_receipt

KEY_BYTES = 32


def verify(
    receipt: Annotated[
        Path,
        typer.Argument(
            help="The receipt, as the API or `domicile erase --receipt` gave it; or what `domicile subject export` wrote."
        ),
    ],
    keys: Annotated[
        Path,
        typer.Option(help="A copy of what /.well-known/domicile/receipt-keys of the API answered, kept from before."),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the statement as one JSON object.")] = False,
) -> None:
    """Check every part of a receipt: statement, leaf, place in the log, checkpoint. Nobody is asked. Exit code 1: it does not hold.

    Of an export for a person: the manifest's signature, and every file by its hash.
    deploy/verify_receipt.py does the same in one file, for whoever has no Domicile.
    """
    verifier = verifier_of(_read(keys))
    if (told := _export(receipt, verifier)) is not None:
        _tell_export(told, json=json)
        return
    try:
        statement = read_receipt(parse_receipt(_read(receipt)), verifier)
    except BadSignature as bad:
        raise Failure(f"the receipt does not hold: {bad.message}") from bad
    if json:
        as_json(statement)
        return
    out.print("[bold green]holds[/]")
    for name in ("tenant", "erasure_id", "outcome"):
        line(name, str(statement.get(name, "")))
    for what, count in statement.get("removed", {}).items():
        line(str(what), str(count))
    for place in statement.get("places", []):
        probe = place.get("probe", {"state": "nobody was asked"})
        line(str(place.get("place", "")), f"{place.get('state', '')}; {probe['state']}")


def _export(file: Path, verifier: Verifier) -> dict[str, Any] | None:
    """The manifest of an export, or that nothing is held; None when the file is neither. Raises Failure."""
    try:
        if zipfile.is_zipfile(file):
            return check_archive(file, verifier.statement_key)
    except OSError as bad:
        raise Failure(f"{file}: {bad.strerror}", 2) from bad
    except BadSignature as bad:
        raise Failure(f"the export does not hold: {bad.message}") from bad
    try:
        said = parse_receipt(_read(file))
    except BadSignature:
        return None
    if not isinstance(said, dict) or not {"manifest", "signature"} <= said.keys():
        return None
    try:
        return check_document(str(said["manifest"]).encode(), said["signature"], verifier.statement_key)
    except BadSignature as bad:
        raise Failure(f"the export does not hold: {bad.message}") from bad


def _tell_export(told: dict[str, Any], *, json: bool) -> None:
    if json:
        as_json(told)
        return
    out.print("[bold green]holds[/]")
    for name in ("cloud", "outcome", "issued_at", "region"):
        line(name, str(told.get(name, "")))
    assets = told.get("assets", [])
    line("versions", str(len(assets)))
    line("files", str(sum(1 for asset in assets if asset.get("file"))))
    line("gone", str(len(told.get("gone", []))))


def verifier_of(text: bytes) -> Verifier:
    """The keys to trust, from the file that the installation published. Raises Failure."""
    try:
        told: Any = parse_receipt(text)
        return Verifier(
            statement_key=_key(told["statement"]["public_key"]),
            log_name=str(told["log"]["name"]),
            log_key=_key(told["log"]["public_key"]),
        )
    except (BadSignature, KeyError, TypeError, binascii.Error, ValueError) as bad:
        raise Failure("the file of --keys does not hold what /.well-known/domicile/receipt-keys answers", 2) from bad


def _key(text: str) -> bytes:
    made = base64.b64decode(text, validate=True)
    if len(made) != KEY_BYTES:
        raise ValueError("no such key")
    return made


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(RECEIPT_BYTES_MAX + 1)
    except OSError as bad:
        raise Failure(f"{file}: {bad.strerror}", 2) from bad
