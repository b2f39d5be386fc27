"""Every domain error has a status, and uploads answer only what every SDK accepts."""

from __future__ import annotations

import json

import msgspec

from domicile.media import errors
from domicile.media.errors import MediaError
from domicile.media.wire import WireError
from origin.errors import STATUS, UPLOAD_STATUSES, code_of, for_api, for_wire, told


def every_kind(base: type[MediaError] = MediaError) -> set[type[MediaError]]:
    kinds = set(base.__subclasses__())
    return kinds | {deeper for kind in kinds for deeper in every_kind(kind)}


def test_every_domain_error_has_a_status() -> None:
    assert set(STATUS) == {kind for kind in every_kind() if kind.__module__ == errors.__name__}


def test_uploads_answer_only_what_npm_accepts() -> None:
    assert {row.upload for row in STATUS.values()} <= UPLOAD_STATUSES


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
    for upload, status in ((True, 500), (False, 503)):
        response = for_api(errors.UpstreamUnavailable("The catalogue does not answer: try again"), upload=upload)
        assert response.status == status
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
