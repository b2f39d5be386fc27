"""How much of an installation one cloud may take. 0: no limit of its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from domicile.media.errors import LimitExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Of a policy file's table [quotas]; the origin holds to them, and edges do not know them."""

    assets_max: int = 0
    """Assets that are there at a time."""
    bytes_max: int = 0
    """Bytes of their originals."""
    uploads_in_flight_max: int = 0
    """Uploads that are being dealt with at a time, by one origin process."""
    renders_per_day_max: int = 0
    """Renditions that calls of the API ask for (eager, incoming, archives, breakpoints) in a UTC day, of one process."""
    calls_per_hour_max: int = 0
    """Calls of the API, of any kind, in an hour, of one process."""

    def check_room(self, assets: int, size: int, *, more_assets: int = 1, more_bytes: int = 0) -> None:
        """`assets` and `size`: what is there. Raises LimitExceeded, naming the quota."""
        if self.assets_max and more_assets > 0 and assets + more_assets > self.assets_max:
            raise LimitExceeded(f"Quota exceeded - assets_max: this cloud may have {self.assets_max} assets")
        if self.bytes_max and more_bytes > 0 and size + more_bytes > self.bytes_max:
            raise LimitExceeded(
                f"Quota exceeded - bytes_max: this cloud may have {self.bytes_max} bytes of originals,"
                f" has {size} and would get {more_bytes} more"
            )

    def to_mapping(self) -> Mapping[str, int]:
        """Those that are set."""
        return {name: value for name, value in asdict(self).items() if value}


NO_QUOTAS = Quotas()
