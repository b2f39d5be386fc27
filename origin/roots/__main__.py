"""How the root of a keyring is: `python -m origin.roots KEYS REGION [CONFIG]` prints it as JSON, for `domicile doctor`.

A process of its own, since the command line knows neither tokens nor Vaults. It reads, and changes nothing. A store that cannot
be asked is told as `error`; exit code 2: a setting is wrong.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domicile.service.settings import BadSetting, group, load
from origin.roots.opening import opened_roots
from origin.roots.port import KeyringBroken, RootUnavailable
from origin.roots.roots import ROOT_FILE
from origin.roots.settings import RootSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    root: RootSettings = group(RootSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    records: _Records = group(_Records)


def root_facts(directory: Path, region: str, settings: RootSettings) -> dict[str, Any]:
    """Raises BadSetting, OSError."""
    roots = opened_roots(settings, directory, region=region)
    number = int((directory / "head").read_bytes())
    numbers = [int(found[1]) for file in directory.iterdir() if (found := ROOT_FILE.fullmatch(file.name))]
    facts = {"number": number, "wanted": str(roots.wanted), "older": sum(one != number for one in numbers)}
    try:
        facts |= {"kind": str(roots.kind_of(number)), "is_there": roots.is_there(number)}
        return facts | {"strays": roots.strays(number)}
    except (KeyringBroken, RootUnavailable) as bad:
        return facts | {"error": str(bad)}


def main() -> int:
    directory, region, *config = sys.argv[1:]
    try:
        file = Path(config[0]) if config else None
        settings = load(_Origin, "origin", file=file, environ=os.environ, partial=True).records.root
        found = root_facts(Path(directory), region, settings)
    except (BadSetting, OSError, ValueError) as bad:
        sys.stderr.write(f"{bad}\n")
        return 2
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
