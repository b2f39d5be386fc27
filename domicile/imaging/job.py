"""What the serving side asks of a decoder process, and what comes back. Pixels and bodies travel in memfds, not here."""

from __future__ import annotations

import msgspec

from domicile.media.analysis import NOTHING, Analysis
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.facts import SourceFacts


class MediaLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on untrusted media; each is a setting of the same name under `media.` (docs/settings.md)."""

    source_bytes_max: int = 100 * 1024 * 1024
    source_pixels_max: int = 120_000_000
    side_pixels_max: int = 32_768
    frames_max: int = 1000
    animation_pixels_max: int = 200_000_000
    """frames x width x height of an animation."""
    output_pixels_max: int = 40_000_000
    """URLs need no signature: at this size the slowest encoder takes a few seconds."""
    output_side_max: int = 65_500
    avif_pixels_max: int = 12_000_000
    """Pixels of a rendition in AVIF, whose encoder needs more memory than all others; `f_auto` takes WebP above it."""
    faces_frames_max: int = 60
    """Frames of an animation in which faces are looked for; a longer one is refused where they must be hidden.
    Transparent frames count twice."""
    components_max: int = 20
    variables_max: int = 20
    expression_terms_max: int = 40
    nesting_max: int = 5
    layers_max: int = 10
    """Overlays and underlays of one transformation."""
    text_chars_max: int = 1000
    """Of one text layer."""
    font_size_max: int = 2000
    """Pixels of a text layer's em square, at density 1."""
    text_pixels_max: int = 10_000_000
    """Of one text layer as it is drawn."""
    metadata_bytes_max: int = 8 * 1024 * 1024
    """Decompressed bytes of text or profile chunks that a decoder may be made to hold."""
    chunks_max: int = 100_000
    """Chunks of a PNG or WebP, those inside its frames included, boxes of an AVIF, entries, strips and tiles of a TIFF:
    each costs time, whatever is in it."""
    inflated_chunks_max: int = 64
    """Compressed metadata of a PNG: each chunk may inflate to `metadata_bytes_max`, and cost that much time."""
    scans_max: int = 100
    scan_pixels_max: int = 2_000_000_000
    """Scans x width x height of a JPEG in several scans: a second or two."""
    rle_pixels_max: int = 8_000_000
    """Of a run-length coded BMP, which is decoded at a tenth of a microsecond a pixel or worse."""
    working_bytes_max: int = 448 * 1024 * 1024
    """Bytes of pixels (and JPEG coefficients) that a decoder process may hold at a time, by estimate."""


class FilmParts(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts of a large file the source is, one behind the other."""

    file_bytes: int
    spans: tuple[tuple[int, int], ...]


class ProbeJob(msgspec.Struct, frozen=True, kw_only=True, tag="probe"):
    """Sniff, check the limits from the header, then decode every frame once."""

    limits: MediaLimits
    wishes: tuple[str, ...] = ()
    """What to tell of it besides facts: some of `analysis.WISHES`."""
    pdf: bool = False
    """May it be a PDF? None is opened otherwise."""
    film: FilmParts | None = None
    """It is to be a film or a sound: only what its container says is asked."""


class LayerInput(msgspec.Struct, frozen=True, kw_only=True):
    """One picture that layers of the transformation show; its bytes come beside those of the base."""

    name: str
    """`LayerName.text`."""
    redaction: str = ""
    """Effect that the policy puts before all else on this very picture, like `RenderJob.redaction` on the base."""
    coordinates: Coordinates = NOWHERE
    """What is stored of this very picture."""


class RenderJob(msgspec.Struct, frozen=True, kw_only=True, tag="render"):
    """Make one rendition."""

    transformation: str
    """Canonical text (`Transformation.canonical`), components joined by '/'; may be empty."""
    extension: str | None
    """Format asked for by the URL's extension, lower-case, or None."""
    bucket: str
    """What `negotiate` found acceptable for f_auto: "avif", "webp" or "legacy"; "" when the URL does not negotiate."""
    limits: MediaLimits
    metadata: str = "none"
    """What the policy lets a transformation keep: "none", "attribution" or "iptc"."""
    redaction: str = ""
    """Effect that the policy puts before all of the transformation: "pixelate_faces", "blur_faces" or none."""
    coordinates: Coordinates = NOWHERE
    """What is stored of the base."""
    layers: tuple[LayerInput, ...] = ()
    """In the order in which their bodies come; each name once."""


class GatherJob(msgspec.Struct, frozen=True, kw_only=True, tag="gather"):
    """Put pictures that decoders have made (PNG) on one sheet, or one after the other as an animation; again as PNG."""

    limits: MediaLimits
    sizes: tuple[int, ...]
    """Bytes of each of them; the source is all of them, one behind the other."""
    canvas: tuple[int, int]
    places: tuple[tuple[int, int], ...]
    """Where the top left corner of each comes to lie."""
    duration_ms: int = 0
    """Of each frame of an animation; 0: all lie on one sheet."""


Job = ProbeJob | RenderJob | GatherJob


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, measured inside the decoder process."""

    decode: float = 0.0
    transform: float = 0.0
    encode: float = 0.0


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """A rendition (or, for a probe, just the facts)."""

    source: SourceFacts
    content_type: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    frames: int = 1
    analysis: Analysis = NOTHING
    """Of a probe that was asked to look."""
    timings: Timings = Timings()
    reasons: str = ""
    """What `f_auto` and `q_auto` came to (`domicile.media.reasons`)."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """The input or the request is at fault. `code`: undecodable_media, limit_exceeded or bad_transformation."""

    code: str
    message: str


class Wants(msgspec.Struct, frozen=True, kw_only=True, tag="wants"):
    """Bytes [start, end) of a film are needed, too."""

    start: int
    end: int


Outcome = Done | Refused | Wants
