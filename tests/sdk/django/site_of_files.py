"""A Django project of one file, with its media and static files in Cloudinary's storage classes: what it does, as JSON.

Run by `tests/e2e/test_sdk_tools.py` in an environment of its own: `python site_of_files.py DIRECTORY NAME`. CLOUDINARY_URL says where.
"""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from PIL import Image

place, name = Path(sys.argv[1]), sys.argv[2]
HASHED = "cloudinary_storage.storage.StaticHashedCloudinaryStorage"

settings.configure(
    SECRET_KEY="of a test",
    INSTALLED_APPS=["cloudinary_storage", "django.contrib.staticfiles"],
    MEDIA_URL=f"/{name}/media/",
    STATIC_URL=f"/{name}/static/",
    STATICFILES_DIRS=[str(place / "assets")],
    STORAGES={
        "default": {"BACKEND": "cloudinary_storage.storage.MediaCloudinaryStorage"},
        "staticfiles": {"BACKEND": HASHED},
    },
    CLOUDINARY_STORAGE={"SECURE": False, "STATICFILES_MANIFEST_ROOT": str(place / "manifest")},
)
django.setup()


def media() -> dict[str, Any]:
    body = BytesIO()
    Image.new("RGB", (32, 24), "teal").save(body, "PNG")
    kept = default_storage.save("people/jane.png", ContentFile(body.getvalue()))
    found: dict[str, Any] = {
        "name": kept,
        "url": default_storage.url(kept),
        "exists": default_storage.exists(kept),
        "size": default_storage.size(kept),
        "bytes": len(body.getvalue()),
        "same": default_storage.open(kept).read() == body.getvalue(),
        "listed": default_storage.listdir(f"{name}/media/people"),
        "folders": default_storage.listdir(f"{name}/media"),
    }
    return {**found, "deleted": default_storage.delete(kept), "exists_after": default_storage.exists(kept)}


def static() -> dict[str, Any]:
    from cloudinary_storage.storage import StaticCloudinaryStorage
    from django.contrib.staticfiles.storage import staticfiles_storage

    plain = StaticCloudinaryStorage()
    style = (place / "assets" / "site.css").read_bytes()
    plain.save("site.css", ContentFile(style))
    call_command("collectstatic", interactive=False, verbosity=0)
    hashed = dict(staticfiles_storage.hashed_files)
    return {
        "same_by_etag": plain._exists_with_etag("site.css", ContentFile(style)),
        "other_by_etag": plain._exists_with_etag("site.css", ContentFile(style + b" ")),
        "hashed": hashed,
        "urls": {one: staticfiles_storage.url(one) for one in hashed},
    }


print(json.dumps({"media": media(), "static": static()}))
