"""Random calls of every endpoint that the API describes, against a really running origin: no 5xx, and JSON whatever happens.

Short here and always the same; `python -m tests.fuzz.api --seconds 300` goes on for as long as one likes, and elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.api import Caller, operations
from tests.integration.origin_process import OriginProcess, running_origin

EXAMPLES = 6
SEED = 20261126


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    with running_origin(tmp_path_factory.mktemp("fuzz"), DOMICILE_ORIGIN_LOG_LEVEL="error") as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_no_call_makes_the_api_fail_or_answer_anything_but_json(origin: OriginProcess) -> None:
    caller = Caller(f"http://127.0.0.1:{origin.port}", *origin.credentials)
    found = operations(caller.base)
    assert len(found) > 60
    for operation in found:
        caller.try_operation(operation, examples=EXAMPLES, seed=SEED)
    assert caller.failures == [], caller.failures[:5]
    assert caller.calls > len(found) * EXAMPLES // 3
    assert caller.statuses[200] > 20, "some calls are good ones"
    assert set(caller.statuses) <= {200, 400, 401, 403, 404, 409, 420, 429}
    assert origin.request("GET", "/readyz").status == 200
