"""The checks of `domicile doctor`: facts of the machine in, a verdict out. Each names what to do about it."""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from domicile.cli.installation import Installation
from domicile.media.policy import PolicyError
from domicile.media.policy_file import from_toml
from domicile.service.settings import GIB

POLICY_BYTES_MAX = 1024 * 1024
FREE_BYTES_ENOUGH = 2 * GIB
FREE_BYTES_MIN = GIB // 4
REGION_FILE_BYTES_MAX = 4096


class Level(StrEnum):
    """OK; worth a look; breaks a promise."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One verdict."""

    name: str
    level: Level
    text: str


SERVER_LOG: Mapping[str, tuple[str, ...]] = {
    "log_error_verbosity": ("terse",),
    "log_min_error_statement": ("panic", "fatal", "log"),
    "log_statement": ("none",),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
    "log_transaction_sample_rate": ("0",),
    "log_parameter_max_length_on_error": ("0",),
}
"""Settings of PostgreSQL and the values with which its log holds neither rows nor parameters (decisions L); the first is
the one to write down."""


SERVER_DISK: Mapping[str, tuple[str, ...]] = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
}
"""Settings of PostgreSQL and the values with which what it has answered is still there after a power cut."""


def look(
    place: Installation,
    features: Mapping[str, Any],
    server_log: Mapping[str, str] | None,
    root: Mapping[str, Any],
    *,
    proc: Path = Path("/proc"),
    sys_directory: Path = Path("/sys"),
) -> list[Check]:
    """Every check. `features` is what `domicile.imaging.features --layers` said, `server_log` what
    `origin.catalogue.server_log` did: empty when the server could not be asked, None when there is none; `root` what
    `origin.roots` did.
    """
    return [
        Check(name="python", level=Level.OK, text=f"{platform.python_version()} on {platform.machine()}"),
        swap(proc / "swaps"),
        core_dumps(resource.getrlimit(resource.RLIMIT_CORE), proc / "sys/kernel/core_pattern"),
        generation_id(sys_directory, proc / "sys/kernel/dmesg_restrict"),
        keys(place.keys, place.data),
        root_key(root),
        sandbox(features.get("layers")),
        formats(features),
        faces(features),
        text(features),
        disk(place.data),
        cache_region(place.cache / "region.json", place.edge_region),
        policies(place.policies, place.origin_region),
        database_log(server_log),
        database_disk(server_log),
    ]


def swap(file: Path) -> Check:
    """Swap writes keys and pictures to a disk, and nothing deletes them there."""
    try:
        areas = file.read_text("ascii", "replace").splitlines()[1:]
    except OSError:
        return Check(name="swap", level=Level.WARN, text="cannot be read on this machine")
    if areas:
        return Check(name="swap", level=Level.WARN, text=f"{len(areas)} area(s) in use: swapoff -a, or encrypt it")
    return Check(name="swap", level=Level.OK, text="none")


def core_dumps(limits: tuple[int, int], pattern: Path) -> Check:
    """A core dump is a copy of the memory: keys, plaintext, everything."""
    if limits[0] == 0:
        return Check(name="core dumps", level=Level.OK, text="off for processes started from here")
    try:
        handler = pattern.read_text("ascii", "replace").strip()
    except OSError:
        handler = ""
    where = "a handler takes them" if handler.startswith("|") else "they go to a file"
    return Check(name="core dumps", level=Level.WARN, text=f"on ({where}): ulimit -c 0, or LimitCORE=0 in the unit")


def generation_id(sys_directory: Path, restrict: Path) -> Check:
    """Does an edge on this machine hear that the machine was copied or put back while it ran?"""
    name = "generation id"
    drivers = [sys_directory / "bus" / bus / "drivers/vmgenid" for bus in ("platform", "acpi")]
    if not any(
        entry.is_symlink() and entry.name != "module" for one in drivers if one.is_dir() for entry in one.iterdir()
    ):
        return Check(
            name=name,
            level=Level.WARN,
            text="none (fine on hardware): stop an edge before its virtual machine is copied or put back",
        )
    try:
        is_restricted = restrict.read_text("ascii", "replace").strip() != "0"
    except OSError:
        is_restricted = True
    if is_restricted:
        text = "there is one, and the kernel may not tell an edge: kernel.dmesg_restrict=0, or CAP_SYSLOG"
        return Check(name=name, level=Level.WARN, text=text)
    return Check(name=name, level=Level.OK, text="there is one, and an edge hears when it changes")


def keys(directory: Path, data: Path) -> Check:
    """The keyring: outside DATA, for its owner alone."""
    if not directory.exists():
        return Check(name="keys", level=Level.OK, text=f"{directory} is made at the first start")
    facts = directory.stat()
    if directory.resolve().is_relative_to(data.resolve()):
        return Check(
            name="keys", level=Level.FAIL, text=f"{directory} lies inside {data}: a copy of one takes the other"
        )
    if facts.st_mode & 0o077:
        return Check(name="keys", level=Level.FAIL, text=f"{directory} has mode {facts.st_mode & 0o777:04o}: chmod 700")
    if facts.st_uid != os.getuid():
        return Check(name="keys", level=Level.WARN, text=f"{directory} belongs to user {facts.st_uid}, not to you")
    return Check(name="keys", level=Level.OK, text=f"{directory}, mode 0700, outside {data.name}")


def root_key(found: Mapping[str, Any]) -> Check:
    """Without the root nothing opens; while an older one is there, nothing is truly erased."""
    name = "root key"
    if problem := found.get("error"):
        return Check(name=name, level=Level.FAIL, text=str(problem))
    if not found.get("number"):
        return Check(name=name, level=Level.OK, text="made at the first start")
    text = f"{found['kind']}, number {found['number']}"
    if not found["is_there"]:
        return Check(name=name, level=Level.FAIL, text=f"{text}: it is gone, and nothing opens without it")
    if found["kind"] != found["wanted"]:
        return Check(name=name, level=Level.WARN, text=f"{text}; the next start moves it to {found['wanted']}")
    if found["older"]:
        text += f"; {found['older']} older not destroyed yet: a running origin tries each minute"
        return Check(name=name, level=Level.WARN, text=text)
    if found["strays"]:
        text += f"; {found['strays']} beside it are of no file here: another keyring's"
    if found["kind"] == "file":
        text += "; an overwritten file is not provable on flash, copy-on-write or snapshots"
    return Check(name=name, level=Level.OK, text=text)


def sandbox(layers: Mapping[str, bool] | None) -> Check:
    """Which walls stand around a decoder (domicile/imaging/sandbox.py)."""
    if not layers:
        return Check(
            name="sandbox", level=Level.FAIL, text="the trial did not run: python -m domicile.imaging.features"
        )
    missing = [name for name, holds in layers.items() if not holds]
    if missing:
        text = f"{len(layers) - len(missing)} of {len(layers)} layers hold; missing: {', '.join(missing)}"
        return Check(name="sandbox", level=Level.WARN, text=text)
    return Check(name="sandbox", level=Level.OK, text=f"{len(layers)} of {len(layers)} layers hold")


def formats(features: Mapping[str, Any]) -> Check:
    """What can be read and written; two owners of `PIL` overwrite each other's files."""
    if not features:
        return Check(name="formats", level=Level.FAIL, text="the decoders cannot be loaded")
    owners = features["distributions"]
    if len(owners) > 1:
        return Check(name="formats", level=Level.FAIL, text=f"{' and '.join(owners)} both provide PIL: keep one")
    text = f"reads {' '.join(features['reads'])}; writes {' '.join(features['writes'])}; profile {' '.join(owners)} {features['engine']}"
    text += f"; resizes with {features['resampler']}"
    lacking = {"jpg", "png", "webp", "avif", "gif"} - set(features["writes"])
    if lacking:
        return Check(name="formats", level=Level.WARN, text=f"{text}; cannot write {' '.join(sorted(lacking))}")
    return Check(name="formats", level=Level.OK, text=text)


def faces(features: Mapping[str, Any]) -> Check:
    """Without them nothing is shown that a policy wants redacted, and `g_face` is refused."""
    if not features.get("faces"):
        text = "cannot be looked for: what a policy redacts is refused (pip install 'onnxruntime<1.29')"
        return Check(name="faces", level=Level.FAIL, text=text)
    return Check(name="faces", level=Level.OK, text=str(features["faces"]))


def text(features: Mapping[str, Any]) -> Check:
    """Without its fonts a text layer is refused."""
    if not features.get("text"):
        return Check(name="text", level=Level.FAIL, text="cannot be drawn: a font is missing or is another file")
    return Check(name="text", level=Level.OK, text=str(features["text"]))


def disk(data: Path) -> Check:
    """Room for originals, the cache and the journal."""
    place = data
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{free / GIB:.1f} GiB free under {place}"
    if free < FREE_BYTES_MIN:
        return Check(name="disk", level=Level.FAIL, text=text)
    return Check(name="disk", level=Level.OK if free >= FREE_BYTES_ENOUGH else Level.WARN, text=text)


def cache_region(file: Path, region: str) -> Check:
    """A cache directory is bound to one region and refused by another."""
    try:
        with file.open("rb") as source:
            bound = json.loads(source.read(REGION_FILE_BYTES_MAX)).get("region")
    except FileNotFoundError:
        return Check(name="cache region", level=Level.OK, text=f"bound to {region} at the first start")
    except (OSError, ValueError, AttributeError):
        return Check(name="cache region", level=Level.FAIL, text=f"{file} cannot be read")
    if bound != region:
        return Check(name="cache region", level=Level.FAIL, text=f"{file.parent} is bound to {bound}, not to {region}")
    return Check(name="cache region", level=Level.OK, text=f"bound to {region}")


def policies(directory: Path, region: str) -> Check:
    """Every cloud's policy file is a policy: else the origin does not start with it, or keeps the one before."""
    files = sorted(directory.glob("*.toml"))
    for file in files:
        try:
            with file.open("rb") as source:
                text = source.read(POLICY_BYTES_MAX).decode()
            from_toml(text, cloud=file.stem, home=region)
        except PolicyError as bad:
            return Check(name="policies", level=Level.FAIL, text=f"{file}: {bad}")
        except (OSError, UnicodeDecodeError):
            return Check(name="policies", level=Level.FAIL, text=f"{file}: cannot be read")
    return Check(name="policies", level=Level.OK, text=f"{len(files)} read without fault")


def database_log(found: Mapping[str, str] | None) -> Check:
    """A server that logs statements, details or parameters keeps names where no erase reaches them."""
    name = "database log"
    if found is None:
        return Check(name=name, level=Level.OK, text="no server: SQLite keeps none")
    if not found:
        return Check(name=name, level=Level.FAIL, text="the server cannot be asked (origin.records.database_url)")
    if wrong := _wrong(found, SERVER_LOG):
        return Check(name=name, level=Level.FAIL, text=wrong)
    return Check(name=name, level=Level.OK, text="terse: neither statements nor values")


def database_disk(found: Mapping[str, str] | None) -> Check:
    """A server that answers before its disk has it forgets what was acknowledged, an erase among it."""
    name = "database disk"
    if found is None:
        return Check(name=name, level=Level.OK, text="no server: SQLite waits for its disk")
    if not found:
        return Check(name=name, level=Level.FAIL, text="the server cannot be asked (origin.records.database_url)")
    if wrong := _wrong(found, SERVER_DISK):
        return Check(name=name, level=Level.FAIL, text=wrong)
    return Check(name=name, level=Level.OK, text="what is committed is on the disk")


def _wrong(found: Mapping[str, str], wanted: Mapping[str, tuple[str, ...]]) -> str:
    """What is otherwise than wanted, and what to set; empty when nothing is. What a server does not know is well."""
    wrong = [key for key, good in wanted.items() if found.get(key, good[0]) not in good]
    if not wrong:
        return ""
    is_now, shall_be = ([f"{key} = {value(key)}" for key in wrong] for value in (found.get, lambda key: wanted[key][0]))
    return f"{', '.join(is_now)}: set {', '.join(shall_be)}"
