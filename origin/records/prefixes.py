"""What a prefix selects, as folder texts (see `media.asset.folders_of`); pure. Prefixes are cut at slashes, never texts."""

from __future__ import annotations

from domicile.media.asset import DELIVERY_TYPES, RESOURCE_TYPES
from domicile.media.errors import BadRequest, OutOfScope


def folders_under(tenant: str, prefix: str) -> list[str]:
    """The folder texts that a prefix means; each is matched whole, never as a text. BadRequest | OutOfScope.

    >>> folders_under("acme", "/acme/image/upload/people")
    ['image/upload/people/']
    """
    if not prefix.startswith("/"):
        _check_folder(prefix)
        folder = prefix.strip("/")
        return [f"{rt}/{dt}/{folder}/" for rt in sorted(RESOURCE_TYPES) for dt in sorted(DELIVERY_TYPES)]
    parts = _parts(tenant, prefix)
    resource_types = parts[:1] or sorted(RESOURCE_TYPES)
    delivery_types = parts[1:2] or sorted(DELIVERY_TYPES)
    if not set(resource_types) <= RESOURCE_TYPES or not set(delivery_types) <= DELIVERY_TYPES:
        raise BadRequest("a prefix goes /<resource type>/<delivery type>/<folder>")
    folder = "".join(part + "/" for part in parts[2:])
    return [f"{rt}/{dt}/{folder}" for rt in resource_types for dt in delivery_types]


def names_a_folder(tenant: str, prefix: str) -> bool:
    """False for "/", a resource type, or a delivery type alone: those mean everything of it. BadRequest | OutOfScope.

    >>> [names_a_folder("acme", prefix) for prefix in ("people", "/acme/image/upload/people", "/image/upload", "/")]
    [True, True, False, False]
    """
    return not prefix.startswith("/") or len(_parts(tenant, prefix)) > 2


def relative(tenant: str, path: str) -> str:
    """A path without its cloud, beginning with a slash: "/acme/image/x" and "/image/x" are the same to acme.

    Raises OutOfScope when it begins with anything but this cloud or a resource type, BadRequest when not canonical.
    """
    parts = path.split("/")
    if not path.startswith("/") or any(part in {".", ".."} for part in parts) or "" in parts[1:-1]:
        raise BadRequest("a prefix is a canonical path or folder")
    head = parts[1]
    if head in RESOURCE_TYPES or head == "":
        return path
    if head != tenant:
        raise OutOfScope("a prefix lies outside this cloud")
    return "/" + "/".join(parts[2:])


def _parts(tenant: str, prefix: str) -> list[str]:
    return [part for part in relative(tenant, prefix).split("/") if part]


def _check_folder(prefix: str) -> None:
    parts = prefix.rstrip("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise BadRequest("a prefix is a canonical folder")
