from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domicile.media.negotiate import AVIF, LEGACY, WEBP, bucket_of

members = st.tuples(
    st.sampled_from(["image/avif", "image/webp", "image/*", "*/*", "IMAGE/AVIF", "text/html"]),
    st.sampled_from(["", ";q=0", ";q=0.000", ";q=1", ";q=0.3", ";q=2", ";q=x", "; Q=0.1;a=b"]),
).map("".join)


@given(st.lists(members, max_size=6).map(", ".join) | st.text(max_size=80))
def test_any_accept_falls_into_one_of_three_buckets(accept: str) -> None:
    bucket = bucket_of(accept)
    assert bucket in {AVIF, WEBP, LEGACY}
    if bucket != LEGACY:
        assert f"image/{bucket}" in accept.lower()
