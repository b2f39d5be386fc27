"""The metadata that is told, and what it is called. Sources: TIFF 6.0, EXIF 2.32, IPTC-IIM 4.2, XMP part 1 and 2."""

from __future__ import annotations

TIFF_NAMES = {
    0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0112: "Orientation", 0x011A: "XResolution",
    0x011B: "YResolution", 0x0128: "ResolutionUnit", 0x0131: "Software", 0x0132: "ModifyDate", 0x013B: "Artist",
    0x8298: "Copyright",
}  # fmt: skip
EXIF_NAMES = {
    0x829A: "ExposureTime", 0x829D: "FNumber", 0x8822: "ExposureProgram", 0x8827: "ISO", 0x9003: "DateTimeOriginal",
    0x9004: "CreateDate", 0x9010: "OffsetTime", 0x9011: "OffsetTimeOriginal", 0x9201: "ShutterSpeedValue",
    0x9202: "ApertureValue", 0x9204: "ExposureCompensation", 0x9207: "MeteringMode", 0x9208: "LightSource",
    0x9209: "Flash", 0x920A: "FocalLength", 0x9286: "UserComment", 0xA001: "ColorSpace", 0xA002: "ExifImageWidth",
    0xA003: "ExifImageHeight", 0xA402: "ExposureMode", 0xA403: "WhiteBalance", 0xA404: "DigitalZoomRatio",
    0xA405: "FocalLengthIn35mmFormat", 0xA406: "SceneCaptureType", 0xA420: "ImageUniqueID", 0xA430: "OwnerName",
    0xA431: "SerialNumber", 0xA432: "LensInfo", 0xA433: "LensMake", 0xA434: "LensModel", 0xA435: "LensSerialNumber",
}  # fmt: skip
GPS_NAMES = {
    0x01: "GPSLatitudeRef", 0x02: "GPSLatitude", 0x03: "GPSLongitudeRef", 0x04: "GPSLongitude", 0x05: "GPSAltitudeRef",
    0x06: "GPSAltitude", 0x07: "GPSTimeStamp", 0x0C: "GPSSpeedRef", 0x0D: "GPSSpeed", 0x10: "GPSImgDirectionRef",
    0x11: "GPSImgDirection", 0x1D: "GPSDateStamp",
}  # fmt: skip
IPTC_NAMES = {
    5: "ObjectName", 25: "Keywords", 40: "SpecialInstructions", 55: "DateCreated", 80: "By-line", 85: "By-lineTitle",
    90: "City", 92: "Sub-location", 95: "Province-State", 101: "Country-PrimaryLocationName", 105: "Headline",
    110: "Credit", 115: "Source", 116: "CopyrightNotice", 120: "Caption-Abstract", 122: "Writer-Editor",
}  # fmt: skip
XMP_NAMES = {
    "dc:title": "Title", "dc:description": "Description", "dc:creator": "Creator", "dc:rights": "Rights",
    "dc:subject": "Subject", "photoshop:Headline": "XMPHeadline", "photoshop:Credit": "XMPCredit",
    "photoshop:Source": "XMPSource", "xmp:CreatorTool": "CreatorTool", "xmp:Rating": "Rating", "xmp:Label": "Label",
    "xmpRights:UsageTerms": "UsageTerms", "xmpRights:WebStatement": "WebStatement",
}  # fmt: skip
