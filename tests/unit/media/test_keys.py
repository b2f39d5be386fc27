"""Key derivation: one contributor lost is the composite lost; purposes and tenants do not mix."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from domicile.media import keys
from domicile.media.asset import Aid, AssetName, folders_of

DATA_KEY = bytes(range(32))
A, B = Aid("aa" * 16), Aid("bb" * 16)


def test_every_purpose_and_variant_has_its_own_key() -> None:
    made = {
        keys.subkey(DATA_KEY, purpose, variant)
        for purpose, variant in itertools.product(["original", "rendition", "meta"], ["", "w_100"])
    }
    assert len(made) == 6
    assert DATA_KEY not in made


def test_a_content_key_needs_every_contributor_and_no_order() -> None:
    whole = keys.content_key({A: b"1" * 32, B: b"2" * 32})
    assert whole == keys.content_key({B: b"2" * 32, A: b"1" * 32})
    assert whole != keys.content_key({A: b"1" * 32})
    assert whole != keys.content_key({A: b"2" * 32, B: b"1" * 32})
    with pytest.raises(ValueError, match="contributor"):
        keys.content_key({})


def test_name_hashes_are_keyed_and_kinds_do_not_collide() -> None:
    one = keys.name_hash(b"k" * 32, "name", "image/upload/jane")
    assert one != keys.name_hash(b"K" * 32, "name", "image/upload/jane")
    assert one != keys.name_hash(b"k" * 32, "tag", "image/upload/jane")
    assert len(one) == 32
    assert "jane" not in one


def test_an_etag_hangs_on_key_and_bytes() -> None:
    digest = hashlib.sha256(b"picture").digest()
    etag = keys.delivery_etag(b"k" * 32, digest)
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert etag == keys.delivery_etag(b"k" * 32, digest)
    assert etag != keys.delivery_etag(b"j" * 32, digest)
    assert etag != keys.delivery_etag(b"k" * 32, hashlib.sha256(b"other").digest())


def test_file_names_are_keyed() -> None:
    assert keys.file_name(b"k" * 32, "x") != keys.file_name(b"j" * 32, "x")


def test_folders_are_cut_at_slashes() -> None:
    name = AssetName(cloud="c", resource_type="image", delivery_type="upload", public_id="acme2/cat")
    assert folders_of(name) == ("image/upload/", "image/upload/acme2/")
    assert "image/upload/acme" not in " ".join(folders_of(name)).split()
