"""`domicile doctor`: what on this machine could break the promise, looked at one by one. Exit code 1 when something does."""

from __future__ import annotations

import json as json_module
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from domicile.cli.cdn_checks import private_hosts
from domicile.cli.checks import Check, Level, look
from domicile.cli.console import as_json, out
from domicile.cli.failure import Failure
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data
from domicile.cli.serve import imaging_features

SERVER_SECONDS_MAX = 30.0
ROOT_SECONDS_MAX = 60.0
CDNS_SECONDS_MAX = 30.0

_STYLE = {Level.OK: "[green]ok[/]", Level.WARN: "[yellow]look[/]", Level.FAIL: "[bold red]bad[/]"}


def doctor(
    config: Config = None,
    data: Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at swap, core dumps, keys, their root, sandbox, formats, disk, regions, policies, hosts, the database's log and disk."""
    place = installation(config, data)
    root = root_facts(place.keys, place.origin_region, config)
    checks = look(place, imaging_features("--layers"), server_log(place.database_url), root)
    checks.append(private_hosts(place.private_hosts, cdn_facts(place.keys)))
    if json:
        as_json({check.name: {"level": str(check.level), "text": check.text} for check in checks})
    else:
        out.print(_table(checks))
    bad = [check.name for check in checks if check.level is Level.FAIL]
    if bad:
        raise Failure(f"not as it should be: {', '.join(bad)}")


def server_log(database_url: str) -> dict[str, str] | None:
    """How the database server writes to its log and its disk, asked by the origin's own code; empty when that fails, None for SQLite."""
    if not database_url:
        return None
    command = [sys.executable, "-P", "-m", "origin.catalogue.server_log"]
    try:
        done = subprocess.run(
            command, input=database_url.encode(), capture_output=True, check=True, timeout=SERVER_SECONDS_MAX
        )
        said = json_module.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return dict(said)


def root_facts(keys: Path, region: str, config: Path | None) -> dict[str, Any]:
    """How the root of the keyring is, asked by the origin's own code, which knows the stores that it may lie in."""
    if not (keys / "head").exists():
        return {"number": 0}  # no origin was here yet
    arguments = [str(keys), region, *([] if config is None else [str(config)])]
    return _told("origin.roots", arguments, seconds_max=ROOT_SECONDS_MAX)


def cdn_facts(keys: Path) -> dict[str, Any]:
    """Through which hosts viewers reach CDNs, asked by the origin's own code, which reads cdns.toml."""
    return _told("origin.cdn_hosts", [str(keys)], seconds_max=CDNS_SECONDS_MAX)


def _told(module: str, arguments: list[str], *, seconds_max: float) -> dict[str, Any]:
    """What a module of the origin says; as `error` what it complains of."""
    command = [sys.executable, "-P", "-m", module, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=seconds_max, text=True)
        return dict(json_module.loads(done.stdout)) if done.returncode == 0 else {"error": done.stderr.strip()[-500:]}
    except (OSError, subprocess.SubprocessError, ValueError) as failed:
        return {"error": f"cannot be looked at ({type(failed).__name__})"}


def _table(checks: list[Check]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("how it is", overflow="fold")
    for check in checks:
        table.add_row(_STYLE[check.level], check.name, check.text)
    return table
