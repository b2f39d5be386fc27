"""The storage in memory that pycloudinary's published tests import and its source package lacks."""

from __future__ import annotations

from cloudinary.cache.storage.key_value_storage import KeyValueStorage


class DummyCacheStorage(KeyValueStorage):  # type: ignore[misc] # publishes no types
    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self._kept.get(key)

    def set(self, key: str, value: str) -> bool:
        self._kept[key] = value
        return True

    def delete(self, key: str) -> bool:
        return self._kept.pop(key, None) is not None

    def clear(self) -> bool:
        self._kept.clear()
        return True
