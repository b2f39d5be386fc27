"""A cache directory belongs to one region for good: `region.json` says which, and another region is refused."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path

from domicile.service.settings import BadSetting, blamed

REGION_FILE = "region.json"
FORMAT = 1
REGION_FILE_BYTES_MAX = 4096
SETTING = "edge.cache_dir"


def bind_directory(path: Path, region: str) -> None:
    """Make `path` a cache directory of `region`, or find that it is one.

    Raises BadSetting when it belongs to another region, or holds files and was never bound.
    """
    with blamed(SETTING, path, "a directory that can be made and written to"):
        _bind(path, region)


def _bind(path: Path, region: str) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    if not (path / REGION_FILE).exists():
        if any(entry.name != REGION_FILE and not _is_draft(entry) for entry in path.iterdir()):
            raise BadSetting(
                f"{SETTING}: {path} holds files and no {REGION_FILE}; allowed: an empty or a bound directory"
            )
        _write_once(path / REGION_FILE, region)
    bound = _region_of(path / REGION_FILE)
    if bound != region:
        raise BadSetting(
            f"{SETTING}: {path} belongs to region {bound!r} and this edge stands in {region!r};"
            " allowed: a directory of the same region, or a new one"
        )


def _is_draft(entry: Path) -> bool:
    return entry.name.startswith(f".{REGION_FILE}.")


def _write_once(file: Path, region: str) -> None:
    """Whoever is first wins; a torn write is never seen under the final name."""
    draft = file.with_name(f".{REGION_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps({"format": FORMAT, "region": region}) + "\n", "utf-8")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()


def _region_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            record = json.loads(opened.read(REGION_FILE_BYTES_MAX))
    except (OSError, ValueError) as unreadable:
        raise BadSetting(f"{SETTING}: {file} cannot be read, so its region is not known") from unreadable
    if not isinstance(record, dict) or record.get("format") != FORMAT or not isinstance(record.get("region"), str):
        raise BadSetting(f"{SETTING}: {file} does not name a region")
    return str(record["region"])
