"""Results as data, a table and a picture."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

Results = dict[str, list[dict[str, Any]]]


def table(rows: list[dict[str, Any]]) -> str:
    plain = [{key: value for key, value in row.items() if key != "runs"} for row in rows]
    heads = list(plain[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += [
        "| " + " | ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()) + " |" for row in plain
    ]
    return "\n".join(lines)


def write(directory: Path, results: Results, *, command: str, date: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    about = {"machine": f"{platform.machine()}, Python {platform.python_version()}", "date": date, "command": command}
    (directory / "results.json").write_text(json.dumps({"about": about, **results}, indent=1) + "\n", "utf-8")
    parts = [f"# Results\n\n{about['machine']}, {date}; `{command}`. A ratio is Domicile / peer, above 1 is faster.\n"]
    parts += [f"## {name}\n\n{table(rows)}\n" for name, rows in results.items()]
    (directory / "results.md").write_text("\n".join(parts), "utf-8")
    plot(directory / "results.svg", results)


def plot(file: Path, results: Results) -> None:
    """Bars of the ratios; 1 is the peer."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    bars = [(row["what"], row["ratio"]) for rows in results.values() for row in rows if "ratio" in row]
    if not bars:
        return
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(bars) + 1))
    axes.barh([name for name, _ in bars], [ratio for _, ratio in bars], color="#3a6ea5")
    axes.axvline(1.0, color="#444", linestyle="--")
    axes.set_xlabel("Domicile / peer (nginx proxy_cache for hits, bare Pillow for transforms)")
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
