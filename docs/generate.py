"""Write docs/settings.md, docs/metrics.md, docs/errors.md, docs/policy.md and docs/openapi.json from the code: `make docs`. A test compares them.

python -m docs.generate            write
python -m docs.generate --check    say which are out of date, exit 1
"""

from __future__ import annotations

import json
import sys
from dataclasses import is_dataclass
from pathlib import Path

from docs.pages.errors import errors
from docs.pages.metrics import metrics
from docs.pages.policy import policy
from docs.pages.settings import SECTIONS, settings
from origin.api.openapi import describe
from origin.app import ROUTES, UPLOAD_ROUTES

DOCS = Path(__file__).resolve().parent


def openapi() -> str:
    """The API, for tools; `GET /v1_1/openapi.json` answers the same."""
    return json.dumps(describe(ROUTES, uploads=UPLOAD_ROUTES), indent=1, ensure_ascii=False) + "\n"


PAGES = {
    "settings.md": settings,
    "metrics.md": metrics,
    "errors.md": errors,
    "policy.md": policy,
    "openapi.json": openapi,
}


def main() -> int:
    """Write, or check."""
    assert all(is_dataclass(cls) for _, _, cls in SECTIONS)
    stale = []
    for name, make in PAGES.items():
        file, text = DOCS / name, make()
        if not file.exists() or file.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                file.write_text(text, "utf-8")
    sys.stdout.write(f"{', '.join(stale) or 'nothing'} out of date\n")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
