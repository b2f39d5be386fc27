"""What every store of roots promises, by each of them: files, a real token (SoftHSM2), a real transit engine (OpenBao)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from origin.roots import token
from origin.roots.files import FileRoots
from origin.roots.opening import opened_roots
from origin.roots.port import RootGone, RootKind, RootStore, RootUnavailable, SealingKey
from origin.roots.settings import RootSettings, TokenSettings, VaultSettings
from tests.infra import openbao, softhsm

PLAIN, BINDING = b"an index", b"what it is bound to"


@pytest.fixture(scope="module")
def bao() -> Iterator[openbao.OpenBao]:
    with openbao.running() as server:
        yield server


@pytest.fixture(params=list(RootKind))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RootStore:
    """As the settings open it."""
    match request.param:
        case RootKind.FILE:
            return FileRoots(tmp_path)
        case RootKind.PKCS11:
            settings = RootSettings(kind="pkcs11", pkcs11=TokenSettings(**softhsm.token().settings()))
        case _:
            server: openbao.OpenBao = request.getfixturevalue("bao")
            vault = VaultSettings(url=server.url, place="eu-de-1", token_file=server.token_file)
            settings = RootSettings(kind="vault", vault=vault)
    return opened_roots(settings, tmp_path, region="eu-de")._stores[request.param]


def made(store: RootStore, number: int = 1) -> str:
    name = store.new_name(number)
    store.create(name)
    return name


def test_what_is_sealed_under_a_root_opens_by_it_alone(store: RootStore) -> None:
    one, other = made(store, 1), made(store, 2)
    key = store.fresh_key(one)
    sealed = key.seal(PLAIN, BINDING)
    assert PLAIN not in sealed
    assert store.key_of(one, sealed).open(sealed, BINDING) == PLAIN
    with pytest.raises((InvalidTag, RootUnavailable)):
        store.key_of(other, sealed).open(sealed, BINDING)
    with pytest.raises(InvalidTag):
        key.open(sealed, b"something else")


def test_a_destroyed_root_opens_nothing_any_more_and_its_neighbour_does(store: RootStore) -> None:
    old, new = made(store, 1), made(store, 2)
    sealed = [(name, store.fresh_key(name).seal(PLAIN, BINDING)) for name in (old, new)]
    assert store.destroy(old, beside=new) is None, "it is destroyed now, not later"
    assert not store.has(old)
    for ask in (lambda: store.fresh_key(old), lambda: store.key_of(old, sealed[0][1])):
        with pytest.raises(RootGone):
            ask()
    assert store.key_of(*sealed[1]).open(sealed[1][1], BINDING) == PLAIN


def test_destroying_it_again_is_fine_for_a_crash_may_have_come_after_it(store: RootStore) -> None:
    old, new = made(store, 1), made(store, 2)
    store.destroy(old, beside=new)
    assert store.destroy(old, beside=new) is None
    assert store.destroy(store.new_name(3), beside=new) is None, "named, and never made"


def test_its_roots_are_listed(store: RootStore) -> None:
    before = store.live()
    one, other = made(store, 1), made(store, 2)
    assert store.live() - before == {one, other}
    store.destroy(one, beside=other)
    assert store.live() - before == {other}


def test_each_root_is_another_key(store: RootStore) -> None:
    keys = set()
    for number in (1, 2):
        name = made(store, number)
        keys |= {store.fresh_key(name).key, store.fresh_key(name).key}
    assert len(keys) == (2 if store.kind is RootKind.FILE else 4), "a file is the key; others wrap a new one"


@pytest.mark.parametrize("at", [0, 5, 12])
def test_a_damaged_head_is_found_before_a_store_is_asked(store: RootStore, at: int) -> None:
    name = made(store)
    sealed = bytearray(store.fresh_key(name).seal(PLAIN, BINDING))
    sealed[at] ^= 1
    with pytest.raises((ValueError, InvalidTag)):
        store.key_of(name, bytes(sealed)).open(bytes(sealed), BINDING)


def test_where_the_root_in_force_is_not_nothing_is_called_destroyed(store: RootStore) -> None:
    """Another token, another Vault, an empty one: that the old root is not there proves nothing."""
    if store.kind is RootKind.FILE:
        return  # a directory is what it is
    old, never_made = made(store, 1), store.new_name(2)
    with pytest.raises(RootUnavailable):
        store.destroy(old, beside=never_made)
    assert store.has(old)


def test_a_token_and_a_vault_are_asked_by_the_names_of_their_own(store: RootStore) -> None:
    if store.kind is RootKind.FILE:
        return
    name = made(store)
    for ask in (store.has, store.fresh_key, lambda one: store.destroy(one, beside=None)):
        with pytest.raises(RootUnavailable):
            ask("another/" + name.rpartition("/")[2])
    assert store.has(name)


# --- a token ----------------------------------------------------------------------------------------------------------


def token_store() -> RootStore:
    settings = RootSettings(kind="pkcs11", pkcs11=TokenSettings(**softhsm.token().settings()))
    return opened_roots(settings, Path(), region="eu-de")._stores[RootKind.PKCS11]


def test_a_root_never_leaves_the_token() -> None:
    store = token_store()
    name = made(store)
    import pkcs11
    from pkcs11 import Attribute

    module = pkcs11.lib(str(softhsm.token().module))
    with module.get_token(token_label=softhsm.LABEL).open(rw=True, user_pin=softhsm.PIN) as session:
        [key] = list(session.get_objects({Attribute.ID: bytes.fromhex(name.rpartition("/")[2])}))
        for attribute in (Attribute.SENSITIVE, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE):
            assert key[attribute] is True
        for attribute in (Attribute.EXTRACTABLE, Attribute.WRAP, Attribute.UNWRAP, Attribute.SIGN, Attribute.DERIVE):
            assert key[attribute] is False
        with pytest.raises(pkcs11.PKCS11Error):
            _ = key[Attribute.VALUE]
        with pytest.raises(pkcs11.PKCS11Error):
            key.copy({Attribute.EXTRACTABLE: False})


def test_a_token_that_was_away_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    store = token_store()
    name = made(store)
    pin_file = softhsm.token().pin_file
    pin_file.write_text("wrong-pin\n")
    try:
        with pytest.raises(RootUnavailable):
            store.destroy(name, beside=None)
    finally:
        pin_file.write_text(softhsm.PIN + "\n")
    assert store.has(name)
    store.destroy(name, beside=None)
    assert not store.has(name)


def test_a_token_that_hangs_is_away_and_is_asked_again_by_a_new_process() -> None:
    settings = RootSettings(kind="pkcs11", pkcs11=TokenSettings(**softhsm.token().settings(), seconds_max=2.0))
    store = opened_roots(settings, Path(), region="eu-de")._stores[RootKind.PKCS11]
    name = made(store)
    [child] = [child for where, child in token._children.items() if where.seconds_max == 2.0]
    assert child._process is not None
    child._process.send_signal(signal.SIGSTOP)
    with pytest.raises(RootUnavailable, match="in time"):
        store.destroy(name, beside=None)
    assert store.has(name)


def test_a_module_that_is_none_is_unavailable(tmp_path: Path) -> None:
    module = tmp_path / "module.so"
    module.write_bytes(b"no library")
    settings = TokenSettings(**softhsm.token().settings() | {"module": module})
    store = opened_roots(RootSettings(kind="pkcs11", pkcs11=settings), tmp_path, region="eu-de")._stores[
        RootKind.PKCS11
    ]
    with pytest.raises(RootUnavailable):
        store.new_name(1)


# --- a Vault ----------------------------------------------------------------------------------------------------------


def vault_store(server: openbao.OpenBao, tmp_path: Path, **changes: object) -> RootStore:
    vault = VaultSettings(**{"url": server.url, "place": "eu-de", "token_file": server.token_file} | changes)  # type: ignore[arg-type]
    return opened_roots(RootSettings(kind="vault", vault=vault), tmp_path, region="eu-de")._stores[RootKind.VAULT]


def test_a_vault_cannot_be_made_to_give_a_root_out(bao: openbao.OpenBao, tmp_path: Path) -> None:
    name = made(vault_store(bao, tmp_path)).rpartition("/")[2]
    _, facts = bao.ask("GET", f"transit/keys/{name}")
    assert facts["data"]["type"] == "aes256-gcm96"
    assert [facts["data"][one] for one in ("exportable", "allow_plaintext_backup", "deletion_allowed")] == [False] * 3
    assert bao.ask("GET", f"transit/export/encryption-key/{name}")[0] >= 400
    assert bao.ask("GET", f"transit/backup/{name}")[0] >= 400


def test_a_mount_that_is_none_is_no_vault_without_the_root(bao: openbao.OpenBao, tmp_path: Path) -> None:
    """Both answers have the status 404."""
    elsewhere = vault_store(bao, tmp_path, mount="nothing-here")
    with pytest.raises(RootUnavailable):
        elsewhere.has(elsewhere.new_name(1))


def test_a_token_without_rights_is_told_apart_from_a_root_that_is_gone(bao: openbao.OpenBao, tmp_path: Path) -> None:
    powerless = tmp_path / "token"
    powerless.touch(mode=0o600)
    powerless.write_text("fictional-and-unknown\n")
    name = made(vault_store(bao, tmp_path))
    with pytest.raises(RootUnavailable, match="status 403"):
        vault_store(bao, tmp_path, token_file=powerless).destroy(name, beside=None)
    assert vault_store(bao, tmp_path).has(name)


def test_a_root_that_the_vault_does_not_have_is_not_made_by_sealing(bao: openbao.OpenBao, tmp_path: Path) -> None:
    """`encrypt` would make a key of that name, for whoever may create there."""
    store = vault_store(bao, tmp_path)
    name = store.new_name(1)
    with pytest.raises(RootGone):
        store.fresh_key(name)
    assert not store.has(name)


def test_a_vault_that_is_away_is_unavailable_within_its_time(tmp_path: Path, free_port: int) -> None:
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text("fictional\n")
    vault = VaultSettings(
        url=f"http://127.0.0.1:{free_port}",
        place="eu-de",
        token_file=token_file,
        seconds_max=0.5,
        connect_seconds_max=0.2,
    )
    settings = RootSettings(kind="vault", vault=vault)
    store = opened_roots(settings, tmp_path, region="eu-de")._stores[RootKind.VAULT]
    begun = time.monotonic()
    with pytest.raises(RootUnavailable, match="cannot be reached"):
        store.has("transit/domicile-root-00")
    assert time.monotonic() - begun < 30


def test_a_sealing_key_says_nothing_of_itself() -> None:
    assert "secret" not in repr(SealingKey(key=b"secret" * 5 + b"12"))
