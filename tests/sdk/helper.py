"""The module that pycloudinary's published tests import and its source package lacks: `test.helper_test`, in our own words.

It runs inside of the suite's process (`tests/sdk/suite.py` puts it there), beside the official SDK, and knows nothing of Domicile: where
the files are, and the address of the remote picture, is in the environment. Names are those that the tests import.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import unittest
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import IO, Any
from unittest import mock

import cloudinary.api
from urllib3 import HTTPHeaderDict

patch = mock.patch
FILES = Path(os.environ["SUITE_FILES"])
SUFFIX = os.environ["SUITE_SUFFIX"]

TEST_IMAGE = str(FILES / "logo.png")
TEST_UNICODE_IMAGE = str(FILES / "üni_näme_lögö.png")
TEST_ICON = str(FILES / "favicon.ico")
TEST_DOC = str(FILES / "docx.docx")
TEST_IMAGE_SIZE = Path(TEST_IMAGE).stat().st_size
REMOTE_TEST_IMAGE = os.environ["SUITE_REMOTE_IMAGE"]

TEST_TAG = "pycloudinary_test"
UNIQUE_TAG = f"{TEST_TAG}_{SUFFIX}"
UNIQUE_TEST_ID = UNIQUE_TAG
TEST_FOLDER = "test_folder"
UNIQUE_TEST_FOLDER = f"{TEST_FOLDER}_{SUFFIX}"
UNIQUE_SUB_ACCOUNT_ID = f"sub_account_{SUFFIX}"
MOCK_REQUEST_ID = uuid.UUID(int=42).hex

EVAL_STR = 'if (resource_info["width"] > 450) { upload_options["tags"] = "wide" }'
ON_SUCCESS_STR = 'current_asset.update({tags: ["done"]});'
URLLIB3_REQUEST = "urllib3._request_methods.RequestMethods.request"
BMP_HEADER_BYTES = 138
BMP_SIDE = 1400


class UTC(tzinfo):
    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta(0)

    def dst(self, when: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, when: datetime | None) -> str:
        return "UTC"


class CldTestCase(unittest.TestCase):
    def assertObjectContainsSubset(self, whole: Any, part: Mapping[str, Any]) -> None:  # noqa: N802 - the tests' name
        for name, value in part.items():
            found = whole[name] if isinstance(whole, Mapping) else getattr(whole, name)
            self.assertEqual(found, value, name)  # noqa: PT009 - this is one


def retry_assertion(*_args: Any, **_options: Any) -> Any:
    """Upstream tries again until its index has followed; here an answer is the truth at once."""
    return lambda test: test


@contextlib.contextmanager
def ignore_exception(
    error_classes: tuple[type[BaseException], ...] = (Exception,),
    suppress_traceback_classes: tuple[type[BaseException], ...] = (),
) -> Iterator[None]:
    with contextlib.suppress(*error_classes):
        yield


def http_response_mock(body: str = "", headers: Mapping[str, str] | None = None, status: int = 200) -> mock.Mock:
    return mock.Mock(status=status, data=body.encode(), headers=HTTPHeaderDict(headers or {}))


def api_response_mock(body: str = '{"foo":"bar"}') -> mock.Mock:
    limits = {
        "x-featureratelimit-limit": "500",
        "x-featureratelimit-reset": "Thu, 26 Nov 2026 12:00:00 GMT",
        "x-featureratelimit-remaining": "499",
        "x-request-id": MOCK_REQUEST_ID,
    }
    return http_response_mock(body, limits)


def uploader_response_mock() -> mock.Mock:
    return http_response_mock('{"public_id":"foo","version":1}', {"x-request-id": MOCK_REQUEST_ID})


def get_uri(mocker: mock.Mock) -> str:
    """Without what was asked for in it, which `get_params` has."""
    return str(mocker.call_args.kwargs["url"]).partition("?")[0]


def get_method(mocker: mock.Mock) -> str:
    return str(mocker.call_args.kwargs["method"])


def get_headers(mocker: mock.Mock) -> Any:
    return mocker.call_args.kwargs["headers"]


def _sent(mocker: mock.Mock) -> list[tuple[str, Any]]:
    """Of the query, the fields (pairs of the uploader, a dictionary of the api) and an object in JSON."""
    called = mocker.call_args.kwargs
    fields = called.get("fields") or {}
    pairs = list(fields.items() if isinstance(fields, Mapping) else fields)
    body = json.loads(called["body"]) if called.get("body") else {}
    asked = urllib.parse.parse_qsl(called["url"].partition("?")[2], keep_blank_values=True)
    return [*asked, *pairs, *(body.items() if isinstance(body, Mapping) else ())]


def get_params(mocker: mock.Mock) -> dict[str, Any]:
    """All values of `name[]` as a list under `name`."""
    found: dict[str, Any] = {}
    for key, value in _sent(mocker):
        if key.endswith("[]"):
            found.setdefault(key.removesuffix("[]"), []).append(value)
        else:
            found[key] = value
    return found


def get_param(mocker: mock.Mock, name: str) -> Any:
    return get_params(mocker).get(name)


def get_list_param(mocker: mock.Mock, name: str) -> list[Any]:
    """All of `name[]`, or of `name[0]`, `name[1]`, or of a list."""
    return [value for key, value in _sent(mocker) if key.startswith(f"{name}[")] or list(
        get_params(mocker).get(name, ())
    )


def get_json_body(mocker: mock.Mock) -> Any:
    body = mocker.call_args.kwargs["body"]
    return json.loads(body)


def populate_large_file(file: IO[bytes], size: int) -> None:
    """A grey BMP of BMP_SIDE by BMP_SIDE pixels when `size` is that of one, as the tests' is; any other size is only filled."""
    head = struct.pack("<2sIHHI", b"BM", size, 0, 0, BMP_HEADER_BYTES)
    info = struct.pack(
        "<IiiHHIIiiII", BMP_HEADER_BYTES - 14, BMP_SIDE, BMP_SIDE, 1, 24, 0, size - BMP_HEADER_BYTES, 2835, 2835, 0, 0
    )
    start = (head + info).ljust(BMP_HEADER_BYTES, b"\0")
    file.write(start + b"\x7f" * (size - len(start)))
    file.seek(0)


Calls = Sequence[tuple[Any, ...]]
"""Arguments of one call each: what, and perhaps options."""


def _each(call: Any, calls: Calls) -> None:
    for what, *options in calls:
        with ignore_exception():
            call(what, **(options[0] if options else {}))


def cleanup_test_resources(calls: Calls) -> None:
    _each(cloudinary.api.delete_resources, calls)


def cleanup_test_resources_by_tag(calls: Calls) -> None:
    _each(cloudinary.api.delete_resources_by_tag, calls)


def cleanup_test_transformation(calls: Calls) -> None:
    for names, *_ in calls:
        _each(cloudinary.api.delete_transformation, [(name,) for name in names])
