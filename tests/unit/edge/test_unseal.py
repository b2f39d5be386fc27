from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.asset import Aid
from domicile.media.sealed import CHUNK_BYTES, SealBroken, SealContext, seal
from edge.unseal import StreamOpener

KEY = b"k" * 32
CONTEXT = SealContext.original(tenant="demo", aid=Aid("a" * 32), region="eu-de")


def opened(file: bytes, pieces: list[int], *, file_bytes: int | None = None, key: bytes = KEY) -> bytes:
    opener = StreamOpener(key, CONTEXT, file_bytes=len(file) if file_bytes is None else file_bytes)
    plain, at = b"", 0
    for size in [*pieces, len(file)]:
        plain += b"".join(opener.feed(file[at : at + size]))
        at += size
    return plain + b"".join(opener.finish())


def sealed(body: bytes) -> bytes:
    return seal(KEY, CONTEXT, header=b"head", body=body, salt=os.urandom(32))


@given(
    st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]),
    st.lists(st.integers(0, 90_000), max_size=8),
)
def test_however_the_file_is_cut_on_its_way_its_body_comes_out(size: int, pieces: list[int]) -> None:
    body = os.urandom(size)
    assert opened(sealed(body), pieces) == body


@pytest.mark.parametrize("size", [10, CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
@pytest.mark.parametrize("lost", [1, 20, 65552])
def test_a_file_that_ends_early_is_not_believed(size: int, lost: int) -> None:
    file = sealed(bytes(size))
    if lost >= len(file):
        lost = len(file) - 1
    with pytest.raises(SealBroken):
        opened(file[:-lost], [], file_bytes=len(file))
    with pytest.raises(SealBroken):
        opened(file[:-lost], [])


def test_another_key_and_a_flipped_bit_are_not_believed() -> None:
    file = sealed(bytes(100))
    with pytest.raises(SealBroken):
        opened(file, [], key=b"x" * 32)
    with pytest.raises(SealBroken):
        opened(file[:-1] + bytes([file[-1] ^ 1]), [])
    with pytest.raises(SealBroken):
        opened(file + b"more", [], file_bytes=len(file))
