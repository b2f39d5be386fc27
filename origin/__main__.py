"""`python -m origin [--config FILE]`: one origin process.

Exit code 2: a setting is wrong, and the text names it; 1: start it again, its catalogue was put back to an older state.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from domicile.service.freed_memory import overwrite_freed


def main() -> int:
    """Read the settings, serve until SIGTERM or SIGINT."""
    import uvloop

    from domicile.media.policy import PolicyError
    from domicile.service import logging
    from domicile.service.settings import BadSetting
    from origin.server import CataloguePutBack, serve, stop_on_signals
    from origin.settings import OriginSettings, read_settings

    async def run(settings: OriginSettings) -> None:
        await serve(settings, stop_on_signals(), tells_features=arguments.tell_features)

    parser = argparse.ArgumentParser(prog="python -m origin", description="The system of record of Domicile.")
    parser.add_argument("--config", type=Path, help="TOML file; the section [origin] is read")
    parser.add_argument("--tell-features", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    try:
        settings = read_settings(arguments.config, os.environ)
        logging.configure("origin", level=settings.log_level)
        uvloop.run(run(settings))
    except (BadSetting, PolicyError) as bad:
        sys.stderr.write(f"origin: {bad}\n")
        return 2
    except CataloguePutBack:
        sys.stderr.write("origin: the catalogue was put back to an older state; the next start brings it up to date\n")
        return 1
    return 0


if __name__ == "__main__":
    overwrite_freed(os.environ)  # it begins anew there: before anything is imported that takes long
    sys.exit(main())
