"""`domicile serve`: both tiers on this machine, on embedded storage, as the processes they are in production.

    domicile serve --data ./data --edge 127.0.0.1:8080 --api 127.0.0.1:8081 --region eu-de

Starts the origin, waits for it, starts the edge, waits for it, says what to use, and watches both. The first Ctrl-C (or
SIGTERM) drains the edge, then the origin; the second one hurries. When a tier ends by itself, the other is stopped and
the exit code is 1; 2 means that the configuration is wrong.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import domicile
from domicile.cli.calls import call_url
from domicile.cli.children import Child, Signals, Stopped, end_all, wait_ready, watch
from domicile.cli.console import line, note, out
from domicile.cli.erase import Account, account_of
from domicile.cli.failure import Failure
from domicile.cli.options import Config, Data, ServeSettings, base_of, refuse_contradictions, serve_settings
from domicile.cli.places import (
    admin_socket,
    credentials_file,
    keys_directory,
    make_run_directory,
    mirror_directory,
    wire_socket,
)
from domicile.media.policy import Activity, Deny, Place, decide
from domicile.media.policy_file import from_mapping
from domicile.service.settings import BadSetting

SAMPLE = "demo/image/upload/c_fill,w_600,h_400,f_auto,q_auto/sample"
"""A rendition of the bundled photo."""
SAMPLE_ASSET = "resources/image/upload/sample"
"""The photo in the Admin API."""
FEATURES_SECONDS_MAX = 20.0
TIERS = {"origin": ("--tell-features",), "edge": ()}
"""In the order that they start in, and what each is told."""


def serve(
    config: Config = None,
    data: Data = None,
    edge: Annotated[str | None, typer.Option(help="HOST:PORT for viewers.", show_default="127.0.0.1:8080")] = None,
    api: Annotated[
        str | None, typer.Option(help="HOST:PORT of the Upload and Admin API.", show_default="127.0.0.1:8081")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Where this machine stands.", show_default="eu-de")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes of the edge.", show_default="one a processor")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file of a certificate: TLS at both addresses.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its private key.")] = None,
) -> None:
    """Run the edge and the origin on this machine, on SQLite and a local directory."""
    settings = serve_settings(
        config, data=data, edge=edge, api=api, region=region, workers=workers, tls_cert=tls_cert, tls_key=tls_key
    )
    refuse_contradictions(config)
    refuse_foreign_tiers()
    check_region(settings)
    os.umask(0o077)  # the tiers inherit it: nothing of theirs is for other users
    make_run_directory(settings.data)
    signals = Signals()
    signals.install()
    environment = environment_of(settings)
    children: list[Child] = []
    try:
        for name, words in TIERS.items():
            children.insert(0, Child.start(name, *words, config=config, environment=environment))
            wait_ready(children[0], children[1:], seconds_max=settings.start_seconds_max, signals=signals)
        greet(settings, children[-1].ready or {})
        watch(children, signals)
    except Stopped:
        pass
    finally:
        if signals.asked:
            note("draining; Ctrl-C again to hurry")
        bad = end_all(children, seconds_max=settings.drain_seconds_max, signals=signals)
    if bad:
        raise Failure(f"did not end in order: {', '.join(bad)}")


def environment_of(settings: ServeSettings) -> dict[str, str]:
    """What both tiers must agree on, as the environment variables of their settings."""
    data = settings.data.absolute()
    decided = {
        "EDGE_LISTEN": settings.edge,
        "EDGE_REGION": settings.region,
        "EDGE_WORKERS": str(settings.workers),
        "EDGE_DATA_DIR": str(data),
        "EDGE_ORIGIN_BASE": f"unix:{wire_socket(data)}",
        "ORIGIN_LISTEN": settings.api,
        "ORIGIN_RECORDS_DATA": str(data),
        "ORIGIN_RECORDS_REGION": settings.region,
        "ORIGIN_WIRE_SOCKET": str(wire_socket(data)),
        "ORIGIN_ADMIN_SOCKET": str(admin_socket(data)),
    }
    for name, file in (("CERTIFICATE", settings.tls_cert), ("KEY", settings.tls_key)):
        if file is not None:
            decided |= {f"{tier}_TLS_{name}_FILE": str(file.absolute()) for tier in ("EDGE", "ORIGIN")}
    defaults = {
        "ORIGIN_DEMO": "true",
        "ORIGIN_DELIVERY_BASE": base_of(settings, settings.edge),
        "ORIGIN_PUBLIC_BASE": base_of(settings, settings.api),
    }
    asked = {name: value for name, value in defaults.items() if f"DOMICILE_{name}" not in os.environ}
    return {f"DOMICILE_{name}": value for name, value in (asked | decided).items()}


def refuse_foreign_tiers() -> None:
    """`edge` and `origin` are generic names: make sure that they are ours (ADR-0001)."""
    home = Path(domicile.__file__).resolve().parent.parent
    for name in ("edge", "origin"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parent.parent != home:
            raise Failure(f"the package `{name}` on this Python path is not Domicile's: use an environment of its own")


def check_region(settings: ServeSettings) -> None:
    """Say at once what would make every request fail: a region that the first policy excludes. Raises BadSetting."""
    if any((settings.data / "policies").glob("*.toml")):
        return  # the clouds' owners have decided; the origin reads it
    place = Place(name="origin", region=settings.region)
    decision = decide(from_mapping({"tenant": "demo"}, home=settings.region), Activity.STORE, place, at=0.0)
    if isinstance(decision, Deny):
        raise BadSetting(
            f"serve.region: {settings.region!r} is outside the default policy strict-eu; allowed: a region of the European "
            f"Economic Area, or any once {settings.data / 'policies' / 'demo.toml'} decides otherwise, "
            'with tenant = "demo" and interpretation = "global"'
        )


def greet(settings: ServeSettings, origin: Mapping[str, Any]) -> None:
    """Everything a newcomer needs next. `origin`: what it said when it was ready."""
    data = settings.data
    out.print(f"\n[bold green]Domicile {domicile.__version__} is ready[/] in region [bold]{settings.region}[/]\n")
    if credentials_file(data).is_file():
        url = credentials_file(data).read_text("utf-8").strip()
        line("CLOUDINARY_URL", url)
        line("sample photo", sample_of(account_of(url), base_of(settings, settings.edge)))
    found = origin.get("features", {})
    line("formats", describe_formats(found))
    line("faces", found.get("faces") or "cannot be looked for: g_face and e_blur_faces answer 400")
    line("region", settings.region)
    beside = f"{keys_directory(data).name}, a mirror of its journal in {mirror_directory(data).name}"
    line("data", f"{data} (keys beside it in {beside}; to start anew, remove all three)")
    line("look", f"{base_of(settings, settings.edge)}/metrics   {base_of(settings, settings.api)}/metrics   /readyz")
    out.print("\n  Ctrl-C drains and stops. `domicile doctor` looks at this machine.\n")


def sample_of(account: Account, edge: str) -> str:
    """Where to look at the bundled photo; somebody may have erased it, and it does not come back."""
    path, headers = f"/v1_1/{account.cloud}/{SAMPLE_ASSET}", {"Authorization": account.authorization}
    try:
        status = call_url(account.api_base, "GET", path, headers, b"").status
    except Failure:  # not reached at the address for others: that says nothing about the photo
        status = 0
    return "deleted; upload a picture of your own" if status == 404 else f"{edge}/{SAMPLE}"


def describe_formats(found: dict[str, Any]) -> str:
    if not found:
        return "unknown (`domicile doctor` says more)"
    engine = f"{' '.join(found['distributions'])} {found['engine']}"
    return f"reads {' '.join(found['reads'])}; writes {' '.join(found['writes'])} ({engine})"


def imaging_features(*arguments: str) -> dict[str, Any]:
    """What the decoders can do, asked in a process of their own; empty when that process fails."""
    command = [sys.executable, "-P", "-m", "domicile.imaging.features", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=FEATURES_SECONDS_MAX)
        said = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return dict(said)
