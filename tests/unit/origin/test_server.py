"""Reading the policies again harms nobody, whatever goes wrong; the log says where without naming the cloud."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domicile.media.keys import name_hash
from domicile.media.policy import Activity
from domicile.service import logging
from origin.records import Records
from origin.server import reread_policies
from tests.infra.records import CLOUD, opened


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logging.configure("origin", stream=stream, strict=True)
    yield stream
    logging.configure("tests", strict=True)


def said(stream: io.StringIO) -> dict[str, Any]:
    line = json.loads(stream.getvalue().splitlines()[-1])
    assert isinstance(line, dict)
    return line


@pytest.mark.parametrize(
    "content, setting",
    [("zones = 5", "zones"), ('version = "x"', "version"), ("erased_status = []", "erased_status"), ("=", "the file")],
)
async def test_a_file_that_is_not_a_policy_changes_nothing_and_is_named_by_a_keyed_hash(
    tmp_path: Path, lines: io.StringIO, content: str, setting: str
) -> None:
    async with opened(tmp_path) as records:
        before = records.policy(CLOUD)
        (tmp_path / "data" / "policies" / f"{CLOUD}.toml").write_text(f'tenant = "{CLOUD}"\n{content}\n')
        await reread_policies(records)
        assert records.policy(CLOUD) is before
        assert records.permit(CLOUD, Activity.STORE)
        tenant = records.tenant(CLOUD)
        assert tenant is not None
        line = said(lines)
        assert (line["event"], line["setting"], line["kind"]) == ("policies_not_reread", setting, "PolicyError")
        assert line["cloud"] == name_hash(tenant.name_key, "cloud", CLOUD)
        assert CLOUD not in lines.getvalue()


async def test_a_file_that_cannot_be_read_keeps_the_policy_in_force(tmp_path: Path, lines: io.StringIO) -> None:
    async with opened(tmp_path) as records:
        before = records.policy(CLOUD)
        file = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
        file.unlink()
        file.mkdir()
        await reread_policies(records)
        assert records.policy(CLOUD) is before
        assert said(lines)["kind"] == "OSError"


async def test_a_failing_store_is_logged_by_its_kind_and_raises_nothing(
    tmp_path: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_records: Records) -> tuple[str, ...]:
        raise OSError(28, "No space left on device")

    async with opened(tmp_path) as records:
        monkeypatch.setattr(Records, "reload_policies", full)
        await reread_policies(records)
        assert (said(lines)["event"], said(lines)["kind"]) == ("policies_not_reread", "OSError")


async def test_a_good_file_is_taken_after_a_bad_one(tmp_path: Path, lines: io.StringIO) -> None:
    async with opened(tmp_path) as records:
        file = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
        file.write_text(f'tenant = "{CLOUD}"\nzones = 5\n')
        await reread_policies(records)
        file.write_text(f'tenant = "{CLOUD}"\nversion = 7\n')
        await reread_policies(records)
        assert (said(lines)["event"], said(lines)["changed"]) == ("policies_reread", 1)
        policy = records.policy(CLOUD)
        assert policy is not None
        assert policy.version == 7
