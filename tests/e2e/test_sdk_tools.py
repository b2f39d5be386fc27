"""Cloudinary's command line and Django's storage classes for it, each unmodified and in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.infra.packages import environment
from tests.sdk import files

CLI = "cloudinary-cli==1.17.0"
DJANGO = ("django-cloudinary-storage==0.3.0", "django>=4.2,<5", "pillow", "cloudinary==1.46.3")
"""The storage classes of 2020 read settings that Django 5.1 no longer has."""
COMMAND_SECONDS_MAX = 60.0
SITE = Path(__file__).parents[1] / "sdk" / "django" / "site_of_files.py"

Cld = Callable[..., str]

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(400)]


def had(name: str, *requirements: str) -> Path:
    try:
        return environment(name, *requirements)
    except (OSError, subprocess.SubprocessError) as failed:
        pytest.skip(f"{requirements[0]} cannot be installed: {type(failed).__name__}")


def run(python: Path, *words: str, stack: Stack, home: Path, cwd: Path) -> str:
    given = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "CLOUDINARY_URL": stack.cloudinary_url,
    }
    done = subprocess.run(
        [str(python), *words],
        capture_output=True, text=True, cwd=cwd, env=given, timeout=COMMAND_SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def cld(stack: Stack, tmp_path: Path) -> Cld:
    """`cld("admin", "ping")`: what it prints."""
    python = had("cloudinary-cli-1.17.0", CLI)
    return lambda *words: run(python, "-m", "cloudinary_cli.cli", *words, stack=stack, home=tmp_path, cwd=tmp_path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with a folder, a picture and a file that is none."""
    top = tmp_path / "pictures"
    (top / "deep").mkdir(parents=True)
    files.logo(top / "logo.png")
    files.logo(top / "deep" / "inner.png")
    (top / "deep" / "notes.txt").write_text("not a picture")
    return top


def test_the_command_line_is_configured_by_the_url_alone(cld: Cld) -> None:
    assert "demo" in cld("config")
    assert json.loads(cld("admin", "ping"))["status"] == "ok"
    assert json.loads(cld("admin", "config"))["cloud_name"] == "demo"


def test_a_directory_is_uploaded_with_its_folders(cld: Cld, tree: Path, canaries: Canaries) -> None:
    folder = canaries.name()
    cld("upload_dir", str(tree), "-f", folder, "-fm", "fixed", "-o", "tags", "from_cli")
    shown = json.loads(cld("admin", "resource", f"{folder}/pictures/deep/inner"))
    assert (shown["width"], shown["height"], shown["tags"]) == (*files.LOGO_SIZE, ["from_cli"])
    listed = json.loads(cld("admin", "resources", "type=upload", f"prefix={folder}/"))["resources"]
    assert {one["public_id"] for one in listed} == {f"{folder}/pictures/logo", f"{folder}/pictures/deep/inner"}
    raw = json.loads(cld("admin", "resource", f"{folder}/pictures/deep/notes.txt", "resource_type=raw"))
    assert raw["bytes"] == len("not a picture")


def test_in_folders_that_are_apart_from_names_a_directory_is_uploaded_too(
    cld: Cld, tree: Path, canaries: Canaries
) -> None:
    folder = canaries.name()
    cld("upload_dir", str(tree), "-f", folder)
    for place, shown in (("pictures", ["logo"]), ("pictures/deep", ["inner", "notes"])):
        found = json.loads(cld("admin", "resources_by_asset_folder", f"{folder}/{place}"))["resources"]
        assert sorted(one["display_name"] for one in found) == shown
        assert {one["asset_folder"] for one in found} == {f"{folder}/{place}"}


def test_a_directory_is_pushed_changed_and_pulled(cld: Cld, tree: Path, canaries: Canaries) -> None:
    folder = canaries.name()
    cld("sync", "--push", "-fm", "fixed", str(tree), folder)
    (tree / "deep" / "notes.txt").write_text("changed")
    (tree / "logo.png").unlink()
    cld("sync", "--push", "-F", "-fm", "fixed", str(tree), folder)
    other = tree.with_name("other")
    other.mkdir()
    cld("sync", "--pull", "-fm", "fixed", str(other), folder)
    pulled = {str(one.relative_to(other)) for one in other.rglob("*") if one.is_file()}
    assert {one for one in pulled if not one.startswith(".")} == {"deep/inner.png", "deep/notes.txt"}
    assert (other / "deep" / "notes.txt").read_text() == "changed"


def test_one_file_is_uploaded_renamed_and_destroyed(cld: Cld, tree: Path, canaries: Canaries) -> None:
    name = canaries.name()
    made = json.loads(cld("uploader", "upload", str(tree / "logo.png"), f"public_id={name}", "tags=one,two"))
    assert (made["public_id"], made["tags"]) == (name, ["one", "two"])
    assert json.loads(cld("uploader", "rename", name, f"{name}-2"))["public_id"] == f"{name}-2"
    assert json.loads(cld("uploader", "destroy", f"{name}-2"))["result"] == "ok"


def test_what_is_there_is_searched_for(stack: Stack, cld: Cld, tree: Path, canaries: Canaries) -> None:
    name, folder = canaries.name(), canaries.name("folder")
    sdk = stack.sdk()
    for n in range(2):
        sdk.uploader.upload(str(tree / "logo.png"), public_id=f"{name}-{n}", tags=[name], asset_folder=folder)
    asked = ("search", f"tags={name}", "AND", "format:png", "-s", "public_id", "asc")
    found = json.loads(cld(*asked, "-f", "tags", "-a", "format", "-n", "1", "-A", "-F"))
    assert [row["public_id"] for row in found["resources"]] == [f"{name}-0", f"{name}-1"]
    assert (found["resources"][0]["tags"], found["aggregations"]) == ([name], {"format": {"png": 2}})
    answer = stack.get(stack.path_of(cld(*asked, "-u").strip()))
    assert [row["public_id"] for row in json.loads(answer.body)["resources"]] == [f"{name}-0", f"{name}-1"]
    folders = json.loads(cld("search_folders", f"path={folder}"))["folders"]
    assert [row["path"] for row in folders] == [folder]


def test_django_keeps_media_and_static_files_here(stack: Stack, tmp_path: Path, canaries: Canaries) -> None:
    python, name = had("django-cloudinary-storage-0.3.0", *DJANGO), canaries.name()
    assets = tmp_path / "assets"
    assets.mkdir()
    files.logo(assets / "logo.png")
    (assets / "site.css").write_text("body { background: url(logo.png) }")
    said = json.loads(run(python, str(SITE), str(tmp_path), name, stack=stack, home=tmp_path, cwd=tmp_path))
    media, static = said["media"], said["static"]
    assert media["name"].startswith(f"{name}/media/people/jane_")
    assert media["url"].startswith(f"http://127.0.0.1:{stack.edge_port}/demo/image/upload/")
    assert (media["exists"], media["size"], media["same"]) == (True, media["bytes"], True)
    assert media["listed"] == [[], [media["name"].rpartition("/")[2]]]
    assert media["folders"] == [["people"], []]
    assert (media["deleted"], media["exists_after"]) == (True, False)
    assert (static["same_by_etag"], static["other_by_etag"]) == (True, False)
    assert set(static["hashed"]) == {"logo.png", "site.css"}
    style, logo = (fetched(static["urls"][one]) for one in ("site.css", "logo.png"))
    assert logo == (assets / "logo.png").read_bytes()
    assert Path(static["hashed"]["logo.png"]).name.encode() in style, "the style names the picture by its hash"


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200
        return bytes(answer.read())
