"""What an expression is true of, the slow and plain way: a second reading of the rules, which shares no code with the first.

It walks the tree over whole records; no index, no conditions, no words cut beforehand.
"""

from __future__ import annotations

import datetime as dt
import unicodedata

from origin.records import AssetRecord
from origin.search.expression import And, Bare, Compare, Everything, Node, Not, Or, Range, Text

DAY = 24 * 3600
ANYWHERE = ("public_id", "filename", "display_name", "asset_folder", "tags", "context", "metadata")
SINGLE = ("resource_type", "type", "format", "etag", "access_mode", "transparent", "asset_id")


def select(records: list[AssetRecord], node: Node, now: float) -> set[str]:
    return {record.asset_id for record in records if holds(record, node, now)}


def holds(record: AssetRecord, node: Node, now: float) -> bool:
    if isinstance(node, Everything):
        return True
    if isinstance(node, Not):
        return not holds(record, node.inner, now)
    if isinstance(node, And):
        return all(holds(record, part, now) for part in node.parts)
    if isinstance(node, Or):
        return any(holds(record, part, now) for part in node.parts)
    if isinstance(node, Bare):
        if node.text == Text("", goes_on=True):
            return True
        return any(side_by_side(value, node.text) for field in ANYWHERE for value in texts(record, field, spoken=True))
    if isinstance(node, Range):
        return in_range(record, node, now)
    return compare(record, node, now)


def compare(record: AssetRecord, node: Compare, now: float) -> bool:
    text, field = node.text, node.field
    if field in {"folder", "asset_folder"}:
        return any(in_folder(value, text) for value in texts(record, field))
    if field in SINGLE:
        wanted = text.value.lower()
        return any(v.startswith(wanted) and v != "" if text.goes_on else v == wanted for v in texts(record, field))
    if node.operator in ":=" and not is_compared(field):
        if node.operator == "=" or text == Text("", goes_on=True):
            return any(
                v.startswith(text.value) and v != "" if text.goes_on else v == text.value for v in texts(record, field)
            )
        return any(side_by_side(value, text) for value in texts(record, field, spoken=True))
    if text == Text("", goes_on=True):
        return bool(numbers(record, field))
    first, last = moments(field, text.value, now)
    return any(
        {
            ":": first <= n < last or n == first == last,
            "=": first <= n < last or n == first == last,
            ">": n > first if first == last else n >= last,
            ">=": n >= first,
            "<": n < first,
            "<=": n <= last if first == last else n < last,
        }[node.operator]
        for n in numbers(record, field)
    )


def in_range(record: AssetRecord, node: Range, now: float) -> bool:
    def is_above(n: float) -> bool:
        if node.low == Text("", goes_on=True):
            return True
        first, last = moments(node.field, node.low.value, now)
        return n >= first if node.includes_low else n > first if first == last else n >= last

    def is_below(n: float) -> bool:
        if node.high == Text("", goes_on=True):
            return True
        first, last = moments(node.field, node.high.value, now)
        if node.includes_high:
            return n <= last if first == last else n < last
        return n < first

    return any(is_above(n) and is_below(n) for n in numbers(record, node.field))


def is_compared(field: str) -> bool:
    return field in {"bytes", "width", "height", "pixels", "pages", "aspect_ratio", "created_at", "uploaded_at"}


def in_folder(value: str, text: Text) -> bool:
    if not text.goes_on:
        return value == text.value.strip("/")
    if not text.value.strip("/"):
        return True
    if text.value.endswith("/"):
        return (value + "/").startswith(text.value.strip("/") + "/")
    return value.startswith(text.value.lstrip("/"))


def side_by_side(value: str, text: Text) -> bool:
    wanted, there = cut(text.value), cut(value)
    goes_on = text.goes_on and cut(text.value[-1]) != []
    for start in range(len(there) - len(wanted) + 1):
        part = there[start : start + len(wanted)]
        if part[:-1] == wanted[:-1] and (part[-1].startswith(wanted[-1]) if goes_on else part[-1] == wanted[-1]):
            return True
    return False


def cut(text: str) -> list[str]:
    words, word = [], ""
    for one in unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()):
        if unicodedata.category(one) in {"Zs", "Zl", "Zp"} or unicodedata.category(one)[0] in "CP":
            words.append(word)
            word = ""
        else:
            word += one
    return [word for word in [*words, word] if word]


def texts(record: AssetRecord, field: str, *, spoken: bool = False) -> list[str]:
    """Values of a field; `spoken`: those that words are looked for in."""
    name = record.name
    last = name.public_id.split("/")[-1]
    if field.startswith("context."):
        return [value for key, value in record.context.items() if f"context.{key}" == field]
    if field.startswith("metadata."):
        return [text for key, value in record.metadata.items() if f"metadata.{key}" == field for text in flat(value)]
    is_raw = name.resource_type == "raw"
    return {
        "public_id": [name.public_id],
        "filename": [record.original_filename or last],
        "display_name": [record.display_name or last],
        "asset_folder": [record.folder],
        "folder": ["/".join(name.public_id.split("/")[:-1])],
        "tags": list(record.tags),
        "context": [*record.context.values(), *(record.context.keys() if spoken else ())],
        "metadata": [t for v in record.metadata.values() for t in flat(v)] + (list(record.metadata) if spoken else []),
        "resource_type": [name.resource_type],
        "type": [name.delivery_type],
        "format": ["" if is_raw else record.facts.format],
        "etag": [record.facts.md5],
        "access_mode": ["authenticated" if name.delivery_type == "authenticated" else "public"],
        "transparent": [] if is_raw else ["true" if record.facts.has_alpha else "false"],
        "asset_id": [record.asset_id],
    }[field]


def flat(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def numbers(record: AssetRecord, field: str) -> list[float]:
    facts = record.facts
    if "." in field:
        return [number for text in texts(record, field) if (number := as_number(text)) is not None]
    if field in {"created_at", "uploaded_at"}:
        return [record.created_at]
    if field == "bytes":
        return [facts.body_bytes]
    if record.name.resource_type == "raw":
        return []
    sizes: dict[str, list[float]] = {
        "width": [facts.width],
        "height": [facts.height],
        "pixels": [facts.width * facts.height],
        "pages": [facts.frames],
        "aspect_ratio": [round(facts.width / facts.height, 2)],
    }
    return sizes[field]


def as_number(text: str) -> float | None:
    try:
        return float(text) if text.strip("+-").replace(".", "", 1).isdecimal() and text[-1] != "." else day(text)
    except ValueError:
        return None


def day(text: str) -> float:
    return dt.datetime.strptime(text + "+0000", "%Y-%m-%d%z").timestamp()


def moments(field: str, text: str, now: float) -> tuple[float, float]:
    """When it begins, and when it is over; the same for what has no length."""
    if field in {"created_at", "uploaded_at"} and text[-1] in "dwmy":
        then = now - int(text[:-1]) * {"d": 1, "w": 7, "m": 30, "y": 365}[text[-1]] * DAY
        return then, then
    if text[4:5] == "-" and "T" in text:
        then = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        return then, then + 1
    if text[4:5] == "-":
        return day(text), day(text) + DAY
    if ":" in text:
        ratio = round(int(text.split(":", maxsplit=1)[0]) / int(text.split(":")[1]), 2)
        return ratio, ratio
    units = {"kb": 1024, "mb": 1024**2}
    number = float(text[:-2]) * units[text[-2:]] if text[-2:] in units else float(text)
    if field == "aspect_ratio":
        number = round(number, 2)
    return number, number
