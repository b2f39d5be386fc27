"""The mirror on disk: what it reads is what was written, or it says that it cannot."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domicile.media.asset import Aid
from domicile.media.journal import GENESIS, Entry, Head, Kind, chain_of
from origin.journal import chained
from origin.mirror import Mirror, MirrorBroken


def aid(number: int) -> Aid:
    return Aid(f"{number:032x}")


def history(count: int, *, tenant: str = "acme", erases: int = 3) -> list[Entry]:
    """Entries 1 to `count`; every third erases the aid of its number."""
    entries: list[Entry] = []
    for seq in range(1, count + 1):
        kind = Kind.NAME if seq % erases else Kind.ERASE
        plain = Entry(tenant=tenant, epoch=1, seq=seq, kind=kind, aids=(aid(seq),))
        entries.append(chained(entries[-1].chain if entries else GENESIS, plain))
    return entries


def head_of(entry: Entry) -> Head:
    return Head(epoch=entry.epoch, seq=entry.seq, chain=entry.chain)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    opened = Mirror(tmp_path)
    yield opened
    opened.close()


def entries_in(directory: Path, tenant: str = "acme") -> list[Entry]:
    mirror = Mirror(directory)
    try:
        return mirror.missing({tenant: 0})[tenant].entries
    finally:
        mirror.close()


def test_what_was_appended_is_read_again(mirror: Mirror, tmp_path: Path) -> None:
    own, other = history(5), history(2, tenant="other")
    mirror.append(own[:3])
    mirror.append(other)
    mirror.append(own[3:])
    assert entries_in(tmp_path) == own
    assert entries_in(tmp_path, "other") == other
    assert mirror.ends == {"acme": head_of(own[-1]), "other": head_of(other[-1])}
    assert mirror.missing({"acme": 3})["acme"].entries == own[3:]


def test_a_file_that_ends_anywhere_in_its_last_record_loses_that_record_alone(mirror: Mirror, tmp_path: Path) -> None:
    own = history(3)
    mirror.append(own[:2])
    two = (tmp_path / "journal").stat().st_size
    mirror.append(own[2:])
    whole = (tmp_path / "journal").read_bytes()
    for end in range(two, len(whole)):
        (tmp_path / "journal").write_bytes(whole[:end])
        assert entries_in(tmp_path) == own[:2], end
        assert (tmp_path / "journal").read_bytes() == whole[:two]


def test_a_flipped_bit_anywhere_is_told_and_nothing_is_cut(mirror: Mirror, tmp_path: Path) -> None:
    mirror.append(history(3))
    whole = (tmp_path / "journal").read_bytes()
    for place in range(len(whole)):
        bad = bytearray(whole)
        bad[place] ^= 1 << (place % 8)
        (tmp_path / "journal").write_bytes(bad)
        with pytest.raises(MirrorBroken, match="journal' is damaged at byte"):
            Mirror(tmp_path)
        assert (tmp_path / "journal").read_bytes() == bad


def test_an_append_that_failed_and_could_not_be_taken_back_leaves_no_hole(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = history(3)
    mirror.append(own[:1])

    def refuses(*_: Any) -> None:
        raise OSError(errno.EIO, "I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuses)
        broken.setattr(os, "ftruncate", refuses)
        with pytest.raises(OSError, match="I/O"):
            mirror.append(own[1:2])
    assert mirror.ends["acme"] == head_of(own[0])
    mirror.append(own[1:])
    assert entries_in(tmp_path) == own


def test_erased_aids_are_told_by_tenant(mirror: Mirror) -> None:
    mirror.append([*history(6), *history(3, tenant="other")])
    assert list(mirror.erased({"acme"})) == [(aid(3), "acme"), (aid(6), "acme")]
    assert chain_of(GENESIS, history(1)[0]) == history(1)[0].chain
