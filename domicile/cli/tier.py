"""`domicile edge` and `domicile origin`: one tier in the foreground, as a service manager wants it."""

from __future__ import annotations

import os
import sys

from domicile.cli.options import Config
from domicile.cli.serve import refuse_foreign_tiers


def edge(config: Config = None) -> None:
    """Run an edge node: one agent and its workers. Settings: the section `edge` of FILE, DOMICILE_EDGE_*."""
    _become("edge", config)


def origin(config: Config = None) -> None:
    """Run an origin. Settings: the section `origin` of FILE, DOMICILE_ORIGIN_*."""
    _become("origin", config)


def _become(module: str, config: Config) -> None:
    """Replace this process, so that signals and exit codes are the tier's own."""
    refuse_foreign_tiers()
    arguments = [sys.executable, "-P", "-m", module]
    if config is not None:
        arguments += ["--config", str(config)]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 — our own module
