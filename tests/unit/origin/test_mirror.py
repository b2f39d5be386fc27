"""The mirror on disk: what it reads is what was written, or it says that it cannot."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import GENESIS, Entry, Head, Kind
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
    assert list(mirror.erased()) == [(aid(3), "acme"), (aid(6), "acme"), (aid(3), "other")]


def test_compacting_keeps_the_newest_entries_and_every_erase(mirror: Mirror, tmp_path: Path) -> None:
    own, other = history(30), history(4, tenant="other")
    mirror.append([*own[:20], *other, *own[20:]])
    erased = set(mirror.erased())
    for _ in range(2):  # the second time bases are compacted
        before = (tmp_path / "journal").stat().st_size
        mirror.compact(keep=5)
        again = Mirror(tmp_path)
        for reader in (mirror, again):
            assert set(reader.erased()) == erased
            assert reader.ends == {"acme": head_of(own[-1]), "other": head_of(other[-1])}
            assert reader.missing({"other": 0})["other"].entries == other
            missing = reader.missing({"acme": 3})["acme"]
            assert missing.entries == own[25:]
            assert missing.base == head_of(own[24])
            assert set(missing.erased) == {entry.aids[0] for entry in own[:25] if entry.kind == Kind.ERASE}
            assert reader.missing({"acme": 25})["acme"].base is None, "nothing is missing before the entries"
        again.close()
        assert (tmp_path / "journal").stat().st_size <= before
    mirror.append(longer := history(31)[30:])
    assert entries_in(tmp_path) == own[25:] + longer


def test_more_erases_than_one_record_holds_are_all_kept(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.mirror.BASE_AIDS_MAX", 4)
    mirror.append(history(40, erases=2))
    erased = set(mirror.erased())
    for keep in (10, 5, 1):
        mirror.compact(keep=keep)
        assert set(Mirror(tmp_path).erased()) == erased
        assert len(mirror.missing({"acme": 0})["acme"].entries) == keep


@pytest.mark.parametrize("retained", [True, False])
def test_compacting_keeps_what_is_withheld_until_it_is_erased_or_shown(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retained: bool
) -> None:
    monkeypatch.setattr("origin.mirror.BASE_AIDS_MAX", 4)
    kinds = [Kind.RESTRICT] * 20 + [Kind.ERASE] * 3 + [Kind.NAME] * 12 + [Kind.ASSET] * 8 + [Kind.ERASE] * 2
    entries: list[Entry] = []
    for seq, kind in enumerate(kinds, 1):
        number = seq if kind == Kind.RESTRICT else seq % 20
        names = (NameHash(f"{number:032x}"),) if retained and kind == Kind.RESTRICT else ()
        plain = Entry(tenant="acme", epoch=1, seq=seq, kind=kind, aids=(aid(number),), names=names)
        entries.append(chained(entries[-1].chain if entries else GENESIS, plain))
    mirror.append(entries)
    for keep in (30, 10, 1):  # of the three erases some are among the entries that stay
        mirror.compact(keep=keep)
        missing = mirror.missing({"acme": 0})["acme"]
        assert missing.entries == entries[-keep:]
        assert missing.base == head_of(entries[-keep - 1])
        gone = {one.aids[0] for one in entries if one.kind == Kind.ERASE}
        shown = {one.aids[0] for one in entries if one.kind == Kind.NAME}
        withheld = {one.aids[0] for one in entries[:-keep] if one.kind == Kind.RESTRICT} - gone
        assert set(missing.restricted) == (withheld if retained else set())
        assert set(missing.hidden) == (set() if retained else withheld - shown)
        assert {one for one, _ in mirror.erased()} == gone


def test_compacting_keeps_what_a_hold_was_laid_on_until_it_is_lifted(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.mirror.BASE_AIDS_MAX", 2)
    stands, lifted, late = (NameHash(f"{number:032x}") for number in (101, 102, 103))
    steps = [
        (Kind.HOLD, stands, (1, 2, 3)),
        (Kind.HOLD, lifted, (3, 4)),
        (Kind.HOLD, stands, (4,)),
        (Kind.HOLD, late, (5,)),
        (Kind.RELEASE, lifted, ()),
        (Kind.RELEASE, late, ()),
    ]
    entries: list[Entry] = []
    for seq, (kind, hold, numbers) in enumerate(steps, 1):
        plain = Entry(tenant="acme", epoch=1, seq=seq, kind=kind, aids=tuple(map(aid, numbers)), names=(hold,))
        entries.append(chained(entries[-1].chain if entries else GENESIS, plain))
    mirror.append(entries)
    for keep in (2, 1, 1):  # the third time the bases are compacted
        mirror.compact(keep=keep)
        for reader in (mirror, Mirror(tmp_path)):
            missing = reader.missing({"acme": 0})["acme"]
            assert missing.entries == entries[-keep:]
            assert {hold for hold, _ in missing.held} == {stands}
            assert [one for _, aids in missing.held for one in aids] == [aid(number) for number in (1, 2, 3, 4)]
            assert max(len(aids) for _, aids in missing.held) == 2
            assert reader.holds("acme") == {stands}
            assert reader.holds("other") == set()


def test_what_is_appended_while_the_file_is_compacted_is_in_it(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = history(12)
    mirror.append(own[:10])
    real = Mirror._kept

    def slowly(self: Mirror, size: int, limits: Any) -> Iterator[Any]:
        yield from real(self, size, limits)
        self.append(own[10:])

    monkeypatch.setattr(Mirror, "_kept", slowly)
    mirror.compact(keep=3)
    assert entries_in(tmp_path) == own[7:]
    assert mirror.ends["acme"] == head_of(own[-1])


def test_a_compaction_that_fails_changes_nothing(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = history(12)
    mirror.append(own[:11])
    whole = (tmp_path / "journal").read_bytes()

    def refuses(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuses)
        with pytest.raises(OSError, match="full"):
            mirror.compact(keep=3)
    assert (tmp_path / "journal").read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == ["journal"]
    mirror.append(own[11:])
    assert entries_in(tmp_path) == own


def test_a_file_is_worth_compacting_when_it_is_large_and_has_doubled_since(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.mirror.COMPACT_BYTES_MIN", 1000)
    own = history(40)
    mirror.append(own[:5])
    assert not mirror.worth_compacting
    mirror.append(own[5:15])
    assert mirror.worth_compacting
    mirror.compact(keep=10)
    assert not mirror.worth_compacting
    mirror.append(own[15:])
    assert mirror.worth_compacting
