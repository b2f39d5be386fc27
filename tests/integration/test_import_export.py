"""Moving in and out: an account into a cloud by the real protocol, a directory, an export and back; again and again, once each."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.session import AioSession
from typer.testing import CliRunner

from domicile.cli.main import app
from tests.infra import ceph
from tests.integration.origin_process import OriginProcess, running_origin
from tests.integration.test_sdk_upload import picture

COMMAND_SECONDS_MAX = 60
PICTURES = {f"pictures/p {number}&=|é": picture(color=(number, 0, 0)) for number in range(3)}
RAW = b"name;value\n" * 50
BADGE = "$size_100/c_fill,h_$size,w_$size/e_grayscale"
WEB = {
    "name": "web",
    "unsigned": True,
    "tags": ["a", "b"],
    "folder": "web",
    "context": {"alt": "x|y"},
    "transformation": {"width": 100, "crop": "limit"},
    "eager": [{"raw_transformation": "t_badge"}, {"width": 50}],
    "overwrite": False,
}
OPEN_UNTIL = {"access_type": "anonymous", "start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    """An account with a bit of everything."""
    with running_origin(tmp_path_factory.mktemp("source"), DOMICILE_ORIGIN_DEMO="true") as running:
        sdk = running.sdk()
        sdk.api.add_metadata_field({"external_id": "shelf", "type": "string", "label": "Shelf"})
        sdk.api.create_transformation("badge", BADGE)
        sdk.api.update_transformation("badge", allowed_for_strict=True)
        sdk.api.create_upload_preset(**WEB)
        sdk.api.create_folder("Empty/Deep")
        for name, body in PICTURES.items():
            sdk.uploader.upload(
                io.BytesIO(body),
                public_id=name,
                tags=["one", "two"],
                context={"alt": "a=b|c"},
                metadata={"shelf": "a=1|b"},
                asset_folder="Albums",
            )
        about = sdk.utils.build_upload_params(public_id="secret", type="private") | {
            "subject_ids": ["jane, doe", "june"]
        }
        sdk.uploader.call_api("upload", about, file=io.BytesIO(picture()))
        sdk.uploader.upload(io.BytesIO(picture()), public_id="closed", access_control=[OPEN_UNTIL])
        sdk.uploader.upload(io.BytesIO(RAW), public_id="table.csv", resource_type="raw")
        yield running


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    with running_origin(tmp_path_factory.mktemp("target"), DOMICILE_ORIGIN_DEMO="true") as running:
        yield running


def command(origin: OriginProcess, *words: str, **more: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, what it printed as JSON, and what it said beside that."""
    environment = {name: value for name, value in os.environ.items() if name != "CLOUDINARY_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "domicile.cli.main", *words, "--json", "--data", str(origin.data)],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
        env={**environment, **more},
        cwd=origin.directory,
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {}, done.stderr


def let_in(origin: OriginProcess, activity: str) -> None:
    policy = origin.data / "policies" / "demo.toml"
    text = policy.read_text("utf-8")
    if f"\n{activity} = " in text:
        return
    if "\n[zones]\n" not in text:
        text += "\n[zones]\n"
    policy.write_text(text + f'{activity} = ["eu-de"]\n', "utf-8")


def settings_of(origin: OriginProcess) -> dict[str, Any]:
    api = origin.sdk().api
    badge = api.transformation("badge")
    return {"preset": api.upload_preset("web"), "info": badge["info"], "allowed": badge["allowed_for_strict"]}


@pytest.mark.slow
def test_an_account_moves_in_with_all_that_is_said_of_its_assets_and_only_once(
    source: OriginProcess, target: OriginProcess
) -> None:
    words = ("import", "cloudinary", "--from", source.cloudinary_url)
    code, _, said = command(target, *words)
    assert (code, "the policy denies ingress_fetch" in said) == (1, True), "nothing comes in unless the policy says so"
    let_in(target, "ingress_fetch")
    code, told, _ = command(target, *words, "--dry-run")
    assert (code, told) == (0, {"would upload": 6, "there": 1, "would make": 6})
    assert len(target.sdk().api.resources(max_results=500)["resources"]) == 1

    code, told, said = command(target, *words)
    assert (code, told) == (0, {"uploaded": 6, "there": 1, "made": 5, "settings there": 1}), said
    wanted = settings_of(source)
    assert settings_of(target) == wanted
    assert wanted["allowed"] is True
    sdk = target.sdk()  # of whom it was asked for last
    assert [one["path"] for one in sdk.api.root_folders()["folders"]] == ["Albums", "Empty"]
    assert [one["path"] for one in sdk.api.subfolders("Empty")["folders"]] == ["Empty/Deep"]
    for name, body in PICTURES.items():
        found = sdk.api.resource(name)
        assert found["etag"] == hashlib.md5(body).hexdigest()
        assert (found["tags"], found["context"]["custom"]) == (["one", "two"], {"alt": "a=b|c"})
        assert (found["metadata"], found["asset_folder"]) == ({"shelf": "a=1|b"}, "Albums")
    assert sdk.api.resource("secret", type="private")["bytes"] == len(picture())
    assert sdk.api.resource("closed")["access_control"] == [OPEN_UNTIL]
    assert sdk.api.resource("table.csv", resource_type="raw")["etag"] == hashlib.md5(RAW).hexdigest()

    code, told, said = command(target, *words)
    assert (code, told) == (0, {"known": 7, "settings there": 6}), said
    journal = target.directory / "domicile-import-demo.journal"
    assert re.fullmatch(r"([0-9a-f]{32}\n){7}", journal.read_text("ascii"))
    journal.unlink()
    version = sdk.api.resource("secret", type="private")["version"]
    code, told, said = command(target, *words)
    assert (code, told) == (0, {"there": 7, "settings there": 6}), said
    assert target.sdk().api.resource("secret", type="private")["version"] == version, "nothing was sent twice"


def test_files_of_a_directory_come_in_under_their_paths(target: OriginProcess, tmp_path: Path) -> None:
    (tmp_path / "a" / ".hidden").mkdir(parents=True)
    (tmp_path / "a" / "red.png").write_bytes(picture())
    (tmp_path / "a" / "notes.txt").write_bytes(b"notes")
    (tmp_path / "a" / ".hidden" / "x.png").write_bytes(picture())
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "link.png").symlink_to(tmp_path / "a" / "red.png")
    code, told, said = command(
        target, "import", "directory", str(tmp_path), "--folder", "moved", "--journal", str(tmp_path / ".j")
    )
    assert (code, told) == (1, {"uploaded": 2, "failed": 1})
    assert "image/upload/moved/broken: Invalid image file" in said
    sdk = target.sdk()
    assert sdk.api.resource("moved/a/red")["format"] == "png"
    assert sdk.api.resource("moved/a/notes.txt", resource_type="raw")["bytes"] == 5
    (tmp_path / "broken.jpg").write_bytes(picture("JPEG"))
    code, told, said = command(
        target, "import", "directory", str(tmp_path), "--folder", "moved", "--journal", str(tmp_path / ".j")
    )
    assert (code, told) == (0, {"uploaded": 1, "known": 2}), said


@pytest.mark.slow
def test_what_is_exported_can_be_brought_into_another_cloud(
    source: OriginProcess, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    where = tmp_path / "export"
    code, told, said = command(source, "export", str(where))
    assert (code, told) == (0, {"exported": 7}), said
    lines = [json.loads(line) for line in (where / "assets.jsonl").read_text("utf-8").splitlines()]
    assert {one["public_id"] for one in lines} == {"sample", "secret", "closed", "table.csv", *PICTURES}
    for one in lines:
        body = (where / one["file"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == one["sha256"]
        assert (where / one["file"]).stat().st_mode & 0o777 == 0o600
        assert {one.stat().st_mode & 0o777 for one in (where, where / "originals")} == {0o700}
    assert command(source, "export", str(where))[:2] == (0, {"there": 7})
    victim = next(one for one in lines if one["public_id"] == "secret")
    (where / victim["file"]).unlink()
    assert command(source, "export", str(where))[:2] == (0, {"exported": 1, "there": 6}), "what is missing is fetched"
    (secret,) = source.sdk().Search().expression("public_id=secret").with_field("subject_ids").execute()["resources"]
    subjects = secret["subject_ids"]
    with running_origin(tmp_path_factory.mktemp("elsewhere"), DOMICILE_ORIGIN_DEMO="true") as elsewhere:
        elsewhere.sdk().api.add_metadata_field({"external_id": "shelf", "type": "string", "label": "Shelf"})
        code, told, said = command(elsewhere, "import", "directory", str(where))
        assert code == 0, said
        assert told["uploaded"] == 6
        sdk = elsewhere.sdk()
        found = sdk.api.resource(next(iter(PICTURES)))
        assert (found["tags"], found["metadata"]) == (["one", "two"], {"shelf": "a=1|b"})
        assert sdk.api.resource("closed")["access_control"] == [OPEN_UNTIL]
        (secret,) = sdk.Search().expression("public_id=secret").with_field("subject_ids").execute()["resources"]
        assert secret["subject_ids"] == subjects, "an erase of all that is about somebody finds it here as well"


def test_an_origin_that_is_not_there_is_said_in_one_line(target: OriginProcess, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    nobody = "cloudinary://123456789012345:secret@demo?upload_prefix=http://127.0.0.1:9"
    words = ("--into", nobody, "--dry-run", "--journal", str(tmp_path / ".j"))
    code, _, said = command(target, "import", "directory", str(tmp_path), *words)
    assert code == 1
    assert re.fullmatch(r"domicile: Cannot connect to host 127\.0\.0\.1:9 .*\(3 attempts\)", said.strip())


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(150)
def test_objects_of_a_real_bucket_come_in_once(target: OriginProcess, tmp_path: Path) -> None:
    gateway = ceph.cluster().region("eu-de")
    objects = {
        "holiday/a.png": picture(color=(1, 2, 3)),
        "holiday/b c.txt": b"words",
        "holiday/d/": b"",
        "other/x.png": picture(),
    }

    async def fill() -> None:
        async with AioSession().create_client(
            "s3",
            region_name=gateway.region,
            endpoint_url=gateway.endpoint,
            aws_access_key_id=ceph.ACCESS_KEY,
            aws_secret_access_key=ceph.SECRET_KEY,
        ) as client:
            await client.create_bucket(
                Bucket="moving", CreateBucketConfiguration={"LocationConstraint": gateway.region}
            )
            for key, body in objects.items():
                await client.put_object(Bucket="moving", Key=key, Body=body)

    asyncio.run(fill())
    let_in(target, "ingress_fetch")
    keys = {"AWS_ACCESS_KEY_ID": ceph.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": ceph.SECRET_KEY}
    where = ("--endpoint", gateway.endpoint, "--bucket-region", gateway.region)
    words = ["import", "s3", "s3://moving/holiday/", *where, "--journal", str(tmp_path / ".j")]
    code, told, said = command(target, *words, **keys)
    assert (code, told) == (0, {"uploaded": 2}), said
    sdk = target.sdk()
    assert sdk.api.resource("holiday/a")["etag"] == hashlib.md5(objects["holiday/a.png"]).hexdigest()
    assert sdk.api.resource("holiday/b c.txt", resource_type="raw")["bytes"] == 5
    (tmp_path / ".j").unlink()
    assert command(target, *words, **keys)[:2] == (0, {"there": 2})
    code, _, said = command(target, *words, **{**keys, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert code == 1
    assert "the bucket: The store of originals refuses" in said


def test_all_that_is_held_about_a_person_is_written_and_can_be_checked(target: OriginProcess, tmp_path: Path) -> None:
    key, secret = target.credentials
    basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    asset = {"file": "data:text/plain;base64,aGVycw==", "public_id": "hers.txt", "subject_ids": "jane"}
    assert target.request("POST", "/v1_1/demo/raw/upload", headers, json.dumps(asset).encode()).status == 200
    keys, archive, nothing = tmp_path / "keys.json", tmp_path / "jane.zip", tmp_path / "joan.json"
    keys.write_bytes(target.request("GET", "/.well-known/domicile/receipt-keys").body)
    let_in(target, "backup")
    here = ("--data", str(target.data))

    def said(*words: str) -> dict[str, Any]:
        """In this process: it costs a second less."""
        done = CliRunner().invoke(app, [*words, "--json"], env={"CLOUDINARY_URL": target.cloudinary_url})
        assert done.exit_code == 0, (done.output, done.exception)
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    told = said("subject", "export", str(archive), "--subject-id", "jane", *here)
    assert told["parts"] == [{"outcome": "ready", "file": str(archive), "versions": 1, "files": 1, "gone": 0}]
    told = said("subject", "export", str(nothing), "--subject-id", "joan", *here)
    assert told["parts"][0]["outcome"] == "nothing_held"
    for file, versions in ((archive, 1), (nothing, 0)):
        assert len(said("verify", str(file), "--keys", str(keys))["assets"]) == versions
    words = ("subject", "cases")
    case = said(*words, "open", "--kind", "access", "--subject-id", "jane")
    assert [one["case_id"] for one in said(*words, "list")["cases"]] == [case["case_id"]]
    assert said(*words, "close", case["case_id"])["outcome"] == "done"
