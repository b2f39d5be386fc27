"""`python -m edge --config FILE`: the supervisor; with `agent` or `worker`, one of the processes that it starts."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import resource
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from domicile.service import logging
from domicile.service.freed_memory import overwrite_freed
from domicile.service.loading import loading
from domicile.service.settings import BadSetting, load
from edge import logs
from edge.settings import EdgeSettings
from edge.sockets import Sockets
from edge.told import Told

PR_SET_PDEATHSIG = 1
FILES_MAX = 65_536
"""Descriptors that a worker asks for, each connection being one; it gets no more than the system lets it have."""

PROCESSES = {"agent": logs.AGENT, "worker": logs.WORKER}

log = logging.get()


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 after a clean end, 1 after a failure, 2 for a bad setting."""
    given = _parser().parse_args(arguments)
    if given.part == "agent":  # it outlives what is erased; workers do not
        overwrite_freed(os.environ)
    try:
        return _run(given)
    except BadSetting as bad:
        sys.stderr.write(f"{bad}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m edge", description="One edge node of Domicile.")
    parser.add_argument("part", nargs="?", choices=("node", "agent", "worker", "look"), default="node")
    parser.add_argument("--config", type=Path, help="TOML file with a section [edge]")
    parser.add_argument(
        "--passthrough",
        action="append",
        default=[],
        metavar="HOST:PORT=http://ORIGIN",
        help="cache an origin whose content is not personal; may be repeated; in the place of edge.passthrough.routes",
    )
    parser.add_argument("--slot", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--boot", default="", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--sockets", default="{}", help=argparse.SUPPRESS)
    parser.add_argument("--unasked", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _settings(given: argparse.Namespace) -> EdgeSettings:
    """As they are now. Raises BadSetting."""
    overrides: dict[str, Any] = {"edge.passthrough.routes": tuple(given.passthrough)} if given.passthrough else {}
    settings = load(EdgeSettings, "edge", file=given.config, environ=os.environ, overrides=overrides)
    if given.port:
        overrides["edge.listen"] = f"{settings.listen.rpartition(':')[0]}:{given.port}"
        settings = load(EdgeSettings, "edge", file=given.config, environ=os.environ, overrides=overrides)
    settings.validate()
    return settings


def _run(given: argparse.Namespace) -> int:
    settings = _settings(given)
    flood = logs.configure(PROCESSES.get(given.part, logs.NODE), settings)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold keys and pictures
    os.umask(0o077)
    match given.part:
        case "agent":
            from edge import agent_process

            _end_with(given.parent)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # of a terminal or a whole group: it is the supervisor's
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to all; the agent ends last
            asyncio.run(
                _until_told(
                    lambda told: agent_process.serve(
                        settings, boot=given.boot, stopping=told.stopping, load=lambda: _settings(given)
                    )
                )
            )
            return 0
        case "worker":
            with loading():
                import uvloop

                from edge import worker

            _end_with(given.parent)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # see above
            _allow_many_files()
            sockets = Sockets.inherited(given.sockets)
            boot = secrets.randbits(63) | 1
            uvloop.run(
                _until_told(
                    lambda told: worker.serve(
                        settings, slot=given.slot, boot=boot, sockets=sockets, flood=flood, told=told
                    )
                )
            )
            return 0
        case "look":
            from edge import restart, worker

            if not given.unasked:
                worker.refuse_unfit_certificates(settings)
            asyncio.run(worker.read_files(settings))
            sys.stdout.write(json.dumps(restart.fixed(settings)))
            return 0
        case _:
            with loading():
                from edge import supervisor

            passed_on = ["--config", str(given.config)] if given.config is not None else []
            passed_on += [f"--passthrough={route}" for route in given.passthrough]
            return asyncio.run(supervisor.supervise(settings, passed_on, load=lambda: _settings(given)))


async def _until_told(serve: Callable[[Told], Coroutine[Any, Any, None]]) -> None:
    told = Told()
    told.listen()
    try:
        await serve(told)
    except BadSetting:
        raise
    except Exception:
        log.exception("process_failed")
        raise SystemExit(1) from None


def _allow_many_files() -> None:
    """Up to the hard limit: the soft one is often below `edge.delivery.connections_max`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _end_with(parent: int) -> None:
    """Let the kernel end this process when its supervisor ends, however that comes."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
