"""Identity: the name of an asset, the asset itself, and each uploaded version of it.

    public_id   a mutable name, unique per (cloud, resource type, delivery type)
    asset_id    stable random id of the named asset; survives overwrite and rename
    aid         random 128-bit id of one uploaded version; immutable, never reused, never equal to asset_id

Journal, tombstones, keys, cache tags, metrics and logs know aids or keyed hashes; never a public_id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

Aid = NewType("Aid", str)
"""32 lower-case hex digits."""

AssetId = NewType("AssetId", str)
"""32 lower-case hex digits."""

NameHash = NewType("NameHash", str)
"""32 lower-case hex digits: a keyed hash of a name, tag or folder (see `keys.name_hash`)."""

AID_BYTES = 16

RESOURCE_TYPES = frozenset({"image", "video", "raw"})
IMAGE_EXTENSIONS = {name: name for name in "jpg png webp avif gif tiff bmp ico heic jxl jp2 svg psd pdf".split()} | {
    "jpeg": "jpg",
    "jpe": "jpg",
    "tif": "tiff",
    "heif": "heic",
}
"""What after the last dot of an image's path is a format (spelling -> family); anything else is part of the public_id."""
DELIVERY_TYPES = frozenset({"upload", "private", "authenticated", "fetch", "text", "sprite", "multi"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetName:
    """The mutable name of an asset inside its cloud."""

    cloud: str
    resource_type: str
    delivery_type: str
    public_id: str

    @property
    def text(self) -> str:
        """What is hashed: type and name, without the cloud (the key belongs to the cloud)."""
        return f"{self.resource_type}/{self.delivery_type}/{self.public_id}"


def folders_of(name: AssetName) -> tuple[str, ...]:
    """Every folder that contains the asset, outermost first, as hashable texts cut at `/`.

    >>> folders_of(AssetName(cloud="c", resource_type="image", delivery_type="upload", public_id="a/b/c"))
    ('image/upload/', 'image/upload/a/', 'image/upload/a/b/')
    """
    head = f"{name.resource_type}/{name.delivery_type}/"
    parts = name.public_id.split("/")[:-1]
    return (head, *(head + "/".join(parts[: n + 1]) + "/" for n in range(len(parts))))
