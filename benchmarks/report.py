"""Results as data, a table and a picture."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Results = dict[str, list[dict[str, Any]]]
BUSY_LOAD = 0.25
"""Load per processor above which somebody else was at work."""


def table(rows: list[dict[str, Any]]) -> str:
    plain = [{key: value for key, value in row.items() if key != "runs"} for row in rows]
    heads = list(dict.fromkeys(key for row in plain for key in row))
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_cell(row.get(head, "")) for head in heads) + " |" for row in plain]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def machine(cpuinfo: str, *, processors: int, load: float) -> str:
    """`cpuinfo`: the text of /proc/cpuinfo. `load`: of the minute before anything was measured."""
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    name = f"{model[1]} ({platform.machine()})" if model else platform.machine()
    text = f"{processors} processors, {name}, Python {platform.python_version()}, load {load:.1f} before"
    return text + (": others used it, so times are not to be trusted" if load > processors * BUSY_LOAD else "")


def write(directory: Path, results: Results, *, command: str, date: str, machine: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    about = {"machine": machine, "date": date, "command": command}
    (directory / "results.json").write_text(json.dumps({"about": about, **results}, indent=1) + "\n", "utf-8")
    parts = [f"# Results\n\n{about['machine']}, {date}; `{command}`. A ratio is Domicile / peer, above 1 is faster.\n"]
    parts += [f"## {name}\n\n{table(rows)}\n" for name, rows in results.items()]
    (directory / "results.md").write_text("\n".join(parts), "utf-8")
    plot(directory / "results.svg", results)


BAR_PIXELS, LABEL_PIXELS, ROW_PIXELS = 520, 300, 26
AXIS = "Domicile / the peer that is named, above 1 Domicile is better; the dashed line is the peer"


def plot(file: Path, results: Results) -> None:
    """Bars of the ratios, drawn by hand: a picture of a few rectangles needs no library."""
    bars = [(row["what"], row["ratio"]) for rows in results.values() for row in rows if "ratio" in row]
    scale = BAR_PIXELS / max([1.0, *(ratio for _, ratio in bars)])
    width, height = LABEL_PIXELS + BAR_PIXELS + 60, ROW_PIXELS * (len(bars) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for at, (name, ratio) in enumerate(bars):
        top, length = ROW_PIXELS * at + 6, ratio * scale
        middle = top + ROW_PIXELS - 12
        parts += [
            f'<text x="{LABEL_PIXELS - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LABEL_PIXELS}" y="{top}" width="{length:.1f}" height="{ROW_PIXELS - 8}" fill="#3a6ea5"/>',
            f'<text x="{LABEL_PIXELS + length + 6:.1f}" y="{middle}">{ratio:.2f}</text>',
        ]
    peer, bottom = LABEL_PIXELS + scale, ROW_PIXELS * len(bars) + 6
    parts += [
        f'<line x1="{peer:.1f}" x2="{peer:.1f}" y1="0" y2="{bottom}" stroke="#444" stroke-dasharray="4"/>',
        f'<text x="{width / 2:.0f}" y="{bottom + 22}" text-anchor="middle" font-size="12">{escape(AXIS)}</text>',
        "</svg>",
    ]
    file.write_text("\n".join(parts) + "\n", "utf-8")
