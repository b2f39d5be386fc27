"""Files that are kept and handed out as they are, whatever they are: resource type `raw`.

They come from anybody, so a browser never takes one for a page of ours: each is an attachment, sniffing is off, and only types
that run nothing are named; all else is bytes. A style sheet or a script works where a page asks for it as one.
"""

from __future__ import annotations

from domicile.media.facts import SourceFacts

RAW = "raw"
"""`SourceFacts.format` of all of them."""
POLICY = "default-src 'none'; sandbox"
"""Content-Security-Policy of what is handed out: the second lock."""
BYTES = "application/octet-stream"
TYPES = {
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "gz": "application/gzip",
    "ics": "text/calendar; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "md": "text/plain; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "tgz": "application/gzip",
    "ttf": "font/ttf",
    "txt": "text/plain; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "wav": "audio/wav",
    "webm": "video/webm",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "zip": "application/zip",
}
"""By extension. HTML, SVG and XML are not among them, and pictures have a resource type of their own."""


def raw_type(public_id: str) -> str:
    """Content-Type by the name alone: nobody looks into the file.

    >>> raw_type("a/report.PDF"), raw_type("a/page.html"), raw_type("plain")
    ('application/pdf', 'application/octet-stream', 'application/octet-stream')
    """
    return TYPES.get(raw_extension(public_id), BYTES)


def raw_extension(public_id: str) -> str:
    """What follows the last dot of its last segment, in lower case; empty without a dot.

    >>> raw_extension("a.b/script.JS"), raw_extension("js")
    ('js', '')
    """
    _, dot, extension = public_id.rpartition("/")[2].rpartition(".")
    return extension.lower() if dot else ""


def raw_facts(body_bytes: int, md5: str = "") -> SourceFacts:
    """What is known of one."""
    return SourceFacts(
        format=RAW,
        width=0,
        height=0,
        frames=1,
        has_alpha=False,
        orientation=1,
        body_bytes=body_bytes,
        md5=md5,
    )
