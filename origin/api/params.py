"""Parameters of an API call: what SDKs send, read once, with a named list for everything an upload may carry.

    texts      key=value                       lists      key[]=a&key[]=b   key[0]=a&key[1]=b   JSON arrays
    objects    outer[inner]=value              JSON objects
    booleans   "1" "0" (uploads) or "true" "false" (admin), or JSON's

The rule of the file: nothing is ignored silently. An upload parameter is used, or accepted and named in HARMLESS with
the reason, or refused by name. Source: cloudinary-compat 4, the SDK's own lists of upload parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from domicile.media.errors import BadRequest

Value = str | list[str]
_Scalar = str | int | float | bool | None

LIST_ITEMS_MAX = 1000
"""Items of one list parameter."""
TAGS_MAX = 1000
TAG_CHARS_MAX = 255
CONTEXT_ENTRIES_MAX = 1000
CONTEXT_CHARS_MAX = 1024

_SURROGATE = re.compile("[\ud800-\udfff]")
_INDEXED = re.compile(r"([A-Za-z0-9_]{1,64})\[([0-9]{0,4})\]")
_TRUE = frozenset({"1", "true", "True"})
_FALSE = frozenset({"0", "false", "False"})

SIGNING = frozenset({"timestamp", "signature", "api_key"})
USED = SIGNING | frozenset(
    "file public_id public_id_prefix folder asset_folder display_name use_asset_folder_as_public_id_prefix tags context overwrite "
    "use_filename unique_filename filename_override discard_original_filename type allowed_formats upload_preset faces face_coordinates custom_coordinates "
    "colors phash quality_analysis image_metadata media_metadata blurhash thumbhash responsive_breakpoints metadata moderation"
    " unique_display_name use_filename_as_display_name return_delete_token notification_url batch_id transformation format"
    " eager eager_async eager_notification_url access_control backup exif subject_ids".split()
)
"""Upload parameters that do something."""

HARMLESS: Mapping[str, str] = {
    "invalidate": "replaced and deleted media is always purged, everywhere and at once",
    "async": "what is answered is done: nothing is left pending, and notification_url is told all the same",
    "callback": "an address for pages in browsers of 2010; answers are read where they arrive",
    "source": "says which widget sent it",
    "cloud_name": "the cloud is in the path",
    "resource_type": "the resource type is in the path",
    "signature_algorithm": "the signature's length says it",
    "signature_version": "both versions are tried",
}
"""Upload parameters that are accepted and change nothing, and why that is what the caller wanted."""

HEADERS = "headers"
HARMLESS_HEADERS: Mapping[str, str] = {"link": "a hint, which nobody may depend on"}
"""Header fields that an upload may ask for and delivery does not send, and why nobody misses them. Others are refused by
name: who asks for `X-Robots-Tag: noindex` must know that it will not be sent.
"""

HARMLESS_WHEN_OFF = frozenset(
    "cinemagraph_analysis accessibility_analysis visual_search auto_chaptering auto_transcription".split()
)
"""Upload parameters that switch something on that is not supported yet; switching it off is fine."""

REFUSED = frozenset(
    "ocr similarity_search auto_tagging eval on_success proxy regions quality_override access_mode".split()
)
"""Upload parameters of Cloudinary that are not supported yet; a value gets 400 with the name."""

NO_SUCH: Mapping[str, str] = {
    "background_removal": "Background removal {} is invalid",
    "categorization": "Categorization {} is not valid",
    "detection": "Detection invalid model '{}'",
    "raw_convert": "Raw convert is invalid - {}",
}
"""How Cloudinary refuses a kind of these that it does not have. Here there are none: what they do is done by services elsewhere."""
VALUE_CHARS_MAX = 64
"""Of a value that an error repeats to who sent it."""


class Params:
    """Parameters of one call. Readers raise BadRequest, naming the parameter."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        self._values = dict(values or {})

    def __contains__(self, name: str) -> bool:
        return bool(self._values.get(name))

    @property
    def values(self) -> Mapping[str, Value]:
        """Everything as received, lists as lists: what a signature covers."""
        return self._values

    def names(self) -> Iterable[str]:
        return self._values.keys()

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name)
        if isinstance(value, list):
            raise BadRequest(f"Invalid value for parameter {name}")
        return value or default

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise BadRequest(f"Missing required parameter - {name}")
        return value

    def texts(self, name: str, *, split: bool = False) -> tuple[str, ...]:
        """A list; a lone text is a list of one, or with `split` a list cut at commas."""
        value = self._values.get(name)
        if value is None or value == "":
            return ()
        if isinstance(value, str):
            value = value.split(",") if split else [value]
        if len(value) > LIST_ITEMS_MAX:
            raise BadRequest(f"Too many values for parameter {name}: at most {LIST_ITEMS_MAX}")
        return tuple(item for item in value if item)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.text(name)
        if not value:
            return default
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise BadRequest(f"Invalid value for parameter {name}: must be true or false")

    def number(self, name: str, default: int, *, at_least: int, at_most: int) -> int:
        value = self.text(name)
        if not value:
            return default
        if not re.fullmatch(r"[0-9]{1,12}", value, re.ASCII) or not at_least <= int(value) <= at_most:
            raise BadRequest(f"Invalid value for parameter {name}: must be {at_least} to {at_most}")
        return int(value)


def from_pairs(pairs: Iterable[tuple[str, str]], *, fields_max: int) -> Params:
    """Parameters of a form or a query. A plain key given twice is refused: signers and servers would disagree."""
    values: dict[str, Value] = {}
    for count, (key, text) in enumerate(pairs, 1):
        if count > fields_max:
            raise BadRequest(f"Too many parameters: at most {fields_max}")
        match = _INDEXED.fullmatch(key)
        if match is None:
            if key in values:
                raise BadRequest("A parameter was given twice")
            values[_storable(key)] = _storable(text)
        else:
            items = values.setdefault(match[1], [])
            if not isinstance(items, list) or len(items) >= LIST_ITEMS_MAX:
                raise BadRequest(f"Invalid value for parameter {match[1]}")
            items.append(_storable(text))
    return Params(values)


def from_json(body: bytes) -> Params:
    """Parameters of a JSON object: texts, numbers, booleans, flat lists of them, and objects of them as "outer[inner]".

    Its shape is checked while it is read, so that a body of another shape costs nothing.
    """
    if not body.strip():
        return Params()
    try:
        tree = msgspec.json.decode(body, type=dict[str, _Scalar | list[_Scalar] | dict[str, _Scalar]])
    except (ValueError, RecursionError) as bad:
        raise BadRequest(
            "Invalid JSON body: must be an object of plain values, lists of them and objects of them"
        ) from bad
    values: dict[str, Value] = {}
    for key, value in tree.items():
        if isinstance(value, list):
            values[_storable(key)] = [_text(item) for item in value]
        elif isinstance(value, dict):
            values.update({_storable(f"{key}[{inner}]"): _text(item) for inner, item in value.items()})
        elif value is not None:
            values[_storable(key)] = _text(value)
    return Params(values)


def _storable(text: str) -> str:
    """JSON and headers can spell lone surrogates, which are no characters: nothing could encode them later on."""
    if _SURROGATE.search(text):
        raise BadRequest("A parameter is not valid Unicode")
    return text


def _text(value: _Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _storable(str(value))


def check_parameters(params: Params, used: frozenset[str]) -> None:
    """Refuse what a call asks for and would not get; `used`: what its endpoint reads. Raises BadRequest.

    A signature does not say which endpoint it was made for, so this also keeps one that was made for another endpoint,
    with that endpoint's parameters, from acting here.
    """
    for name in params.names():
        if name not in params or name in used or name in SIGNING or name in HARMLESS:
            continue
        if name == HEADERS:
            _check_headers(params.text(name))
            continue
        if name in HARMLESS_WHEN_OFF and params.text(name) in _FALSE:
            continue
        if name in NO_SUCH:
            raise BadRequest(f"{NO_SUCH[name].format(params.text(name)[:VALUE_CHARS_MAX])}: it is not supported here")
        if name in REFUSED or name in HARMLESS_WHEN_OFF:
            raise BadRequest(f"Parameter {name} is not supported yet")
        raise BadRequest(f"Unknown parameter - {name[:64]}")


def _check_headers(text: str) -> None:
    """Of delivery, a line each. Raises BadRequest for what its caller would miss."""
    for line in text.splitlines():
        field, colon, _ = line.partition(":")
        if not colon:
            raise BadRequest(f"Invalid value for parameter {HEADERS}: must be lines like Link: <address>")
        if field.strip().lower() not in HARMLESS_HEADERS:
            raise BadRequest(
                f"Parameter {HEADERS}: {field.strip()[:VALUE_CHARS_MAX]} is not supported, what is delivered has the policy's"
            )


def tags_of(params: Params, name: str = "tags") -> tuple[str, ...]:
    """Tags, trimmed, in order, each once."""
    tags = tuple(dict.fromkeys(tag.strip() for tag in params.texts(name, split=True) if tag.strip()))
    if len(tags) > TAGS_MAX:
        raise BadRequest(f"Too many tags: at most {TAGS_MAX}")
    if any(len(tag) > TAG_CHARS_MAX for tag in tags):
        raise BadRequest(f"Tag is too long: at most {TAG_CHARS_MAX} characters")
    return tags


def context_of(params: Params, name: str = "context") -> dict[str, str]:
    r"""`key=value|key=value`, with `\|` and `\=` for the characters themselves.

    >>> context_of(Params({"context": r"alt=a\=b|caption=x"}))
    {'alt': 'a=b', 'caption': 'x'}
    """
    text = params.text(name)
    entries: dict[str, str] = {}
    for pair in re.split(r"(?<!\\)\|", text) if text else []:
        parts = re.split(r"(?<!\\)=", pair, maxsplit=1)
        key = _unescape(parts[0]).strip()
        if len(parts) != 2 or not key:
            raise BadRequest(f"Invalid value for parameter {name}: must be key=value pairs joined by |")
        entries[key] = _unescape(parts[1])
    if len(entries) > CONTEXT_ENTRIES_MAX:
        raise BadRequest(f"Too many entries in {name}: at most {CONTEXT_ENTRIES_MAX}")
    if any(len(text) > CONTEXT_CHARS_MAX for pair in entries.items() for text in pair):
        raise BadRequest(f"An entry of {name} is too long: at most {CONTEXT_CHARS_MAX} characters")
    return entries


def write_context(entries: Mapping[str, str]) -> str:
    r"""What `context_of` reads. Raises BadRequest for what cannot be written.

    >>> write_context({"alt": "a=b", "caption": "x|y"})
    'alt=a\\=b|caption=x\\|y'
    """
    if any(text.endswith("\\") for pair in entries.items() for text in pair):  # it would take what follows along
        raise BadRequest("A key or a value of pairs that are put together must not end in a backslash")
    return "|".join(f"{_escape(key)}={_escape(text)}" for key, text in entries.items())


def _escape(text: str) -> str:
    return re.sub(r"([|=])", r"\\\1", text)


def _unescape(text: str) -> str:
    return re.sub(r"\\([|=])", r"\1", text)
