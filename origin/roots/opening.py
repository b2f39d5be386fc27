"""The stores of roots that the settings name. Nothing here connects: a store is asked when a root is."""

from __future__ import annotations

import contextlib
import importlib.util
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from domicile.media.policy import Activity, Deny, Permit, Place, Preset, ResidencyPolicy, decide, zones_of
from domicile.service.networks import is_this_machine
from domicile.service.settings import BadSetting, blamed
from origin.roots.files import FileRoots
from origin.roots.port import RootKind, RootStore, RootUnavailable
from origin.roots.roots import Roots
from origin.roots.secret_file import BadSecretFile, read_secret
from origin.roots.settings import NAME, RootSettings, TokenSettings, VaultSettings
from origin.roots.token import TokenRoots, TokenWhere


def opened_roots(settings: RootSettings, directory: Path, *, region: str) -> Roots:
    """`region`: of the records. Raises BadSetting."""
    stores: dict[RootKind, RootStore] = {RootKind.FILE: FileRoots(directory)}
    if settings.pkcs11.module is not None:
        stores[RootKind.PKCS11] = _token(settings.pkcs11)
    if settings.vault.url:
        stores[RootKind.VAULT] = _vault(settings.vault, region)
    wanted = RootKind(settings.kind)
    if wanted not in stores:
        missing = "pkcs11.module" if wanted is RootKind.PKCS11 else "vault.url"
        raise BadSetting(f"{NAME}.{missing}: empty is not allowed when {NAME}.kind is {str(wanted)!r}")
    return Roots(directory, stores, wanted)


def place_of(settings: RootSettings) -> Place | None:
    """Where roots are kept, if not at the origin itself."""
    return Place(name="vault", region=settings.vault.place) if settings.vault.url else None


@contextlib.contextmanager
def blamed_root() -> Iterator[None]:
    """A start needs the store of its root. Raises BadSetting instead of RootUnavailable."""
    try:
        yield
    except RootUnavailable as away:
        raise BadSetting(f"{NAME}: the root of the keyring cannot be used: {away}") from away


def _token(settings: TokenSettings) -> RootStore:
    if importlib.util.find_spec("pkcs11") is None:
        raise BadSetting(f"{NAME}.pkcs11: needs the extra pkcs11 (pip install 'domicile[pkcs11]')")
    assert settings.module is not None
    with blamed(f"{NAME}.pkcs11.module", settings.module, "a PKCS#11 library"):
        settings.module.open("rb").close()
    pin_file = _secret(settings.pin_file, f"{NAME}.pkcs11.pin_file")
    where = TokenWhere(
        module=settings.module, label=settings.token, pin_file=pin_file, seconds_max=settings.seconds_max
    )
    return TokenRoots(where)


def _vault(settings: VaultSettings, region: str) -> RootStore:
    from domicile.service.gate.vault import VaultClient, VaultWhere
    from origin.roots.vault import VaultRoots

    host = urlsplit(settings.url).hostname or ""
    if settings.url.startswith("http://") and not is_this_machine(host):
        raise BadSetting(f"{NAME}.vault.url: {settings.url!r} has no TLS; allowed: https, or an agent on this machine")
    if region not in zones_of(settings.place):
        raise BadSetting(f"{NAME}.vault.place: {settings.place!r} does not lie in {region!r} (origin.records.region)")
    with blamed(f"{NAME}.vault.authority", settings.authority, "a PEM file"):
        authorities = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.authority)
    where = VaultWhere(
        base=settings.url,
        namespace=settings.namespace,
        connect_seconds_max=settings.connect_seconds_max,
        seconds_max=settings.seconds_max,
    )
    return VaultRoots(
        VaultClient(where, authorities),
        mount=settings.mount,
        token_file=_secret(settings.token_file, f"{NAME}.vault.token_file"),
        permit=lambda: _permit(settings.place, region),
    )


def _permit(place: str, region: str) -> Permit:
    """The installation's own: its keys stay in its region. What a cloud's policy says comes beside it (origin/policy.py)."""
    own = ResidencyPolicy(tenant="", version=1, preset=Preset.STRICT_EU, zones={Activity.KEYS: (region,)})
    match decide(own, Activity.KEYS, Place(name="vault", region=place), at=time.time()):
        case Permit() as permit:
            return permit
        case Deny() as denied:
            raise BadSetting(f"{NAME}.vault.place: {denied.reason}")


def _secret(path: Path | None, name: str) -> Path:
    if path is None:
        raise BadSetting(f"{name}: empty is not allowed; allowed: a file with mode 0600")
    try:
        read_secret(path)
    except BadSecretFile as bad:
        raise BadSetting(f"{name}: {bad}") from bad
    return path
