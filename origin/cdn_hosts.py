"""Through which hosts viewers reach each CDN: `python -m origin.cdn_hosts KEYS` prints it as JSON, for `domicile doctor`.

A process of its own, since the command line knows no tier. It tells names, clouds and hosts of accounts, and no credential; exit code 2:
the file is wrong.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from domicile.service.settings import BadSetting
from origin.cdn_accounts import read_accounts


def cdn_facts(keys: Path) -> dict[str, Any]:
    """Raises BadSetting."""
    return {
        "accounts": [
            {"name": account.name, "clouds": sorted(account.clouds), "hosts": list(account.hosts)}
            for account in read_accounts(keys)
        ]
    }


def main() -> int:
    try:
        found = cdn_facts(Path(sys.argv[1]))
    except BadSetting as bad:
        sys.stderr.write(f"{bad}\n")
        return 2
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
