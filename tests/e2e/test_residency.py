"""A region is a promise: a cache of another region is not opened, an edge of another region gets nothing."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from PIL import Image

from domicile.cli.places import wire_socket
from tests.e2e.canary import Canaries
from tests.e2e.conftest import Installations
from tests.e2e.stack import Stack
from tests.infra.ports import free_port


def plant(stack: Stack, canaries: Canaries) -> str:
    """Somebody's picture; its name must not turn up in what refuses to serve it either."""
    body = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(body, "PNG")
    name = canaries.name()
    stack.sdk().uploader.upload(io.BytesIO(body.getvalue()), public_id=name, tags=[canaries.name("tag")])
    return name


def serve(data: Path, *extra: str, region: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "domicile.cli.main", "serve", "--data", str(data), "--region", region),
        *("--edge", f"127.0.0.1:{free_port()}", "--api", f"127.0.0.1:{free_port()}", *extra),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_data_directory_of_one_region_is_refused_by_another(
    tmp_path: Path, canaries: Canaries, installations: Installations
) -> None:
    stack = installations(tmp_path / "data", workers=1)
    plant(stack, canaries)
    stack.stop()
    assert stack.exit_code == 0
    moved = serve(stack.data, region="eu-fr")
    said = moved.stdout + moved.stderr
    assert moved.returncode != 0
    assert "eu-de" in said
    assert "eu-fr" in said
    assert canaries.found_in(said.encode()) == []


def test_an_unknown_region_is_a_bad_setting(tmp_path: Path) -> None:
    refused = serve(tmp_path / "data", region="moon-base")
    said = refused.stdout + refused.stderr
    assert refused.returncode == 2, said
    assert "region" in said
    assert "moon-base" in said


def test_a_region_that_the_strictest_policy_excludes_serves_nothing_and_says_why(tmp_path: Path) -> None:
    refused = serve(tmp_path / "data", region="us-east")
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0, said
    assert "strict-eu" in said or "us-east" in said


def test_an_edge_of_another_region_is_refused_by_the_origin(
    tmp_path: Path, canaries: Canaries, installations: Installations
) -> None:
    stack = installations(tmp_path / "data", workers=1)
    plant(stack, canaries)
    config = tmp_path / "edge.toml"
    config.write_text(
        f"""
        [edge]
        region = "us-east"
        listen = "127.0.0.1:{free_port()}"
        workers = 1
        data_dir = "{tmp_path / "abroad"}"
        [edge.origin]
        base = "unix:{wire_socket(stack.data)}"
        [edge.node]
        ready_seconds_max = 3.0
        """
    )
    abroad = subprocess.run(
        ["timeout", "-s", "TERM", "10", sys.executable, "-m", "edge", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = abroad.stdout + abroad.stderr
    assert "us-east" in said
    assert "allowed" in said
    assert canaries.found_in(said.encode()) == []


def test_a_bad_setting_names_itself_its_value_and_what_is_allowed(tmp_path: Path) -> None:
    config = tmp_path / "domicile.toml"
    config.write_text("[edge.cache]\nram_bytes_max = -5\n")
    refused = serve(tmp_path / "data", "--config", str(config), region="eu-de")
    said = " ".join((refused.stdout + refused.stderr).split())
    assert refused.returncode == 2, said
    assert "edge.cache.ram_bytes_max: -5 is not a whole number, 0 or more" in said
