"""`domicile erase`: forget assets everywhere, or restrict them. Originals, keys, renditions and cached copies; the statement is
signed.
"""

from __future__ import annotations

import base64
import os
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import typer
from rich.live import Live

from domicile.cli.calls import Answer, call_url
from domicile.cli.console import as_json, err, line, note, out
from domicile.cli.erase_table import table_of
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import AssetId, Config, Data, Everything, Prefix, PublicId, Search, Subject, Tag, Url

SELECTORS = ("public_id", "asset_id", "tag", "prefix", "url", "subject", "search")
VERBS = {
    "erase": "Erase {total} asset(s){old} for ever?",
    "restrict": "Show {total} asset(s) to nobody?",
    "unrestrict": "End the restriction of what is restricted of {total} asset(s)?",
}
"""What is asked before it is done, by mode."""
LISTED_MAX = 20
"""Assets that are shown before the question."""
REQUEST_ID_BYTES = 16
POLL_SECONDS = 1.0
"""Between two questions of `--wait`; the answer itself waits for edges for a second."""
EXIT_PARTIAL = 3
"""Exit code while an edge, or a CDN, may still serve what was erased, or something is waited for."""
OVER = {
    "erased": "erased",
    "restricted": "restricted: kept, and shown to nobody until --mode unrestrict",
    "unrestricted": "no longer restricted",
    "cancelled": "cancelled: nothing was erased",
}
"""By outcome."""
WAITS = {
    "awaiting_approval": "a second API key must approve it: --approve",
    "restricted": "it is restricted, and erased when its grace ends; --cancel before that",
    "blocked_by_hold": "a legal hold keeps some of it; it goes on when the hold is lifted",
}
"""By state."""


class Versions(StrEnum):
    """Of each asset."""

    ALL = "all"
    CURRENT = "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who asks, and where."""

    cloud: str
    api_base: str
    authorization: str = field(repr=False)


def erase(
    public_id: PublicId = None,
    asset_id: AssetId = None,
    tag: Tag = None,
    prefix: Prefix = None,
    url: Url = None,
    subject: Subject = None,
    search: Search = None,
    tenant: Everything = None,
    versions: Annotated[
        Versions, typer.Option(help="All versions of each asset, or only the one that it has now.")
    ] = Versions.ALL,
    status: Annotated[str | None, typer.Option("--status", help="Only ask how far this erasure_id has come.")] = None,
    cancel: Annotated[str | None, typer.Option("--cancel", help="Cancel this erasure_id, which waits.")] = None,
    approve: Annotated[
        str | None, typer.Option("--approve", help="Approve this erasure_id, with another API key than asked for it.")
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", help="erase, restrict (keep it, show it to nobody), or unrestrict.")
    ] = "erase",
    grace: Annotated[
        int, typer.Option("--grace", help="Seconds for which it is only restricted, and can be cancelled.", min=0)
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[
        float,
        typer.Option(help="Seconds to wait until every edge and CDN was asked, and gives nothing of it away.", min=0),
    ] = 0.0,
    request_id: Annotated[
        str | None, typer.Option("--request-id", help="The same one means the same erasure; default: a random one.")
    ] = None,
    statement: Annotated[Path | None, typer.Option(help="Write the signed statement to this file.")] = None,
    receipt: Annotated[
        Path | None, typer.Option(help="Write the receipt to this file, once it is over: `domicile verify` checks it.")
    ] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Erase what one selector matches: all versions and their keys. It cannot be undone. Exit code 3: not over yet.

    What matches is decided once, when it is erased; a dry run lists what would match now.

    Credentials: CLOUDINARY_URL, or else the file that the origin wrote into the data directory.
    """
    given = {"public_id": public_id, "asset_id": asset_id, "tag": tag, "prefix": prefix, "url": url}
    selector = selector_of(**given, subject=subject, search=search, tenant=tenant)
    if len(selector) + sum(one is not None for one in (status, cancel, approve)) != 1:
        options = ", ".join(
            f"--{name.replace('_', '-')}" for name in (*SELECTORS, "tenant", "status", "cancel", "approve")
        )
        raise Failure(f"give exactly one of {options}", 2)
    if mode not in VERBS or (grace and mode != "erase"):
        raise Failure(f"--mode is one of {', '.join(VERBS)}, and --grace is for erase alone", 2)
    selector |= {} if versions is Versions.ALL else {"selector[versions]": versions.value}
    account = account_of(credentials(config, data))
    said = _about(account, status=status, cancel=cancel, approve=approve)
    if said is None:
        preview = _call(account, {**selector, "mode": "dry_run"}).body
        if dry_run:
            as_json(preview)
            return
        confirm(preview, yes=yes, may_be_over=request_id is not None, verb=VERBS[mode])
        wanted = {**selector, "mode": mode, "request_id": request_id or secrets.token_hex(REQUEST_ID_BYTES)}
        said = _call(account, {**wanted, "grace": str(grace)} if grace else wanted).body
    said = follow(account, said, seconds=wait)
    tell(said, statement)
    if receipt is not None:
        write(receipt, _receipt(account, str(said.get("erasure_id", ""))), "receipt")
        line("receipt", str(receipt))


def _about(account: Account, *, status: str | None, cancel: str | None, approve: str | None) -> dict[str, Any] | None:
    """What is said of an erasure that has its id; None: it is about a new one."""
    if status is not None:
        return _status(account, status)
    if cancel is not None:
        return _of(account, "DELETE", f"/{quote(cancel, safe='')}")
    return None if approve is None else _of(account, "POST", f"/{quote(approve, safe='')}/approve")


def selector_of(**given: str | None) -> dict[str, str]:
    """As the API takes it."""
    return {f"selector[{name}]": value for name, value in given.items() if value}


def confirm(preview: dict[str, Any], *, yes: bool, may_be_over: bool, verb: str) -> None:
    """Show what would go and ask. Raises Failure when the answer is no, or nothing would go and nothing went before."""
    found, kept = preview.get("assets", []), preview.get("backups", 0)
    if not found and not kept and may_be_over:
        return
    if not found and not kept:
        raise Failure("nothing matches; what was erased before and what never existed look the same")
    total = preview.get("total_count", len(found))
    for asset in found[:LISTED_MAX]:
        name = f"{asset.get('resource_type', '')}/{asset.get('type', '')}/{asset.get('public_id', '')}"
        line(name, f"{asset.get('bytes', '?')} bytes, {asset.get('created_at', '')}")
    if total > LISTED_MAX:
        out.print(f"  … and {total - min(len(found), LISTED_MAX)} more")
    if kept:
        line("under retention", f"{kept} version(s)")
    old = f" and {kept} version(s) under retention" if kept else ""
    if not yes and not typer.confirm(verb.format(total=total, old=old), default=False):
        raise Failure("nothing was done")


def follow(account: Account, said: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """Ask again until it is over or the time is; a terminal is shown the places meanwhile."""
    deadline = time.monotonic() + seconds
    if seconds <= 0 or _is_over(said):
        return said
    with Live(table_of(said), console=err, auto_refresh=False, transient=not err.is_terminal) as live:
        while not _is_over(said) and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(POLL_SECONDS, left))
            said = _status(account, str(said.get("erasure_id", "")))
            live.update(table_of(said), refresh=err.is_terminal)
    return said


def _is_over(said: dict[str, Any]) -> bool:
    """Does nothing more come of it? A receipt is waited for, so that it can be asked for."""
    if said.get("state") == "verified":
        return False
    return said.get("outcome") in OVER or said.get("state") == "receipted"


def tell(said: dict[str, Any], statement: Path | None) -> None:
    """Print or keep the statement. Raises Failure with EXIT_PARTIAL when it is not over."""
    if statement is not None:
        write(statement, said, "statement")
        line("statement", str(statement))
    else:
        as_json(said)
    if (outcome := str(said.get("outcome"))) in OVER:
        note(
            f"{OVER[outcome]}; whoever holds the statement can check it against"
            " /.well-known/domicile/receipt-keys of the API"
        )
        return
    if (state := str(said.get("state"))) in WAITS:
        raise Failure(f"not over yet: {WAITS[state]}. Its id: {said.get('erasure_id', '')}", EXIT_PARTIAL)
    if state == "receipted":
        raise Failure(f"over, and not verified: {'; '.join(_unverified(said))}. The receipt says so", EXIT_PARTIAL)
    edges: dict[str, Any] = next((place for place in said.get("places", []) if place.get("place") == "edges"), {})
    cdns = [place for place in said.get("places", []) if str(place.get("place")).startswith("cdn ")]
    raise Failure(
        f"not over yet: {edges.get('waiting', '?')} edge(s) may serve old copies for at most"
        f" {edges.get('seconds_left_max', '?')} s{''.join(map(_pending, cdns))}"
        f"{''.join(f'; {one}' for one in _unverified(said))}."
        f" Ask again with --status {said.get('erasure_id', '')} --wait SECONDS",
        EXIT_PARTIAL,
    )


def _pending(cdn: dict[str, Any]) -> str:
    if cdn.get("state") != "pending":
        return ""
    why = f" ({cdn['evidence']})" if cdn.get("evidence") else ""
    return f"; {cdn.get('place')} is not done{why}, for at most {cdn.get('seconds_left_max', '?')} s"


def _unverified(said: dict[str, Any]) -> list[str]:
    """Places that were asked and did not say that nothing of it is there, and why."""
    probes = [(place.get("place"), place.get("probe", {})) for place in said.get("places", [])]
    return [
        f"{name}: {probe['why']}"
        for name, probe in probes
        if probe.get("state") != "verified" and probe.get("tries", 1)
        if probe.get("why")
    ]


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


def write(file: Path, said: dict[str, Any], what: str) -> None:
    """Keep it as it came; it names nobody. Raises Failure when the file exists."""
    import json

    try:
        with file.open("x", encoding="utf-8") as target:
            json.dump(said, target, indent=2, ensure_ascii=False)
    except OSError as bad:
        as_json(said)  # it is asked for once; do not lose it
        raise Failure(f"{file}: {bad.strerror}; the {what} is above") from bad


def _call(account: Account, fields: dict[str, str]) -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return _ask(account, "POST", "", headers, urlencode(fields).encode())


def _status(account: Account, erasure_id: str) -> dict[str, Any]:
    return _of(account, "GET", f"/{quote(erasure_id, safe='')}")


def _receipt(account: Account, erasure_id: str) -> dict[str, Any]:
    return _of(account, "GET", f"/{quote(erasure_id, safe='')}/receipt")


def _of(account: Account, method: str, path: str) -> dict[str, Any]:
    return _ask(account, method, path, {}, b"").body


def _ask(account: Account, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    headers = {"Authorization": account.authorization, **headers}
    answer = call_url(account.api_base, method, f"/v1_1/{account.cloud}/erasures{path}", headers, body)
    if not answer.ok:
        raise Failure(f"{answer.message} (status {answer.status})")
    return answer
