from __future__ import annotations

import msgspec
import pytest

from domicile.media.errors import BadTransformation
from domicile.media.facts import SourceFacts
from domicile.media.grammar import parse_transformation
from domicile.media.negotiate import (
    ACCEPT_CHARS_MAX,
    ACCEPT_MEMBERS_MAX,
    TYPES,
    Negotiated,
    bucket_of,
    choose_format,
    is_original,
    negotiate,
)

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FACTS = SourceFacts(
    format="jpg", width=10, height=10, frames=1, has_alpha=False, orientation=1, body_bytes=100, md5="0" * 32
)


def anything(output_format: str) -> bool:
    return True


def facts(**changes) -> SourceFacts:
    return msgspec.structs.replace(FACTS, **changes)


@pytest.mark.parametrize(
    "accept,bucket",
    [
        (CHROME, "avif"),
        ("image/avif", "avif"),
        ("image/webp,*/*", "webp"),
        ("image/webp;q=0.1,image/avif;q=0", "webp"),
        ("image/avif;q=0.001 , text/html", "avif"),
        ("image/avif,image/webp;q=0", "legacy"),
        ("image/webp;q=0.0", "legacy"),
        ("IMAGE/WEBP ; Q=0.5", "webp"),
        ("image/webp;q=1.5", "legacy"),
        ("image/webp;q=-1", "legacy"),
        ("image/webp;q=nan", "legacy"),
        ("image/webp;q=٠.٥", "legacy"),
        ("image/webpx", "legacy"),
        ("image/*,*/*", "legacy"),
        ("*/*", "legacy"),
        ("", "legacy"),
        (",,;q=1,", "legacy"),
        ("image/avif," * (ACCEPT_MEMBERS_MAX + 1), "legacy"),
        ("image/avif," + "x" * ACCEPT_CHARS_MAX, "legacy"),
    ],
)
def test_accept_is_reduced_to_one_of_three_buckets(accept, bucket):
    assert bucket_of(accept) == bucket


def test_only_f_auto_varies():
    auto = parse_transformation("w_5/f_auto")
    assert negotiate(auto, "jpg", CHROME) == Negotiated("avif", ("Accept",))
    assert negotiate(auto, None, None) == Negotiated("legacy", ("Accept",))
    assert negotiate(parse_transformation("f_webp"), None, CHROME) == Negotiated("", ())
    assert negotiate(parse_transformation("f_auto/f_png"), None, CHROME) == Negotiated("", ())
    assert negotiate(parse_transformation(""), "jpg", CHROME) == Negotiated("", ())


@pytest.mark.parametrize(
    "transformation,extension,bucket,source,expected",
    [
        ("", None, "", {}, "jpg"),
        ("", "png", "", {}, "png"),
        ("f_webp", "png", "", {}, "webp"),
        ("f_avif/f_gif", "png", "", {}, "gif"),
        ("f_auto", "png", "avif", {}, "avif"),
        ("f_auto", None, "webp", {}, "webp"),
        ("f_auto", None, "legacy", {}, "jpg"),
        ("f_auto", None, "legacy", {"has_alpha": True, "format": "png"}, "png"),
        ("f_auto,r_max", None, "legacy", {}, "png"),
        ("f_auto,r_0", None, "legacy", {}, "jpg"),
        ("f_auto,o_50", None, "legacy", {}, "png"),
        ("f_auto,o_100", None, "legacy", {}, "jpg"),
        ("f_auto,a_45", None, "legacy", {}, "png"),
        ("f_auto,a_90.hflip", None, "legacy", {}, "jpg"),
        ("f_auto,b_transparent,c_pad,w_5", None, "legacy", {}, "png"),
        ("f_auto,b_white,c_pad,w_5", None, "legacy", {}, "jpg"),
        ("f_auto", None, "avif", {"frames": 3, "format": "gif"}, "webp"),
        ("f_auto", None, "legacy", {"frames": 3, "format": "gif"}, "gif"),
        ("", None, "", {"format": "tiff"}, "jpg"),
        ("", "tiff", "", {"format": "tiff"}, "tiff"),
        ("w_5", "tiff", "", {"format": "tiff"}, "tiff"),
        ("", "bmp", "", {"format": "bmp"}, "bmp"),
        ("", "ico", "", {"format": "ico"}, "ico"),
        ("f_auto", "ico", "legacy", {"format": "ico"}, "jpg"),
        ("", None, "", {"format": "tiff", "has_alpha": True}, "png"),
        ("", None, "", {"format": "bmp"}, "png"),
        ("", None, "", {"format": "ico", "has_alpha": True}, "png"),
        ("", None, "", {"format": "tiff", "frames": 3}, "jpg"),
        ("", None, "", {"format": "gif", "frames": 3}, "gif"),
        ("", None, "", {"format": "heic"}, "jpg"),
        ("w_5", "svg", "", {"format": "svg", "has_alpha": True}, "png"),
        ("e_pixelate_faces", None, "", {"format": "svg", "has_alpha": True}, "png"),
        ("", "heic", "", {"format": "heic"}, "jpg"),
        ("", "heic", "", {"format": "heic", "has_alpha": True}, "png"),
    ],
)
def test_the_format_follows_flag_then_extension_then_original(transformation, extension, bucket, source, expected):
    assert choose_format(parse_transformation(transformation), extension, facts(**source), bucket, anything) == expected
    assert expected in TYPES


@pytest.mark.parametrize("extension", ["tiff", "svg", "pdf", "jxl", "mp4"])
def test_a_format_we_do_not_write_is_refused(extension):
    with pytest.raises(BadTransformation, match=f"^Invalid transformation component - f_{extension}$"):
        choose_format(parse_transformation("w_5"), extension, FACTS, "", anything)


@pytest.mark.parametrize(
    "transformation,extension,expected",
    [
        ("", None, True),
        ("", "jpg", True),
        ("", "png", False),
        ("fl_attachment:cat.immutable_cache", "jpg", True),
        ("fl_force_strip", None, False),
        ("fl_getinfo", None, False),
        ("fl_attachment,w_5", None, False),
        ("f_jpg", None, False),
    ],
)
def test_the_original_is_what_nothing_changes(transformation, extension, expected):
    assert is_original(parse_transformation(transformation), extension, FACTS) is expected


@pytest.mark.parametrize(
    "bucket,source,unfit,expected",
    [
        ("avif", {}, {"avif"}, "webp"),
        ("avif", {}, {"avif", "webp"}, "jpg"),
        ("webp", {}, {"webp"}, "jpg"),
        ("webp", {}, {"avif"}, "webp"),
        ("avif", {"has_alpha": True, "format": "png"}, {"avif", "webp"}, "png"),
        ("legacy", {}, {"avif", "webp"}, "jpg"),
    ],
)
def test_f_auto_passes_over_formats_that_cannot_hold_the_picture(bucket, source, unfit, expected):
    auto = parse_transformation("f_auto")
    assert choose_format(auto, None, facts(**source), bucket, lambda name: name not in unfit) == expected


def test_a_format_asked_for_by_name_is_not_changed_in_silence():
    assert choose_format(parse_transformation("f_avif"), None, FACTS, "avif", lambda _: False) == "avif"
