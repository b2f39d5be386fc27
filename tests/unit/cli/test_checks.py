"""Each check of the doctor tells a healthy machine from one that breaks a promise."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from domicile.cli import checks
from domicile.cli.checks import Level
from domicile.cli.installation import installation

FEATURES: dict[str, Any] = {
    "pillow": "13.0.0",
    "engine": "13.0.0",
    "resampler": "cykooz-resizer 4.0.1",
    "distributions": ["pillow"],
    "reads": ["jpg"],
    "writes": ["jpg", "png", "webp", "avif", "gif"],
    "layers": {"seccomp": True, "landlock": True},
    "faces": "CenterFace, onnxruntime 1.28.0",
    "text": "50 fonts, HarfBuzz 15.0.0",
}


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "file"
    file.write_text(text)
    return file


def test_swap_in_use_is_worth_a_look(tmp_path: Path) -> None:
    assert checks.swap(written(tmp_path, "Filename Type\n")).level is Level.OK
    assert checks.swap(written(tmp_path, "Filename Type\n/swapfile file\n")).level is Level.WARN
    assert checks.swap(tmp_path / "absent").level is Level.WARN


def test_core_dumps_are_worth_a_look_unless_they_are_off(tmp_path: Path) -> None:
    pattern = written(tmp_path, "|/usr/lib/handler %p\n")
    assert checks.core_dumps((0, 0), pattern).level is Level.OK
    on = checks.core_dumps((resource.RLIM_INFINITY, resource.RLIM_INFINITY), pattern)
    assert on.level is Level.WARN
    assert "a handler takes them" in on.text


def test_a_machine_that_does_not_hear_of_its_copies_is_worth_a_look(tmp_path: Path) -> None:
    driver, free = tmp_path / "bus/platform/drivers/vmgenid", written(tmp_path, "0\n")
    assert checks.generation_id(tmp_path, free).level is Level.WARN
    driver.mkdir(parents=True)
    (driver / "module").symlink_to(tmp_path)
    assert checks.generation_id(tmp_path, free).level is Level.WARN, "a driver without a device"
    (driver / "VMGENCTR:00").symlink_to(tmp_path)
    assert checks.generation_id(tmp_path, free).level is Level.OK
    assert checks.generation_id(tmp_path, tmp_path / "absent").level is Level.WARN
    assert "dmesg_restrict" in checks.generation_id(tmp_path, written(tmp_path, "1\n")).text


def test_keys_inside_the_data_or_open_to_others_are_bad(tmp_path: Path) -> None:
    data = tmp_path / "data"
    inside = data / "keys"
    inside.mkdir(parents=True, mode=0o700)
    beside = tmp_path / "data.keys"
    assert checks.keys(beside, data).level is Level.OK
    beside.mkdir(mode=0o700)
    assert checks.keys(beside, data).level is Level.OK
    beside.chmod(0o750)
    assert checks.keys(beside, data).level is Level.FAIL
    assert checks.keys(inside, data).level is Level.FAIL
    link = tmp_path / "link.keys"
    link.symlink_to(inside)
    assert checks.keys(link, data).level is Level.FAIL


@pytest.mark.parametrize(
    "layers, level", [(None, Level.FAIL), ({"a": True, "b": False}, Level.WARN), ({"a": True}, Level.OK)]
)
def test_missing_layers_are_named(layers: dict[str, bool] | None, level: Level) -> None:
    check = checks.sandbox(layers)
    assert check.level is level
    assert level is not Level.WARN or "missing: b" in check.text


def test_two_owners_of_pil_are_bad_and_a_lost_format_is_worth_a_look() -> None:
    assert checks.formats(FEATURES).level is Level.OK
    assert checks.formats(FEATURES).text.endswith("profile pillow 13.0.0; resizes with cykooz-resizer 4.0.1")
    assert checks.formats({}).level is Level.FAIL
    assert checks.formats({**FEATURES, "distributions": ["pillow", "pillow-simd"]}).level is Level.FAIL
    lost = checks.formats({**FEATURES, "writes": ["jpg", "png", "gif", "avif"]})
    assert lost.level is Level.WARN
    assert "cannot write webp" in lost.text


def test_faces_that_cannot_be_looked_for_are_bad() -> None:
    assert checks.faces(FEATURES) == checks.Check(name="faces", level=Level.OK, text=FEATURES["faces"])
    assert checks.faces({**FEATURES, "faces": None}).level is Level.FAIL
    assert checks.faces({}).level is Level.FAIL


def test_little_room_is_worth_a_look_and_hardly_any_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, level in ((10, Level.FAIL), (2**30, Level.WARN), (2**40, Level.OK)):
        monkeypatch.setattr("shutil.disk_usage", lambda _place, free=free: type("U", (), {"free": free}))
        assert checks.disk(tmp_path / "not" / "yet").level is level


def test_a_cache_of_another_region_is_bad(tmp_path: Path) -> None:
    file = tmp_path / "region.json"
    assert checks.cache_region(file, "eu-de").level is Level.OK
    file.write_text(json.dumps({"region": "eu-de"}))
    assert checks.cache_region(file, "eu-de").level is Level.OK
    assert checks.cache_region(file, "eu-fr").level is Level.FAIL
    file.write_text("[]")
    assert checks.cache_region(file, "eu-de").level is Level.FAIL


def test_every_check_runs_and_has_a_name_of_its_own(tmp_path: Path) -> None:
    found = checks.look(installation(None, tmp_path / "data"), FEATURES, None, {"number": 0})
    assert len({check.name for check in found}) == len(found) == 15


def test_a_policy_file_that_is_none_is_bad_and_named(tmp_path: Path) -> None:
    directory = tmp_path / "policies"
    assert checks.policies(directory, "eu-de").level is Level.OK
    directory.mkdir()
    (directory / "acme.toml").write_text('tenant = "acme"\n')
    assert checks.policies(directory, "eu-de").text == "1 read without fault"
    (directory / "demo.toml").write_text('tenant = "demo"\nzones = 5\n')
    bad = checks.policies(directory, "eu-de")
    assert bad.level is Level.FAIL
    assert f"{directory / 'demo.toml'}: zones: 5 is not allowed" in bad.text
    (directory / "demo.toml").write_bytes(b"\xff")
    assert checks.policies(directory, "eu-de").level is Level.FAIL


LOUD = {
    "log_error_verbosity": "default",
    "log_min_error_statement": "error",
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_min_duration_sample": "0",
    "log_transaction_sample_rate": "0.5",
    "log_parameter_max_length_on_error": "-1",
}
QUIET = {name: good[0] for name, good in checks.SERVER_LOG.items()}


@pytest.mark.parametrize(
    "found, level",
    [
        (None, Level.OK),
        ({}, Level.FAIL),
        (QUIET, Level.OK),
        ({**QUIET, "log_min_error_statement": "fatal"}, Level.OK),
        ({name: value for name, value in QUIET.items() if "sample" not in name}, Level.OK),  # an old server
        *[({**QUIET, name: bad}, Level.FAIL) for name, bad in LOUD.items()],
    ],
)
def test_a_server_that_logs_values_is_bad(found: dict[str, str] | None, level: Level) -> None:
    assert LOUD.keys() == QUIET.keys()
    assert checks.database_log(found).level is level


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (None, Level.OK),
        ({}, Level.FAIL),
        ({"fsync": "on", "synchronous_commit": "remote_apply"}, Level.OK),
        ({"fsync": "off"}, Level.FAIL),
        ({"full_page_writes": "off"}, Level.FAIL),
        ({"synchronous_commit": "off"}, Level.FAIL),
    ],
)
def test_a_server_that_does_not_wait_for_its_disk_is_bad(found: dict[str, str] | None, level: Level) -> None:
    assert checks.database_disk(found).level is level


def test_what_to_set_is_said() -> None:
    text = checks.database_log({**QUIET, "log_statement": "all", "log_error_verbosity": "default"}).text
    assert text.endswith("set log_error_verbosity = terse, log_statement = none")
    assert text.startswith("log_error_verbosity = default, log_statement = all: ")


def test_text_that_cannot_be_drawn_is_bad() -> None:
    assert checks.text(FEATURES) == checks.Check(name="text", level=Level.OK, text=FEATURES["text"])
    assert checks.text({**FEATURES, "text": None}).level is Level.FAIL
    assert checks.text({}).level is Level.FAIL


@pytest.mark.parametrize(
    "found, level, says",
    [
        ({}, Level.FAIL, "gone"),
        ({"number": 0}, Level.OK, "made at the first start"),
        ({"number": 3, "kind": "file"}, Level.OK, "not provable"),
        ({"number": 3, "kind": "file", "wanted": "pkcs11"}, Level.WARN, "moves it to pkcs11"),
        ({"number": 3, "kind": "pkcs11", "wanted": "pkcs11"}, Level.OK, "pkcs11, number 3"),
        ({"number": 3, "is_there": False}, Level.FAIL, "nothing opens without it"),
        ({"number": 3, "older": 1}, Level.WARN, "1 older not destroyed yet"),
        ({"number": 3, "strays": 2}, Level.OK, "another keyring's"),
        ({"error": "the token 'domicile': NoSuchToken"}, Level.FAIL, "NoSuchToken"),
    ],
)
def test_a_root_that_is_gone_or_not_destroyed_is_seen(found: dict[str, Any], level: Level, says: str) -> None:
    usual = {"number": 1, "wanted": "file", "kind": "file", "is_there": bool(found), "older": 0, "strays": 0}
    check = checks.root_key({**usual, **found})
    assert (check.level, says in check.text) == (level, True), check.text
