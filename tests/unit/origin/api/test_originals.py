from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from domicile.media.errors import BadRequest
from domicile.media.signature import Digest, SignedAs
from origin.api.call import Call
from origin.api.originals import check_handing_out
from tests.unit.edge.rig import policy
from tests.unit.origin.api.test_explicit import JANE

SIGNED = SignedAs(digest=Digest.SHA1, version=2)


def call(redaction: dict[str, object], signed: SignedAs | None) -> Call:
    its = policy(redaction=redaction) if redaction else policy()
    records = SimpleNamespace(policy=lambda _cloud: its)
    return cast("Call", SimpleNamespace(origin=SimpleNamespace(records=records), caller=SimpleNamespace(signed=signed)))


def test_what_the_policy_redacts_for_signed_urls_goes_to_the_secret_itself_alone() -> None:
    with pytest.raises(BadRequest, match="to Basic credentials alone"):
        check_handing_out(call({"faces": "pixelate"}, SIGNED), JANE)
    check_handing_out(call({"faces": "pixelate"}, None), JANE)
    check_handing_out(call({"faces": "pixelate", "except_signed": True}, SIGNED), JANE)
    check_handing_out(call({"faces": "pixelate", "folders": ["team"]}, SIGNED), JANE)
    check_handing_out(call({}, SIGNED), JANE)
