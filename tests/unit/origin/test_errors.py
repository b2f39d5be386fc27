"""Every domain error has a status, and uploads answer only what every SDK accepts."""

from __future__ import annotations

import json

import msgspec
import pytest
from cloudinary import exceptions
from cloudinary.api_client.execute_request import EXCEPTION_CODES

from domicile.media import errors
from domicile.media.errors import MediaError
from domicile.media.wire import WireError
from origin.errors import ADMIN_STATUSES, STATUS, UPLOAD_STATUSES, code_of, code_of_kind, for_api, for_wire, told


def every_kind(base: type[MediaError] = MediaError) -> set[type[MediaError]]:
    kinds = set(base.__subclasses__())
    return kinds | {deeper for kind in kinds for deeper in every_kind(kind)}


def test_every_domain_error_has_a_status() -> None:
    assert set(STATUS) == {kind for kind in every_kind() if kind.__module__ == errors.__name__}


def test_uploads_answer_only_what_npm_accepts() -> None:
    assert {row.upload for row in STATUS.values()} <= UPLOAD_STATUSES


PYTHON = {
    "BadRequest": (exceptions.BadRequest, exceptions.BadRequest),
    "BadUrl": (exceptions.BadRequest, exceptions.BadRequest),
    "BadTransformation": (exceptions.BadRequest, exceptions.BadRequest),
    "BadSignature": (exceptions.AuthorizationRequired, exceptions.AuthorizationRequired),
    "StaleRequest": (exceptions.BadRequest, exceptions.BadRequest),
    "Replayed": (exceptions.BadRequest, exceptions.AlreadyExists),
    "OutOfScope": (exceptions.AuthorizationRequired, exceptions.NotAllowed),
    "WrongPlace": (exceptions.BadRequest, exceptions.BadRequest),
    "OutsideRegion": (exceptions.BadRequest, exceptions.NotAllowed),
    "AssetNotFound": (exceptions.NotFound, exceptions.NotFound),
    "AssetExists": (exceptions.BadRequest, exceptions.AlreadyExists),
    "RemoteFailed": (exceptions.BadRequest, exceptions.BadRequest),
    "RemoteGone": (exceptions.BadRequest, exceptions.BadRequest),
    "UndecodableMedia": (exceptions.BadRequest, exceptions.BadRequest),
    "LimitExceeded": (exceptions.BadRequest, exceptions.BadRequest),
    "ProcessingFailed": (exceptions.GeneralError, exceptions.GeneralError),
    "Overloaded": (exceptions.RateLimited, exceptions.RateLimited),
    "QuotaUsedUp": (exceptions.RateLimited, exceptions.RateLimited),
    "BootSplit": (exceptions.BadRequest, exceptions.AlreadyExists),
    "LeaseLost": (exceptions.GeneralError, exceptions.GeneralError),
    "UpstreamUnavailable": (exceptions.GeneralError, exceptions.GeneralError),
}
"""What the official SDK raises: of an upload, of an Admin call."""


@pytest.mark.parametrize("kind", sorted(STATUS, key=str), ids=code_of_kind)
def test_every_error_is_an_exception_of_its_own_kind_in_pycloudinary_and_known_to_npm(kind: type[MediaError]) -> None:
    row = STATUS[kind]
    assert (EXCEPTION_CODES[row.upload], EXCEPTION_CODES[row.admin]) == PYTHON[kind.__name__]
    assert row.upload in UPLOAD_STATUSES
    assert row.admin in ADMIN_STATUSES


def test_no_answer_is_one_of_the_statuses_that_sdks_do_not_know() -> None:
    assert not {row.admin for row in STATUS.values()} & {201, 202, 405, 413, 415, 421, 422, 451, 501}


def test_the_body_is_cloudinarys_error_json() -> None:
    response = for_api(errors.AssetNotFound("Resource not found - cat"), upload=True)
    assert response.status == 404
    assert json.loads(response.text or "") == {"error": {"message": "Resource not found - cat"}}
    assert response.content_type == "application/json"


def test_an_undecodable_file_says_what_clients_match_on() -> None:
    assert told(errors.UndecodableMedia("chunk CRC at 17")) == "Invalid image file"


def test_a_conflict_is_409_for_admin_and_400_for_uploads() -> None:
    error = errors.AssetExists("to_public_id cat already exists")
    assert (for_api(error, upload=False).status, for_api(error, upload=True).status) == (409, 400)


def test_overload_says_when_to_try_again() -> None:
    response = for_api(errors.Overloaded("Too many uploads at once"), upload=True)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) > 0


def test_a_catalogue_that_is_away_says_when_to_try_again_to_uploads_too() -> None:
    for upload in (True, False):
        response = for_api(errors.UpstreamUnavailable("The catalogue does not answer: try again"), upload=upload)
        assert response.status == 500
        assert int(response.headers["Retry-After"]) > 0
    assert "Retry-After" not in for_api(errors.ProcessingFailed("a bug"), upload=True).headers


def test_a_subclass_takes_the_row_of_its_parent() -> None:
    class Special(errors.BadRequest):
        pass

    assert for_api(Special("no"), upload=False).status == 400


def test_the_wire_carries_the_snake_case_name() -> None:
    error = errors.OutsideRegion("no")
    response = for_wire(error)
    decoded = msgspec.msgpack.decode(bytes(response.body), type=WireError)  # type: ignore[arg-type]
    assert (code_of(error), decoded.code, response.status) == ("outside_region", "outside_region", 451)
