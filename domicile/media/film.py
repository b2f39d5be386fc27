"""Films and sounds, which are kept and handed out as they were uploaded: resource type `video`.

What they are called, what a browser is told they are, and what is known of one.
"""

from __future__ import annotations

import msgspec

FILM_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}
"""Format family -> Content-Type."""
EXTENSIONS = {name: name for name in FILM_TYPES} | {"m4v": "mp4"}
"""Spelling -> family."""
NOT_TRANSFORMED = "Video transformations are not supported"


class Film(msgspec.Struct, frozen=True, kw_only=True):
    """What its container says of it; nobody has decoded it."""

    duration: float = 0.0
    """Seconds; 0: it does not say."""
    frame_rate: float = 0.0
    video_codec: str = ""
    """Empty: there are no pictures in it."""
    audio_codec: str = ""
    channels: int = 0
    frequency: int = 0
    """Samples a second."""
    rotation: int = 0
    """Degrees clockwise to its upright form, in which width and height are told."""
