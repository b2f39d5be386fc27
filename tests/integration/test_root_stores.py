"""An origin whose root key lies in a token, or in a Vault: erasures, what their statements say, restarts, and a store that is away."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cloudinary.api_client.call_api import call_json_api

from domicile.media.policy import PolicyError
from domicile.media.statement import KEY_STATE_FILE, ROOT_EVIDENCE
from domicile.service.settings import BadSetting
from origin.records import PurgeTargets, recovery
from origin.roots.files import FileRoots
from origin.roots.settings import RootSettings, TokenSettings, VaultSettings
from tests.infra import openbao, softhsm
from tests.infra.records import CLOUD, name, opened, upload
from tests.integration.origin_process import OriginProcess

DOCTOR_SECONDS_MAX = 50
JANE = PurgeTargets(public_ids=("people/jane",))


def put(origin: OriginProcess, public_id: str) -> None:
    origin.sdk().uploader.upload(io.BytesIO(public_id.encode() * 100), public_id=public_id, resource_type="raw")


def names(origin: OriginProcess) -> set[str]:
    found = origin.sdk().api.resources(resource_type="raw", max_results=500)["resources"]
    return {asset["public_id"] for asset in found}


def erase(origin: OriginProcess, public_id: str) -> dict[str, Any]:
    origin.sdk()
    wanted = {"selector": {"public_id": public_id}, "mode": "erase"}
    return dict(call_json_api("post", ["erasures"], wanted))


def doctor(origin: OriginProcess, environment: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "domicile.cli.main", "doctor", "--json", "--data", str(origin.data)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=DOCTOR_SECONDS_MAX,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout)["root key"]
    return found


@pytest.mark.slow
@pytest.mark.timeout(180)  # it starts an origin twice
def test_an_erase_under_a_token_holds_through_a_kill(tmp_path: Path) -> None:
    token = softhsm.token()
    origin, keys = OriginProcess(tmp_path, token.environment()), tmp_path / "data.keys"
    try:
        origin.start()
        put(origin, "kept.txt")
        put(origin, "gone.txt")
        key = erase(origin, "gone.txt")["key"]
        assert (key["class"], key["state"]) == ("pkcs11", "sealed (token object destroyed)")
        origin.stop(signal.SIGKILL)
        origin.start()
        assert names(origin) == {"kept.txt"}
        found = doctor(origin, origin.environment)
        assert (found["level"], found["text"].split("; ")[0]) == ("ok", f"pkcs11, number {(keys / 'head').read_text()}")
        assert softhsm.PIN not in origin.log.read_text()
    finally:
        if origin.process is not None:
            origin.stop()


# --- in this process ---------------------------------------------------------------------------------------------------


def in_token() -> RootSettings:
    return RootSettings(kind="pkcs11", pkcs11=TokenSettings(**softhsm.token().settings()))


async def test_a_copy_of_the_keyring_from_before_an_erase_opens_nothing(tmp_path: Path) -> None:
    keys, copy = tmp_path / "data.keys", tmp_path / "copy"
    async with opened(tmp_path, root=in_token()) as records:
        await upload(records, name("people/jane"))
        kept = (await upload(records, name("people/joe"))).record
        shutil.copytree(keys, copy)
        statement = await records.erase(CLOUD, JANE)
        assert statement.body["key"]["state"] == "sealed (token object destroyed)"
    keys.rename(tmp_path / "now")
    copy.rename(keys)
    with pytest.raises(BadSetting, match="the token does not have the root"):
        async with opened(tmp_path, root=in_token()):
            pass
    shutil.rmtree(keys)
    (tmp_path / "now").rename(keys)
    async with opened(tmp_path, root=in_token()) as records:
        assert records._core.keyring.of(kept.aid) is not None
        assert await records.get(name("people/jane")) is None


async def test_a_start_needs_its_token_and_says_so_without_the_pin(tmp_path: Path) -> None:
    async with opened(tmp_path, root=in_token()):
        pass
    pin_file = softhsm.token().pin_file
    pin_file.write_text("wrong-pin\n")
    try:
        with pytest.raises(BadSetting, match=r"origin\.records\.root: .* cannot be used: .*PinIncorrect") as bad:
            async with opened(tmp_path, root=in_token()):
                pass
    finally:
        pin_file.write_text(softhsm.PIN + "\n")
    assert "wrong-pin" not in str(bad.value)


@pytest.fixture(scope="module")
def bao() -> Iterator[openbao.OpenBao]:
    with openbao.running() as server:
        yield server


def in_vault(bao: openbao.OpenBao, **changes: Any) -> RootSettings:
    vault = {"url": bao.url, "place": "eu-de", "token_file": bao.token_file, **changes}
    return RootSettings(kind="vault", vault=VaultSettings(**vault))


async def test_a_vault_that_refuses_makes_an_erasure_wait_and_nothing_is_called_destroyed(
    bao: openbao.OpenBao, tmp_path: Path
) -> None:
    async with opened(tmp_path, root=in_vault(bao)) as records:
        core = records._core
        kept = (await upload(records, name("people/joe"))).record
        await upload(records, name("people/jane"))
        good = bao.token_file.read_text()
        bao.token_file.write_text("fictional-and-unknown\n")
        try:
            statement = await records.erase(CLOUD, JANE)
            assert await records.get(name("people/jane")) is None, "nobody is shown it any more"
            assert core.keyring.of(kept.aid) is not None
            assert (await upload(records, name("people/new"))).record, "keys of now are in memory"
            await recovery.finish_doomed(core)
        finally:
            bao.token_file.write_text(good)
        assert statement.body["outcome"] == "partial"
        assert statement.body["key"] | {"root_before": 0, "root_after": 0} == {
            "class": "vault",
            "state": "not destroyed yet; tried again every minute",
            "root_before": 0,
            "root_after": 0,
        }
        async with core.database.read() as connection:
            assert len(await core.catalogue.doomed(connection)) == 1
        await recovery.finish_doomed(core)
        async with core.database.read() as connection:
            assert await core.catalogue.doomed(connection) == []
        other = await records.erase(CLOUD, PurgeTargets(public_ids=("people/new",)))
        assert other.body["key"]["state"] == f"sealed ({ROOT_EVIDENCE['vault']})"
    async with opened(tmp_path, root=in_vault(bao)) as records:
        assert records._core.keyring.of(kept.aid) is not None
        assert [await records.get(name(f"people/{one}")) for one in ("jane", "new")] == [None, None]


async def test_after_a_move_statements_say_what_keys_of_before_were_under(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("people/jane"))
        await upload(records, name("people/joe"))
        statement = await records.erase(CLOUD, JANE)
        assert (statement.body["key"]["class"], statement.body["key"]["state"]) == ("file", KEY_STATE_FILE)
    async with opened(tmp_path, root=in_token()) as records:
        assert [len(file.read_bytes()) > 32 for file in (tmp_path / "data.keys").glob("root-*")] == [True]
        before = await records.erasure(CLOUD, str(statement.body["erasure_id"]))
        assert before.body["key"]["state"] == KEY_STATE_FILE, "what was said stays said"
        key = (await records.erase(CLOUD, PurgeTargets(public_ids=("people/joe",)))).body["key"]
        assert key["class"] == "pkcs11"
        assert key["state"].startswith("sealed (token object destroyed; of keys from before 20")
        assert key["state"].endswith(f": {ROOT_EVIDENCE['file']})")


async def test_an_old_root_that_a_move_could_not_destroy_is_destroyed_by_the_upkeep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("people/jane"))
    old = tmp_path / "data.keys" / "root-1"

    def refuses(*_: object, **__: object) -> None:
        raise OSError(5, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(FileRoots, "destroy", refuses)
        opening = opened(tmp_path, root=in_token())
        records = await opening.__aenter__()
        assert (records._core.keyring.root_kind, old.exists()) == ("pkcs11", True)
        statement = await records.erase(CLOUD, JANE)
        assert statement.body["key"]["state"].startswith("not destroyed yet")
    try:
        await recovery.finish_doomed(records._core)
        assert not old.exists()
        assert not records._core.keyring.owes
    finally:
        await opening.__aexit__(None, None, None)
    async with opened(tmp_path, root=in_token()) as records:
        assert await records.get(name("people/jane")) is None


@pytest.mark.parametrize("place, why", [("eu-fr", "does not lie in"), ("", "does not lie in"), ("eu-de-2", "")])
async def test_a_vault_lies_in_the_region_of_the_records(
    bao: openbao.OpenBao, tmp_path: Path, place: str, why: str
) -> None:
    if not why:
        async with opened(tmp_path, root=in_vault(bao, place=place)):
            return
    with pytest.raises(BadSetting, match=why):
        async with opened(tmp_path, root=in_vault(bao, place=place)):
            pass


async def test_a_policy_that_keeps_keys_elsewhere_refuses_the_vault(bao: openbao.OpenBao, tmp_path: Path) -> None:
    async with opened(tmp_path, root=in_vault(bao)) as records:
        file = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
        file.write_text(file.read_text() + '\n[zones]\nkeys = ["eu-de-1"]\n')
        with pytest.raises(PolicyError, match=r"zones\.keys"):
            await records.reload_policies()
    with pytest.raises(BadSetting, match=r"zones\.keys"):
        async with opened(tmp_path, root=in_vault(bao)):
            pass
