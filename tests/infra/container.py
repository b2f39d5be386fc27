"""What the Dockerfile and the compose file say, as facts to test; there is no container engine in CI."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.architecture.tree import ROOT


@dataclass(frozen=True)
class Image:
    """The last stage of deploy/Dockerfile, in order: ("RUN", "…"), ("USER", "…"), …"""

    steps: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls) -> Image:
        text = (ROOT / "deploy" / "Dockerfile").read_text()
        lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        joined = re.sub(r"\\\n\s*", " ", lines)
        steps = [(word, rest.strip()) for word, rest in re.findall(r"(?m)^([A-Z]+)\s+(.*)$", joined)]
        last = max(index for index, (word, _) in enumerate(steps) if word == "FROM")
        return cls(tuple(steps[last:]))

    def only(self, word: str) -> str:
        [found] = [rest for name, rest in self.steps if name == word]
        return found

    @property
    def command(self) -> list[str]:
        return list(json.loads(self.only("CMD")))

    @property
    def data(self) -> Path:
        return Path(self.command[self.command.index("--data") + 1])

    @property
    def made(self) -> dict[Path, tuple[str, str, str]]:
        """Directories that are made before any VOLUME (after it they would be lost): path to (mode, owner, group)."""
        found: dict[Path, tuple[str, str, str]] = {}
        volume = [word for word, _ in self.steps].index("VOLUME")
        for word, rest in self.steps[:volume]:
            for mode, owner, group, paths in re.findall(
                r"install -d -m (\d+) -o (\S+) -g (\S+)((?: +/[^\s&]+)+)", rest if word == "RUN" else ""
            ):
                found |= {Path(path): (mode, owner, group) for path in paths.split()}
        return found


def service() -> dict[str, Any]:
    """The one service of deploy/compose.yml."""
    loaded = YAML(typ="safe").load(ROOT / "deploy" / "compose.yml")
    [only] = loaded["services"].values()
    named = {volume.split(":")[0] for volume in only["volumes"]}
    assert named == set(loaded["volumes"]), "a volume is used and not declared, or the other way round"
    return dict(only)


def mounts() -> list[Path]:
    """Where the container may write."""
    only = service()
    return [Path(volume.split(":")[1]) for volume in only["volumes"]] + [Path(place) for place in only["tmpfs"]]
