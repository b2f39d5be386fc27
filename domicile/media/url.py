"""Delivery URLs: read from the raw path as received, and written back in one canonical form.

    path       = "/" ["res/"] [cloud "/"] [place "/"] [signature "/"] *(component "/") [version "/"] name
    place      = resource-type "/" delivery-type / "iu" / SEO-form        ; none at all: image/upload
    SEO-form   = "images" / "private_images" / "authenticated_images" / "files" / "videos"
    signature  = "s--" (8 / 32)(ALPHA / DIGIT / "-" / "_") "--"            ; may begin with "-"
    version    = "v" 1*12digit                                            ; "v1": no particular version
    name       = public_id ["/" suffix] ["." extension]                   ; the suffix exactly in SEO forms
    cloud      = 1*64( %x61-7A / digit / "-" )

Rules of the file:
* The path is taken raw and decoded exactly once, segment by segment (raw_path.py). No URL library reads it before: they
  requote, which breaks signatures and turns an encoded comma into a separator.
* Where transformations end is decided in split.py.
* The query is no part of the identity and is dropped (`?_a=` of the SDKs).

Source: cloudinary-compat 1.3, 1.4, 2.1; edge-http 2.7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from domicile.media.asset import DELIVERY_TYPES, IMAGE_EXTENSIONS, RESOURCE_TYPES
from domicile.media.errors import AssetNotFound, BadSignature, BadUrl
from domicile.media.film import EXTENSIONS as FILM_EXTENSIONS
from domicile.media.grammar import DEFAULT_LIMITS, Limits, echo
from domicile.media.percent import percent_encode
from domicile.media.raw_path import Segment, read_segments
from domicile.media.split import Candidate, split_name, split_remote

__all__ = ["Candidate", "DeliveryRequest", "build", "escape", "on_own_host", "on_shared_host", "parse"]

CLOUD = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
SIGNATURE = re.compile(r"s--([A-Za-z0-9_-]{32}|[A-Za-z0-9_-]{8})--", re.ASCII)
SIGNATURE_LIKE = re.compile(r"s--.*--", re.DOTALL)

IMAGE_UPLOAD = ("image", "upload")
SEO_FORMS = {
    "images": IMAGE_UPLOAD,
    "private_images": ("image", "private"),
    "authenticated_images": ("image", "authenticated"),
    "files": ("raw", "upload"),
    "videos": ("video", "upload"),
}
SEO_NAMES = {place: name for name, place in SEO_FORMS.items()}
SHORT_FORM = "iu"
PLACES = RESOURCE_TYPES | SEO_FORMS.keys() | frozenset({SHORT_FORM})
"""What a place begins with."""
RESERVED_CLOUDS = PLACES | frozenset({"res", "search", "healthz", "readyz", "metrics", "provisioning"})
"""First segments with a meaning of their own, on a delivery host or on the API's; no tenant may be called so."""

EXTENSIONS = {
    "image": IMAGE_EXTENSIONS,
    "video": {name: name for name in "ogv avi m3u8 mpd jpg png webp gif".split()} | FILM_EXTENSIONS,
    "raw": {},
}
"""Per resource type: what after the last dot is a format (spelling -> family); anything else is part of the public_id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRequest:
    """What a delivery URL asks for. `candidates` has 1 to wire.NAMES_MAX members, the most likely first."""

    cloud: str
    resource_type: str
    delivery_type: str
    signature: str | None
    version: int | None
    candidates: tuple[Candidate, ...]
    seo_suffix: str | None = None


def parse(raw_path: str, *, limits: Limits = DEFAULT_LIMITS) -> DeliveryRequest:
    """Read a request target, of a host of all clouds: see `on_shared_host`.

    Raises BadUrl, BadTransformation, LimitExceeded, BadSignature (malformed one) or AssetNotFound (no cloud is spelled so).
    """
    segments = read_segments(raw_path)
    cloud, segments = _take_cloud(segments)
    (resource_type, delivery_type), seo, segments = _take_place(segments)
    signature, segments = _take_signature(segments)
    suffix = None
    if delivery_type == "fetch":
        version, candidates = split_remote(segments, limits)
    else:
        segments, suffix, extension, raw_extension = _take_ending(segments, resource_type, seo=seo)
        version, candidates = split_name(segments, extension, raw_extension, limits)
    return DeliveryRequest(
        cloud=cloud,
        resource_type=resource_type,
        delivery_type=delivery_type,
        signature=signature,
        version=version,
        candidates=candidates,
        seo_suffix=suffix,
    )


def build(request: DeliveryRequest) -> str:
    """The canonical path of the most likely candidate, with the cloud in it, encoded as the Python SDK does."""
    candidate = request.candidates[0]
    place = (request.resource_type, request.delivery_type)
    parts = [request.cloud, "/".join(place) if request.seo_suffix is None else SEO_NAMES[place]]
    if request.signature is not None:
        parts.append(f"s--{request.signature}--")
    if candidate.transformation_text:
        parts.append(candidate.transformation_text)
    if request.version is not None:
        parts.append(f"v{request.version}")
    parts.append(escape(candidate.public_id))
    if request.seo_suffix is not None:
        parts.append(escape(request.seo_suffix))
    return "/" + "/".join(parts) + (f".{candidate.extension}" if candidate.extension else "")


def escape(text: str) -> str:
    """Percent-encode all but `A-Z a-z 0-9 _ . - / :`."""
    return percent_encode(text, safe="/:", unsafe="~")


def on_shared_host(raw_path: str, cloud: str) -> str:
    """A request target on a host of one cloud alone (private CDN), as it is spelled on a host of all clouds.

    Such a host serves its own cloud and no other; naming that cloud again before a place, as url-gen does, is tolerated.

    >>> on_shared_host("/image/upload/v1/a.jpg", "acme"), on_shared_host("/acme/images/a/seo.jpg", "acme")
    ('/acme/image/upload/v1/a.jpg', '/acme/images/a/seo.jpg')
    >>> on_shared_host("/other/image/upload/a.jpg", "acme")
    '/acme/other/image/upload/a.jpg'
    """
    if not raw_path.startswith("/") or raw_path.partition("?")[0] == "/":
        return raw_path
    named, place, _ = _before_place(raw_path)
    return raw_path if place and named == cloud else f"/{cloud}{raw_path}"


def on_own_host(raw_path: str) -> str | None:
    """The other way round: how it is spelled on a host of its cloud alone; None for one that names no place.

    >>> on_own_host("/acme/image/upload/v1/a.jpg"), on_own_host("/acme/a.jpg")
    ('/image/upload/v1/a.jpg', None)
    """
    _, place, rest = _before_place(raw_path)
    return f"/{place}/{rest}" if place else None


def _before_place(raw_path: str) -> tuple[str, str, str]:
    """The first segment, and a place's first that comes right behind it, with what follows; empty where it is no place."""
    named = raw_path.removeprefix("/res") if raw_path.startswith("/res/") else raw_path
    parts = named.split("/", 3)
    return (parts[1], parts[2], parts[3]) if len(parts) == 4 and parts[2] in PLACES else ("", "", "")


def _take_cloud(segments: list[Segment]) -> tuple[str, list[Segment]]:
    named = segments[1:] if segments[0].raw == "res" and len(segments) > 1 else segments
    cloud = named[0].raw
    if CLOUD.fullmatch(cloud) is None or cloud in RESERVED_CLOUDS:
        raise AssetNotFound("Resource not found")
    if len(named) == 1:
        raise BadUrl("Invalid URL - public_id is missing")
    return cloud, named[1:]


def _is_place(segments: list[Segment]) -> bool:
    return bool(segments) and segments[0].raw in PLACES


def _take_place(segments: list[Segment]) -> tuple[tuple[str, str], bool, list[Segment]]:
    head = segments[0].raw
    if len(segments) == 1 or not _is_place(segments):
        return IMAGE_UPLOAD, False, segments
    if head == SHORT_FORM:
        return IMAGE_UPLOAD, False, segments[1:]
    if head in SEO_FORMS:
        return SEO_FORMS[head], True, segments[1:]
    delivery_type = segments[1].raw
    if delivery_type not in DELIVERY_TYPES:
        raise BadUrl(f"Invalid URL - unknown delivery type {echo(delivery_type)}")
    if len(segments) == 2:
        raise BadUrl("Invalid URL - public_id is missing")
    return (head, delivery_type), False, segments[2:]


def _take_signature(segments: list[Segment]) -> tuple[str | None, list[Segment]]:
    head = segments[0]
    if SIGNATURE_LIKE.fullmatch(head.text) is None:
        return None, segments
    match = SIGNATURE.fullmatch(head.raw)
    if match is None:
        raise BadSignature("Invalid signature")
    if len(segments) == 1:
        raise BadUrl("Invalid URL - public_id is missing")
    return match[1], segments[1:]


def _take_ending(
    segments: list[Segment], resource_type: str, *, seo: bool
) -> tuple[list[Segment], str | None, str | None, str]:
    """Cut extension and SEO suffix off: segments without them, suffix, format family, extension as received."""
    last = segments[-1]
    stem, dot, written = last.text.rpartition(".")
    extension = EXTENSIONS[resource_type].get(written.lower()) if stem and dot else None
    raw_extension = ""
    if extension is not None:
        raw_stem, _, raw_extension = last.raw.rpartition(".")
        if raw_extension != written:
            raise BadUrl("Invalid URL - the extension must not be percent-encoded")
        last = Segment(raw=raw_stem, text=stem)
        raw_extension = f".{raw_extension}"
    if not seo:
        return [*segments[:-1], last], None, extension, raw_extension
    if len(segments) == 1 or "." in last.text:
        raise BadUrl("Invalid URL - the suffix is missing or contains a dot")
    return segments[:-1], last.text, extension, raw_extension
