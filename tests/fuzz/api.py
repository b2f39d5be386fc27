"""Calls of the API, made up from its own description by schemathesis, sent to a running origin.

    python -m tests.fuzz.api --seconds 300            starts an origin on a scratch directory and calls it

Some names are the origin's own sample, so that not every call ends at what is not there.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import requests
from hypothesis import HealthCheck, Phase

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

SECONDS_MAX = 20.0
"""Of one call."""
CLOUD = "demo"
KNOWN: dict[str, list[str]] = {
    "cloud": [CLOUD],
    "public_id": ["sample", "fuzzed"],
    "from_public_id": ["fuzzed"],
    "resource_type": ["image", "raw"],
    "type": ["upload", "private"],
    "command": ["add", "remove", "remove_all", "replace", "set_exclusive"],
    "mode": ["dry_run", "erase", "download", "create"],
    "tag": ["fuzzed"],
    "name": ["fuzzed"],
    "id": ["fuzzed"],
}
KNOWN_SHARE = 0.7
"""Of the calls, so many name what is there."""
HELD_OPEN = "/messages"
"""Waits as long as it is asked to."""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)


def operations(base: str) -> list[Any]:
    """All that the origin's description names."""
    document = requests.get(f"{base}/v1_1/openapi.json", timeout=SECONDS_MAX).json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=base)
    found: list[Any] = list(schema.get_all_operations())
    return [result.ok() for result in found]


@dataclass
class Caller:
    """Somebody with the key of the demo cloud."""

    base: str
    api_key: str
    api_secret: str
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    calls: int = 0

    def try_operation(self, operation: Any, *, examples: int, seed: int) -> None:
        """Several calls of one endpoint; a failure is noted, and the next one tried."""
        chance = random.Random(f"{seed} {operation.label}")

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def run(case: Any) -> None:
            self._call(case, chance)

        run()

    def _call(self, case: Any, chance: random.Random) -> None:
        known = chance.random() < KNOWN_SHARE
        for place in (case.path_parameters, case.query, case.body):
            if isinstance(place, dict):
                for name in place:
                    if name == "cloud" or (known and name in KNOWN):
                        place[name] = chance.choice(KNOWN[name])
                if known and "file" in place:
                    place["file"] = PNG
        if case.formatted_path.endswith(HELD_OPEN):
            case.query = {**(case.query or {}), "wait_seconds": 0}
        self.calls += 1
        try:
            response = case.call(auth=(self.api_key, self.api_secret), timeout=SECONDS_MAX)
        except requests.RequestException as broken:
            self.failures.append(f"{case.method} {case.formatted_path}: {type(broken).__name__} {broken}"[:500])
            return
        self.statuses[response.status_code] += 1
        wrong = judged(response.status_code, response.headers, response.content)
        if wrong:
            said = f"{case.method} {case.formatted_path} {case.query!r} {case.body!r}"
            self.failures.append(f"{wrong} ({response.status_code}): {said}"[:1500])


def judged(status: int, headers: Any, body: bytes) -> str:
    """What is wrong with an answer; empty: nothing."""
    if status >= 500:
        return "a server error"
    if status == 200 and not str((headers.get("Content-Type") or [""])[0]).startswith("application/json"):
        return ""  # a file, an archive, a checkpoint
    try:
        said = json.loads(body)
    except ValueError:
        return "no JSON"
    if status != 200 and not str(said.get("error", {}).get("message", "")):
        return "an error without a message"
    return ""


def main() -> int:
    from tests.integration.origin_process import running_origin

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        with running_origin(Path(directory), DOMICILE_ORIGIN_LOG_LEVEL="error") as origin:
            caller = Caller(f"http://127.0.0.1:{origin.port}", *origin.credentials)
            until, seed = time.monotonic() + asked.seconds, asked.seed
            while time.monotonic() < until:
                for operation in operations(caller.base):
                    caller.try_operation(operation, examples=20, seed=seed)
                seed += 1
        sys.stdout.write((Path(directory) / "log").read_text("utf-8", "replace")[-4000:])
    for failure in dict.fromkeys(caller.failures):
        sys.stdout.write(failure + "\n")
    sys.stdout.write(f"seed {asked.seed}, {caller.calls} calls, {dict(caller.statuses)}\n")
    return 1 if caller.failures else 0


if __name__ == "__main__":
    sys.exit(main())
