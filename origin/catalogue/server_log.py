"""What a PostgreSQL server writes to its log, and whether it waits for its disk: `python -m origin.catalogue.server_log` prints
its settings as JSON.

A process of its own, so that the command line needs no driver. The URL comes on stdin, for it may hold a password; exit
code 1 and the kind of the error on stderr when the server cannot be asked.
"""

from __future__ import annotations

import asyncio
import json
import sys

from sqlalchemy import text

from origin.catalogue.engine import Database

_QUERY = text(
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') "
    "OR name LIKE 'log\\_%' AND name ~ '(error|statement|duration|parameter|sample)'"
)


async def server_log(url: str) -> dict[str, str]:
    """{"log_statement": "none", "log_error_verbosity": "terse", …} as a session of ours has them."""
    database = Database.open(url)
    try:
        async with database.read() as connection:
            return {row.name: row.setting for row in await connection.execute(_QUERY)}
    finally:
        await database.close()


def main() -> int:
    try:
        found = asyncio.run(server_log(sys.stdin.read().strip()))
    except Exception as failed:  # noqa: BLE001 - whatever a driver raises: they share no base class
        sys.stderr.write(f"{type(failed).__name__}\n")
        return 1
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
