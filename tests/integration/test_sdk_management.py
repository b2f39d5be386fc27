"""The unmodified SDK of PyPI against a really running origin: what a cloud keeps beside its assets."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator

import cloudinary.exceptions
import pytest

from tests.integration.origin_process import OriginProcess, running_origin
from tests.integration.test_sdk_upload import PNG


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    with running_origin(tmp_path_factory.mktemp("origin"), DOMICILE_ORIGIN_REMOTE_PRIVATE_HOSTS="127.0.0.1") as running:
        yield running


@pytest.fixture
def sdk(origin: OriginProcess):
    return origin.sdk()


@pytest.fixture
def name() -> str:
    return f"t{secrets.token_hex(6)}"


def names(rows: list[dict]) -> list[str]:
    return [row["name"] for row in rows]


def test_folders_are_made_listed_renamed_and_dropped(sdk, name: str) -> None:
    made = sdk.api.create_folder(f"{name}/ü b/c")
    assert (made["success"], made["path"], made["name"]) == (True, f"{name}/ü b/c", "c")
    sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{name}x", asset_folder=f"{name}/d")
    assert name in names(sdk.api.root_folders()["folders"])
    first = sdk.api.subfolders(name, max_results=1)
    assert (names(first["folders"]), first["total_count"]) == (["d"], 2)
    second = sdk.api.subfolders(name, max_results=1, next_cursor=first["next_cursor"])
    assert (names(second["folders"]), second["next_cursor"]) == (["ü b"], None)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Folder is not empty"):
        sdk.api.delete_folder(name)
    moved = sdk.api.rename_folder(f"{name}/d", f"{name}/e/f")
    assert (moved["from"]["path"], moved["to"]["path"]) == (f"{name}/d", f"{name}/e/f")
    assert sdk.api.resource(f"{name}x")["asset_folder"] == f"{name}/e/f"
    sdk.uploader.destroy(f"{name}x")
    assert sdk.api.delete_folder(f"{name}/ü b", skip_backup=True)["deleted"] == [f"{name}/ü b", f"{name}/ü b/c"]
    with pytest.raises(cloudinary.exceptions.NotFound, match="Can't find folder with path"):
        sdk.api.subfolders(f"{name}/ü b")
    assert sdk.api.config(settings=True)["settings"] == {"folder_mode": "dynamic"}
