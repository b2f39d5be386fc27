"""Bad configuration: exit code 2, and one line that names the setting, the value and what is allowed.

Each value is given to the program of its tier in a process of its own, a fork of one that has imported it; each of `domicile serve`,
`domicile origin` and `domicile edge` is also started as a user starts it, and ends so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.infra.forked import Commands, Ended, commands
from tests.integration.origin_process import running_origin

END_SECONDS_MAX = 50


@dataclass(frozen=True)
class Row:
    """A command with one thing wrong. `{tmp}` is the test's directory, where `file` is a file and `dir` a directory."""

    name: str
    command: str
    says: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    as_a_user: bool = False
    """Started as a user starts it, by the command of the tier."""


def origin(setting: str, value: str, *says: str) -> Row:
    named = setting.split("origin.")[1]
    return Row(
        f"{setting}-{value}", "origin", (f"{setting}: ", *says), {f"ORIGIN_{named.upper().replace('.', '_')}": value}
    )


def edge(setting: str, value: str, *says: str, **more: str) -> Row:
    named = setting.split("edge.", 1)[1]
    variables = {f"EDGE_{named.upper().replace('.', '_')}": value, **more}
    return Row(f"{setting}-{value}", "edge", (f"{setting}: ", *says), variables)


WRITABLE = "allowed: a directory that can be made and written to"
DATABASE = "allowed: postgresql+asyncpg://"

ROWS = [
    Row("data-is-a-file", "serve --data {tmp}/file", ("serve.data: '{tmp}/file' ", WRITABLE)),
    Row("data-below-a-file", "serve --data {tmp}/file/x", ("serve.data: '{tmp}/file/x' ", WRITABLE)),
    Row("region-unknown", "serve --region moon-base", ("serve.region: 'moon-base' is not a region like eu-de",)),
    Row("region-without-policy", "serve --region us-east", ("serve.region: 'us-east' ", "strict-eu")),
    Row("edge", "serve --edge nonsense", ("serve.edge: 'nonsense' is not HOST:PORT like 127.0.0.1:8080",)),
    Row("api-port", "serve --api 127.0.0.1:70000", ("serve.api: '127.0.0.1:70000' ", "from 1 to 65535")),
    Row("workers", "serve --workers 65", ("serve.workers: 65 is not a whole number from 0 to 64",)),
    Row("policy-zones", "serve", ("demo.toml: zones: 5 ", "allowed: a table"), policy="zones = 5"),
    Row("policy-version", "serve", ("demo.toml: version: 'x' ", "allowed: a whole number"), policy='version = "x"'),
    Row("policy-no-toml", "serve", ("demo.toml: the file: not TOML",), policy="= ="),
    Row("config-absent", "origin --config {tmp}/absent", ("--config {tmp}/absent: cannot be read",), as_a_user=True),
    Row("config-directory", "edge --config {tmp}/dir", ("--config {tmp}/dir: cannot be read",), as_a_user=True),
    Row("config-number", "edge --config {tmp}/long.toml", ("--config {tmp}/long.toml: not TOML",)),
    origin("origin.listen", "nonsense", "'nonsense' is not HOST:PORT"),
    origin("origin.records.data", "{tmp}/file", "'{tmp}/file'", WRITABLE),
    origin("origin.records.keys", "{tmp}/file/keys", "'{tmp}/file/keys'", WRITABLE),
    origin("origin.records.mirror", "{tmp}/file/mirror", "'{tmp}/file/mirror'", WRITABLE),
    origin("origin.records.region", "moon-base", "'moon-base' is not a region"),
    origin("origin.records.database_url", "nonsense", DATABASE),
    origin("origin.records.database_url", "mysql://x:secret@y/z", "'mysql://x:***@y/z'", DATABASE),
    origin("origin.records.database_url", "postgresql+asyncpg://x:secret@127.0.0.1:1/z", "x:***@127.0.0.1:1/z' cannot"),
    origin("origin.ready_file", "{tmp}/file/ready", "'{tmp}/file/ready'", "allowed: a file that can be written"),
    origin("origin.ready_file", "{tmp}/dir", "'{tmp}/dir'", "allowed: a file that can be written"),
    origin("origin.admin_socket", "{tmp}/file/socket", "'{tmp}/file/socket'", "allowed: a path where"),
    origin("origin.wire_socket", "{tmp}/dir", "'{tmp}/dir' cannot be listened on"),
    edge("edge.listen", "nonsense", "'nonsense' is not HOST:PORT"),
    edge("edge.listen", "127.0.0.1:99999", "'127.0.0.1:99999' is not HOST:PORT", "from 0 to 65535"),
    edge("edge.region", "xx-berlin", "'xx-berlin' is not a region like eu-de"),
    edge("edge.cache_dir", "{tmp}/file", "'{tmp}/file'", WRITABLE),
    edge("edge.run_dir", "{tmp}/file/run", "'{tmp}/file/run'", WRITABLE),
    edge("edge.origin.base", "nonsense", "'nonsense' is not unix:PATH or https://HOST[:PORT]"),
    edge(
        "edge.origin.certificate_file", "", "empty is not allowed with", EDGE_ORIGIN_BASE="https://127.0.0.1:1"
    ),
    edge(
        "edge.origin.certificate_file", "{tmp}/file", "'{tmp}/file'", "allowed: PEM files",
        EDGE_ORIGIN_BASE="https://127.0.0.1:1",
    ),
]  # fmt: skip


def environment_of(verb: str, tmp_path: Path, changes: Mapping[str, str], ports: list[int]) -> dict[str, str]:
    base = {
        "SERVE_EDGE": f"127.0.0.1:{ports[0]}",
        "SERVE_API": f"127.0.0.1:{ports[1]}",
        "SERVE_DATA": str(tmp_path / "data"),
    }
    tiers = {
        "EDGE_LISTEN": f"127.0.0.1:{ports[0]}",
        "EDGE_DATA_DIR": str(tmp_path / "data"),
        "ORIGIN_LISTEN": f"127.0.0.1:{ports[1]}",
        "ORIGIN_RECORDS_DATA": str(tmp_path / "data"),
    }
    given = {**(base if verb == "serve" else tiers), **changes}
    return {**os.environ, **{f"DOMICILE_{name}": value for name, value in given.items()}}


def end_of(
    command: list[str], tmp_path: Path, environment: Mapping[str, str], ports: list[int]
) -> subprocess.CompletedProcess[str]:
    """Of the command, as a user starts it."""
    return subprocess.run(
        [sys.executable, "-m", "domicile.cli.main", *command],
        env=environment_of(command[0], tmp_path, environment, ports),
        capture_output=True,
        text=True,
        timeout=END_SECONDS_MAX,
        check=False,
    )


@pytest.fixture(scope="module")
def forked() -> Iterator[Commands]:
    with commands() as ready:
        yield ready


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_a_bad_value_is_named_with_what_is_allowed_and_the_exit_code_is_2(
    row: Row, forked: Commands, tmp_path: Path, free_ports
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "dir").mkdir()
    (tmp_path / "long.toml").write_text("[edge]\nworkers = " + "9" * 5000)
    if row.policy:
        (tmp_path / "data" / "policies").mkdir(parents=True, mode=0o700)
        (tmp_path / "data" / "policies" / "demo.toml").write_text(f'tenant = "demo"\n{row.policy}\n')

    def filled(text: str) -> str:
        return text.replace("{tmp}", str(tmp_path))

    environment = {name: filled(value) for name, value in row.environment.items()}
    verb, *words = filled(row.command).split()
    if row.as_a_user:
        process = end_of([verb, *words], tmp_path, environment, free_ports(2))
        ended = Ended(process.returncode, process.stdout + process.stderr)
    else:
        program = ("domicile", [verb, *words]) if verb == "serve" else (verb, words)
        ended = forked.run(*program, environment_of(verb, tmp_path, environment, free_ports(2)))
    said = ended.said
    assert ended.code == 2, said
    assert "Traceback" not in said
    assert "secret" not in said
    for text in row.says:
        assert filled(text) in said
    assert (tmp_path / "file").read_text() == "kept"


def test_a_directory_of_another_region_is_a_bad_setting_of_every_command(tmp_path: Path, free_ports) -> None:
    with running_origin(tmp_path) as first:
        assert first.stop() == 0
    served = end_of(["serve", "--region", "us-east"], tmp_path, {}, free_ports(2))
    alone = end_of(["origin"], tmp_path, {"ORIGIN_RECORDS_REGION": "eu-fr"}, free_ports(2))
    for ended, wanted in ((served, "us-east"), (alone, "eu-fr")):
        said = ended.stdout + ended.stderr
        assert ended.returncode == 2, said
        assert "Traceback" not in said
        assert f"origin.records.region: '{wanted}', and these records are bound to 'eu-de'" in said


@pytest.mark.parametrize("tier", ["origin", "edge"])
def test_an_environment_with_two_owners_of_pil_is_refused(
    tier: str, tmp_path: Path, free_ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "other" / "pillow_simd-12.1.1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: pillow-simd\nVersion: 12.1.1\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(tmp_path / "other")]))
    ended = end_of([tier], tmp_path, {}, free_ports(2))
    assert ended.returncode == 2, ended.stderr
    assert "pillow and pillow-simd both install PIL over each other; allowed: one of them" in ended.stderr
