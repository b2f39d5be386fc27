"""The knobs of the storage core; `origin/settings.py` composes them under `origin.records`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from domicile.media.cdn import CDNS
from domicile.service.settings import MIB, group, setting
from origin.roots.settings import RootSettings
from origin.store.s3_settings import S3Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsSettings:
    """Where the records live, and how long their waits may take."""

    data: Path = setting(Path("data"), "Directory of the catalogue, the originals and the policies.")
    keys: Path | None = setting(
        None, "Directory of the keyring (mode 0700), never inside `data`; empty: `data` with `.keys` appended."
    )
    mirror: Path | None = setting(
        None, "Directory of the journal's mirror, best on another disk; empty: `data` with `.mirror` appended."
    )
    database_url: str = setting(
        "", "SQLAlchemy URL of a PostgreSQL database (postgresql+asyncpg://…); empty: SQLite in `data`."
    )
    region: str = setting("eu-de", "The legal place where this origin stores media.")
    journal_entries_max: int = setting(
        10_000,
        "Journal entries of one cloud that are kept; an edge further behind drops what it holds of that cloud and starts"
        " again, and a `purge_id` is remembered as long.",
        at_least=1000,
    )
    purge_targets_max: int = setting(
        50_000,
        "Targets (versions and names) that the purges of one cloud may pile up; the purge above it drops everything of the"
        " cloud from caches, and the count begins anew.",
        at_least=1000,
    )
    cdns: tuple[str, ...] = setting(
        (),
        "CDNs in front of edges, by their `edge.cdn.kind`: answers of signed purges tell the tags to purge there by.",
        check=lambda names: set(names) <= set(CDNS),
        like="a list of " + ", ".join(CDNS),
    )
    chunked_uploads_max: int = setting(
        100, "Uploads of one cloud that have begun in chunks and are not whole yet.", at_least=1
    )
    chunked_bytes_max: int = setting(
        8 * 1024 * MIB, "Bytes of all chunks of one cloud that wait for the rest of their file.", at_least=1
    )
    chunked_seconds_max: float = setting(
        3600.0, "How long an upload in chunks waits for its next one; then it is forgotten.", at_least=1
    )
    backup_days_max: int = setting(
        365,
        "Longest time that deleted and replaced versions are kept, whatever a policy says; 0: none are.",
        at_least=0,
        at_most=36_500,
    )
    backups_max: int = setting(
        100_000, "Versions of one cloud that are kept under retention; the oldest ones make room.", at_least=0
    )
    spool_bytes_max: int = setting(
        16 * 1024 * MIB,
        "Bytes of all files that are on their way in, sealed on the disk; above it, callers get 429.",
        at_least=1,
    )
    spool_cloud_bytes_max: int = setting(
        8 * 1024 * MIB,
        "Bytes of the files of one cloud that are on their way in; those of callers who have not proved who they are fill half"
        " of it.",
        at_least=1,
    )
    spool_free_bytes_min: int = setting(
        256 * MIB, "Bytes of the disk that files on their way in leave free; without them, callers get 429.", at_least=0
    )
    crawl_seconds: float = setting(
        86_400.0,
        "From the end of one comparison of the records with the store of originals to the beginning of the next.",
        at_least=60,
    )
    crawl_grace_seconds: float = setting(
        600.0,
        "Originals younger than this that no record tells of are not counted as unlisted: a clock may be wrong.",
        at_least=0,
    )
    ack_seconds_max: float = setting(
        1.0,
        "How long an API call waits for edges to acknowledge before it answers with the state.",
        at_least=0,
        at_most=1,
    )
    cdn_in_flight_seconds: float = setting(
        30.0,
        "D: how long an answer that an edge has given away may be on its way to a CDN, at least every edge's"
        " `edge.delivery.progress_seconds_max`; the second purge there waits for it.",
        at_least=0,
        at_most=3600,
    )
    root: RootSettings = group(RootSettings)
    s3: S3Settings = group(S3Settings)

    @property
    def keys_directory(self) -> Path:
        return self.keys or self.data.with_name(self.data.name + ".keys")

    @property
    def mirror_directory(self) -> Path:
        return self.mirror or self.data.with_name(self.data.name + ".mirror")
