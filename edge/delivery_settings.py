"""What can be set about delivery and its cache; `edge.settings` composes it under `edge.cache` and `edge.delivery`."""

from __future__ import annotations

import dataclasses

from domicile.imaging.job import MediaLimits
from domicile.media.layer import LAYERS_MAX
from domicile.service.settings import GIB, KIB, MIB, setting
from edge.hosts import PRIVATE_LIKE, are_private


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """The two tiers of a node. Each worker has an equal share of both."""

    ram_bytes_max: int = setting(
        256 * MIB,
        "Bytes of the RAM tier of the node, all workers and everything around the bodies included.",
        at_least=0,
    )
    ram_object_bytes_max: int = setting(
        1 * MIB, "Largest object that the RAM tier takes; larger ones are kept on disk only.", at_least=0
    )
    originals_bytes_max: int = setting(
        64 * MIB,
        "Bytes of originals that the node keeps in memory for a moment, so that several sizes of one picture fetch it once;"
        " 0 keeps none. They come on top of ram_bytes_max.",
        at_least=0,
    )
    originals_seconds_max: float = setting(
        10.0, "Longest time that an original is kept; the policy's lifetime at edges, if that is shorter.", at_least=0.0
    )
    disk_bytes_max: int = setting(10 * GIB, "Bytes of the disk tier of the node; 0 keeps nothing on disk.", at_least=0)
    disk_low_water_share: float = setting(
        0.95,
        "When the disk tier is full, files go until it holds this part of its bytes; above it an object is kept only when it"
        " is asked for again.",
        at_least=0.5,
        at_most=1.0,
    )
    disk_free_bytes_min: int = setting(
        64 * MIB, "Bytes of the disk that the cache leaves free: below it nothing is stored, and files go.", at_least=0
    )
    disk_free_inodes_min: int = setting(
        1024, "Inodes of the disk that the cache leaves free, where the file system counts them.", at_least=0
    )
    scrub_bytes_per_second: int = setting(
        1 * MIB, "Most that a node reads to look its cached files over, once an hour at most; 0 never does.", at_least=0
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How media requests are answered."""

    hosts: tuple[str, ...] = setting(
        (),
        "Host names (without port) that are served, on every route; empty serves any, others get 421. Health checks and"
        " scrapes come under a name, too.",
    )
    private_hosts: tuple[str, ...] = setting(
        (),
        "Hosts of one cloud alone, HOST=CLOUD: paths there have no cloud in them (Cloudinary's private CDN). They are served"
        " besides `hosts`.",
        check=are_private,
        like=PRIVATE_LIKE,
    )
    requests_max: int = setting(
        2048, "Media requests that one worker waits for or answers at a time; the next gets 503.", at_least=1
    )
    tenant_requests_per_second: float = setting(
        0.0,
        "Media requests of one cloud that the node answers a second; more get 429. Each worker has an equal share. 0 for no"
        " limit. What the node asks itself after an erasure passes it.",
        at_least=0.0,
    )
    tenant_requests_burst: int = setting(
        200, "Media requests of one cloud that the node answers at once, above its rate.", at_least=1
    )
    fills_max: int = setting(16, "Fetches and renders that one worker has under way at a time.", at_least=1)
    fills_queued_max: int = setting(256, "Fills that may wait for their turn; the next request gets 503.", at_least=0)
    fills_queued_tenant_max: int = setting(
        128,
        "Fills of one cloud that may wait for their turn; its next request gets 503, those of others do not.",
        at_least=0,
    )
    fills_queued_seconds_max: float = setting(
        10.0, "Longest wait of a fill for its turn; then whoever waits for it gets 503.", at_least=0.01
    )
    fill_seconds_max: float = setting(60.0, "Longest time of a fill, from its turn to its object.", at_least=0.1)
    layers_bytes_max: int = setting(
        50 * MIB, "Bytes of all originals together that lie over one picture; more is refused.", at_least=0
    )
    relayed_bytes_min: int = setting(
        32 * MIB,
        "Raw files of so many bytes or more are not kept here: each viewer's are read from the origin as he takes them.",
        at_least=1,
    )
    progress_seconds_max: float = setting(
        20.0,
        "D: a viewer that takes less than 4 KiB, or than all that is left, in this long is cut off; also the TCP user"
        " time-out.",
        at_least=0.1,
    )
    keepalive_seconds: float = setting(20.0, "An idle connection is closed after this long.", at_least=0.1)
    connections_max: int = setting(4096, "Open connections of one worker; more are closed at once.", at_least=1)
    write_buffer_bytes_max: int = setting(
        64 * KIB,
        "Bytes that wait for a viewer before sending waits, too; one piece of 64 KiB and the kernel's buffer come on top.",
        at_least=1,
        at_most=64 * KIB,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """Bounds on what is decoded and made at this node."""

    source_bytes_max: int = setting(100 * MIB, "Bytes of an original.", at_least=1)
    source_pixels_max: int = setting(120_000_000, "Pixels of one frame of an original.", at_least=1)
    side_pixels_max: int = setting(32_768, "Pixels of the longer side of an original.", at_least=1)
    frames_max: int = setting(1000, "Frames of an animation.", at_least=1)
    animation_pixels_max: int = setting(200_000_000, "Frames x width x height of an animation.", at_least=1)
    output_pixels_max: int = setting(
        40_000_000,
        "Pixels of every step on the way to a rendition; an original that keeps its size and is written as JPEG may have more.",
        at_least=1,
    )
    output_side_max: int = setting(65_500, "Pixels of the longer side of a rendition.", at_least=1)
    avif_pixels_max: int = setting(
        12_000_000, "Pixels of a rendition in AVIF; above, f_auto takes WebP and f_avif is refused.", at_least=1
    )
    faces_frames_max: int = setting(
        60,
        "Frames of an animation in which faces are looked for; a longer one is refused where they must be hidden;"
        " transparent frames count twice.",
        at_least=1,
    )
    components_max: int = setting(20, "Components of one transformation.", at_least=1)
    variables_max: int = setting(20, "Variables set in one transformation.", at_least=0)
    expression_terms_max: int = setting(40, "Operands and operators of one expression or condition.", at_least=1)
    nesting_max: int = setting(5, "Conditions inside each other.", at_least=1)
    layers_max: int = setting(10, "Overlays and underlays of one transformation.", at_least=0, at_most=LAYERS_MAX)
    text_chars_max: int = setting(1000, "Characters of one text layer.", at_least=1)
    font_size_max: int = setting(2000, "Pixels of a text layer's font size.", at_least=1)
    text_pixels_max: int = setting(10_000_000, "Pixels of one text layer as it is drawn.", at_least=1)
    metadata_bytes_max: int = setting(8 * MIB, "Decompressed metadata that a decoder may hold.", at_least=1)
    chunks_max: int = setting(
        100_000, "Chunks of a PNG or WebP, boxes of an AVIF, entries, strips and tiles of a TIFF.", at_least=100
    )
    inflated_chunks_max: int = setting(64, "Compressed text and profile chunks of a PNG.", at_least=1)
    scans_max: int = setting(100, "Scans of a progressive JPEG.", at_least=1)
    scan_pixels_max: int = setting(
        2_000_000_000, "Scans x width x height of a progressive JPEG: each scan visits all pixels again.", at_least=1
    )
    rle_pixels_max: int = setting(8_000_000, "Pixels of a run-length coded BMP.", at_least=1)
    working_bytes_max: int = setting(
        448 * MIB,
        "Bytes of pixels that a decoder process may hold at a time, by estimate; more is refused.",
        at_least=1,
    )

    def limits(self) -> MediaLimits:
        """As the decoder processes take them."""
        return MediaLimits(**dataclasses.asdict(self))
