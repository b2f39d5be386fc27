"""The end of a forked process that becomes another one: what it runs is the last thing that it does."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn


def last_call(main: Callable[[], int | str | None]) -> NoReturn:
    """Run it, and end as the interpreter would: with its code, without what the process before had registered for its exit."""
    code: int | str | None = 1
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(bool(code)))
