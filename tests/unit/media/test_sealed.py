"""The sealed file: any damage is noticed, any range is the slice, nothing opens elsewhere."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.media import sealed
from domicile.media.asset import Aid
from domicile.media.sealed import CHUNK_BYTES, Opener, SealBroken, SealContext, Sealer, open_sealed, seal

KEY = bytes(range(32))
SALT = bytes(reversed(range(32)))
HERE = SealContext(tenant="demo", aids=(Aid("ab" * 16),), variant="original", region="eu-de")

body_sizes = st.sampled_from(
    [0, 1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 7]
)


def a_body(size: int) -> bytes:
    return bytes((n * 7 + n // 251) % 256 for n in range(size))


@given(size=body_sizes, header=st.binary(max_size=300))
@settings(max_examples=30, deadline=None)
def test_opening_a_sealed_file_gives_back_header_and_body(size: int, header: bytes) -> None:
    body = a_body(size)
    assert open_sealed(KEY, HERE, seal(KEY, HERE, header=header, body=body, salt=SALT)) == (header, body)


@given(size=body_sizes, data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_range_is_the_slice_of_the_plaintext(size: int, data: st.DataObject) -> None:
    body = a_body(size)
    if not body:
        return
    file = seal(KEY, HERE, header=b"", body=body, salt=SALT)
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    opener = Opener(KEY, HERE, preamble=file, file_bytes=len(file))
    assert opener.body_bytes == size
    start, end = opener.span(first, last)
    chunk = first // CHUNK_BYTES
    plain = b"".join(opener.open_span(chunk, file[start:end]))
    offset = first - chunk * CHUNK_BYTES
    assert plain[offset : offset + last - first + 1] == body[first : last + 1]


@given(size=body_sizes, cut=st.integers(1, 3 * CHUNK_BYTES))
@settings(max_examples=60, deadline=None)
def test_a_truncated_file_never_opens(size: int, cut: int) -> None:
    file = seal(KEY, HERE, header=b"h", body=a_body(size), salt=SALT)
    with pytest.raises(SealBroken):
        open_sealed(KEY, HERE, file[: max(0, len(file) - cut)])


def test_a_file_cut_exactly_between_chunks_does_not_open() -> None:
    file = seal(KEY, HERE, header=b"", body=a_body(3 * CHUNK_BYTES), salt=SALT)
    with pytest.raises(SealBroken):
        open_sealed(KEY, HERE, file[: -(CHUNK_BYTES + sealed.TAG_BYTES)])


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=80, deadline=None)
def test_one_flipped_bit_anywhere_breaks_the_seal(where: float, bit: int) -> None:
    file = bytearray(seal(KEY, HERE, header=b"header", body=a_body(CHUNK_BYTES + 9), salt=SALT))
    file[int(where * len(file))] ^= 1 << bit
    with pytest.raises(SealBroken):
        open_sealed(KEY, HERE, bytes(file))


def test_swapped_chunks_do_not_open() -> None:
    file = seal(KEY, HERE, header=b"", body=a_body(3 * CHUNK_BYTES), salt=SALT)
    start = sealed.preamble_bytes(file)
    size = sealed.SEALED_CHUNK_BYTES
    swapped = (
        file[:start] + file[start + size : start + 2 * size] + file[start : start + size] + file[start + 2 * size :]
    )
    with pytest.raises(SealBroken):
        open_sealed(KEY, HERE, swapped)


@pytest.mark.parametrize(
    "elsewhere",
    [
        SealContext(tenant="other", aids=HERE.aids, variant=HERE.variant, region=HERE.region),
        SealContext(tenant=HERE.tenant, aids=(Aid("cd" * 16),), variant=HERE.variant, region=HERE.region),
        SealContext(tenant=HERE.tenant, aids=HERE.aids, variant="rendition", region=HERE.region),
        SealContext(tenant=HERE.tenant, aids=HERE.aids, variant=HERE.variant, region="us-east"),
    ],
    ids=["tenant", "aid", "variant", "region"],
)
def test_a_file_moved_to_another_context_does_not_open(elsewhere: SealContext) -> None:
    file = seal(KEY, HERE, header=b"", body=b"body", salt=SALT)
    with pytest.raises(SealBroken, match="another key or another context"):
        open_sealed(KEY, elsewhere, file)


def test_a_wrong_key_is_told_before_any_chunk_is_tried() -> None:
    file = seal(KEY, HERE, header=b"", body=b"body", salt=SALT)
    with pytest.raises(SealBroken, match="another key"):
        Opener(bytes(32), HERE, preamble=file, file_bytes=len(file))


def test_two_writes_of_the_same_bytes_share_no_ciphertext() -> None:
    one = seal(KEY, HERE, header=b"h", body=a_body(1000), salt=SALT)
    two = seal(KEY, HERE, header=b"h", body=a_body(1000), salt=bytes(32))
    assert one[sealed.FIXED_BYTES :] != two[sealed.FIXED_BYTES :]


def test_a_short_salt_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="salt"):
        Sealer(KEY, HERE, header=b"", salt=b"short")


def test_the_format_does_not_drift() -> None:
    """Golden bytes: files written yesterday must open tomorrow."""
    file = seal(KEY, HERE, header=b"header", body=a_body(CHUNK_BYTES + 100), salt=SALT)
    assert len(file) == sealed.FIXED_BYTES + 6 + 16 + CHUNK_BYTES + 100 + 2 * 16
    assert hashlib.sha256(file).hexdigest() == "fc1cb43c44c461140cc1e5bfeca8c5cbabc3a53e61c72b319a1d959dd4e7a8a4"
