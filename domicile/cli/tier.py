"""`domicile edge` and `domicile origin`: one tier in the foreground, as a service manager wants it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from domicile.cli.options import Config
from domicile.cli.serve import refuse_foreign_tiers


def edge(
    config: Config = None,
    passthrough: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT=http://ORIGIN", help="Cache an origin of assets without personal data; may be repeated."
        ),
    ] = None,
) -> None:
    """Run an edge node: one agent and its workers. Settings: the section `edge` of FILE, DOMICILE_EDGE_*."""
    _become("edge", config, *(f"--passthrough={route}" for route in passthrough or ()))


def origin(config: Config = None) -> None:
    """Run an origin. Settings: the section `origin` of FILE, DOMICILE_ORIGIN_*."""
    _become("origin", config)


def _become(module: str, config: Config, *more: str) -> None:
    """Replace this process, so that signals and exit codes are the tier's own."""
    refuse_foreign_tiers()
    arguments = [sys.executable, "-P", "-m", module]
    if config is not None:
        arguments += ["--config", str(config)]
    arguments += more
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 — our own module
