"""The passthrough, nginx and Varnish against the public conformance suite of HTTP caches, in the same run on one origin.

A row is `within` when the passthrough passes more required tests and more optional ones than every peer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import peers_http
from tests.conformance import suite
from tests.conformance.passthrough_process import PassthroughProcess

COLUMNS = (
    "required pass", "required fail", "required dependency", "required setup",
    "optimal pass", "optimal fail", "optimal dependency", "optimal setup", "check pass",
)  # fmt: skip


def measure(work: Path) -> list[dict[str, Any]]:
    """One row a program."""
    lacking = peers_http.missing()
    if lacking:
        raise SystemExit(f"conformance needs {', '.join(lacking)}: apt-get install nodejs npm nginx-light varnish")
    directory = suite.fetched()
    with suite.Origin(directory) as origin:
        with PassthroughProcess(work / "edge", origin.port) as edge:
            rows = [row("Domicile passthrough", directory, edge.base)]
        rows.append(row("no cache (the origin itself)", directory, f"http://127.0.0.1:{origin.port}"))
        for start in (
            lambda: peers_http.nginx(work / "nginx", origin.port, updating=False),
            lambda: peers_http.nginx(work / "nginx-updating", origin.port, updating=True),
            lambda: peers_http.varnish(work / "varnish", origin.port),
        ):
            peer = start()
            try:
                rows.append(row(peer.name, directory, f"http://127.0.0.1:{peer.port}"))
            finally:
                peer.stop()
    ours, *peers = rows
    for peer in peers:
        peer["within"] = "-"
    ours["within"] = all(ours[name] > peer[name] for peer in peers for name in ("required pass", "optimal pass"))
    return rows


def row(name: str, directory: Path, base: str) -> dict[str, Any]:
    counted = suite.tally(suite.run(directory, base))
    print(f"{name}: {counted}")
    return {"program": name, **{column: counted.get(column, 0) for column in COLUMNS}}
