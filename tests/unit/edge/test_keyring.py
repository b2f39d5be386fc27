"""Keys of cached objects: gone with a purge, closed while there is no lease."""

from __future__ import annotations

import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Entry, Kind
from edge.keyring import Keyring
from edge.messages import KeyRecord

FILE_KEY = b"f" * 32


def record(key: bytes = b"k" * 32, *, tenant: str = "demo", aids: str = "a", name: str = "1") -> KeyRecord:
    return KeyRecord(
        content_key=key, tenant=tenant, contributors=tuple(Aid(aid * 32) for aid in aids), name=NameHash(name * 32),
        epoch=1, sequence=1, config_revision=1, stored_at=0.0,
    )  # fmt: skip


def entry(kind: str, *, aids: str = "", names: str = "", tenant: str = "demo") -> Entry:
    return Entry(
        tenant=tenant, epoch=1, seq=2, kind=kind, aids=tuple(Aid(aid * 32) for aid in aids),
        names=tuple(NameHash(name * 32) for name in names),
    )  # fmt: skip


@pytest.fixture
def ring() -> Keyring:
    """Files: `plain` of aid a, `both` of a and b, `other` of c, `theirs` of another tenant with the same aid."""
    made = Keyring(10)
    made.put("plain", record(b"p" * 32))
    made.put("both", record(b"b" * 32, aids="ab", name="2"))
    made.put("other", record(b"o" * 32, aids="c", name="3"))
    made.put("theirs", record(b"t" * 32, tenant="theirs"))
    return made


def known(ring: Keyring) -> set[str]:
    return {name for name in ("plain", "both", "other", "theirs") if ring.get(name) is not None}


@pytest.mark.parametrize(
    "its, left",
    [
        (entry(Kind.ASSET, aids="a"), {"other", "theirs"}),
        (entry(Kind.ERASE, aids="b"), {"plain", "other", "theirs"}),
        (entry(Kind.RESTRICT, aids="ac"), {"theirs"}),
        (entry(Kind.NAME, names="3"), {"plain", "both", "theirs"}),
        (entry(Kind.ALL), {"theirs"}),
        (entry("of-tomorrow", aids="z"), {"theirs"}),
        (entry(Kind.CONFIG), {"plain", "both", "other", "theirs"}),
        (entry(Kind.HOLD, aids="a", names="1"), {"plain", "both", "other", "theirs"}),
        (entry(Kind.RELEASE, names="1"), {"plain", "both", "other", "theirs"}),
        (entry(Kind.ASSET, aids="a", tenant="theirs"), {"plain", "both", "other"}),
    ],
)
def test_a_purge_takes_the_keys_of_what_it_fences(ring: Keyring, its: Entry, left: set[str]) -> None:
    ring.apply(its)
    assert known(ring) == left
    assert len(ring) == len(left)


def test_while_locked_no_key_opens_anything_and_none_is_in_the_clear(ring: Keyring) -> None:
    ring.lock({"demo": FILE_KEY, "theirs": b"g" * 32})
    assert known(ring) == set()
    assert len(ring) == 4
    held = [kept.content_key for kept in ring._keys.values()]
    assert not {b"p" * 32, b"b" * 32, b"o" * 32, b"t" * 32} & set(held)
    assert all(key not in kept for kept in held for key in (b"p" * 16, b"b" * 16, b"o" * 16, b"t" * 16))


def test_the_tenants_key_gives_its_keys_back_and_nobody_elses(ring: Keyring) -> None:
    ring.lock({"demo": FILE_KEY, "theirs": b"g" * 32})
    ring.unlock("demo", FILE_KEY)
    assert known(ring) == {"plain", "both", "other"}
    found = ring.get("plain")
    assert found is not None
    assert found.content_key == b"p" * 32


def test_another_key_opens_nothing_and_what_it_does_not_open_is_dropped(ring: Keyring) -> None:
    ring.lock({"demo": FILE_KEY})
    ring.unlock("demo", b"x" * 32)
    assert known(ring) == set()
    assert len(ring) == 0  # that of the tenant without a key was dropped at once


def test_a_purge_reaches_wrapped_keys(ring: Keyring) -> None:
    ring.lock({"demo": FILE_KEY, "theirs": FILE_KEY})
    ring.apply(entry(Kind.ASSET, aids="a"))
    ring.unlock("demo", FILE_KEY)
    assert known(ring) == {"other"}


def test_nothing_is_taken_in_while_locked_and_a_second_lock_changes_nothing(ring: Keyring) -> None:
    ring.lock({"demo": FILE_KEY, "theirs": FILE_KEY})
    ring.put("late", record())
    ring.lock({})
    ring.unlock("demo", FILE_KEY)
    assert known(ring) == {"plain", "both", "other"}
    assert ring.get("late") is None


def test_the_least_recently_used_key_goes_first() -> None:
    ring = Keyring(2)
    for name in ("one", "two"):
        ring.put(name, record())
    assert ring.get("one") is not None
    ring.put("three", record())
    assert [name for name in ("one", "two", "three") if ring.get(name)] == ["one", "three"]
    ring.allow(1)
    assert [name for name in ("one", "two", "three") if ring.get(name)] == ["three"]
    ring.apply(entry(Kind.ASSET, aids="a"))
    assert (len(ring), len(ring._by_tag)) == (0, 0)


def test_clear_leaves_nothing(ring: Keyring) -> None:
    ring.lock({"demo": FILE_KEY, "theirs": FILE_KEY})
    ring.clear()
    assert (len(ring), len(ring._by_tag), ring._wrapped) == (0, 0, {})
    ring.put("plain", record())
    assert known(ring) == {"plain"}
