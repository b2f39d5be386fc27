"""Policy files of an origin: read as they are now, and blamed by path and field."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from domicile.media.policy import Place, PolicyError
from origin.policy import FILE_BYTES_MAX, BadPolicyFile, Policies


@pytest.fixture
def policies(tmp_path: Path) -> Policies:
    return Policies(tmp_path / "policies", home="eu-de")


def test_the_file_of_a_new_cloud_is_a_policy_and_an_existing_one_stays(policies: Policies, tmp_path: Path) -> None:
    assert policies.read("demo") is None
    policies.write_strictest("demo")
    read = policies.read("demo")
    assert read is not None
    assert read.version == 1
    file = tmp_path / "policies" / "demo.toml"
    file.write_text('tenant = "demo"\nversion = 2\n')
    policies.write_strictest("demo")
    read = policies.read("demo")
    assert read is not None
    assert read.version == 2


@pytest.mark.parametrize(
    "content, field",
    [
        (b'tenant = "demo"\nzones = 5\n', "zones"),
        (b'tenant = "demo"\nversion = "x"\n', "version"),
        (b'tenant = "other"\n', "tenant"),
        (b"", "tenant"),
        (b"tenant = \xff", "the file"),
        (b"tenant =", "the file"),
    ],
)
def test_a_file_that_is_no_policy_is_blamed_by_path_and_field(
    policies: Policies, tmp_path: Path, content: bytes, field: str
) -> None:
    file = tmp_path / "policies" / "demo.toml"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(BadPolicyFile) as caught:
        policies.read("demo")
    assert (caught.value.cloud, caught.value.field) == ("demo", field)
    assert str(caught.value).startswith(f"{file}: {field}: ")
    assert "allowed: " in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_policy_error_and_not_the_absence_of_a_policy(
    policies: Policies, tmp_path: Path
) -> None:
    (tmp_path / "policies" / "demo.toml").mkdir(parents=True)
    with pytest.raises(PolicyError, match="cannot be read"):
        policies.read("demo")


def test_what_is_no_plain_file_and_what_does_not_end_hold_nobody_up(policies: Policies, tmp_path: Path) -> None:
    file = tmp_path / "policies" / "demo.toml"
    file.parent.mkdir()
    os.mkfifo(file)
    with pytest.raises(PolicyError, match="no plain file"):
        policies.read("demo")
    file.unlink()
    file.symlink_to("/dev/zero")
    with pytest.raises(PolicyError, match="no plain file"):
        policies.read("demo")
    file.unlink()
    file.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    with pytest.raises(PolicyError, match="longer"):
        policies.read("demo")


@pytest.mark.parametrize("place, is_fine", [("eu-de", True), ("eu-de-1", True), ("eu-fr", False)])
def test_a_policy_that_does_not_allow_keys_where_the_root_is_kept_is_refused(
    tmp_path: Path, place: str, *, is_fine: bool
) -> None:
    """All clouds share the root. One that is kept at the origin itself was never asked about."""
    policies = Policies(tmp_path / "policies", home="eu-de", keys=Place(name="vault", region=place))
    policies.write_strictest("demo")
    if is_fine:
        assert policies.read("demo") is not None
        return
    with pytest.raises(BadPolicyFile, match=r"zones\.keys: the root key is kept in eu-fr"):
        policies.read("demo")
