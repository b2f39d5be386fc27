"""The CLOUDINARY_URL of a cloud: what a user gives to the SDK."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from origin.records import Tenant
from origin.settings import OriginSettings


def cloudinary_url(tenant: Tenant, settings: OriginSettings) -> str:
    """`cloudinary://KEY:SECRET@CLOUD?upload_prefix=…&cname=…`.

    `cname` is for http only: with https the SDKs want `secure_distribution`. `secure=false` would be read as true.
    """
    parts = urlsplit(settings.delivery_base)
    host = f"secure_distribution={parts.netloc}&secure=true" if parts.scheme == "https" else f"cname={parts.netloc}"
    return f"cloudinary://{tenant.api_key}:{tenant.api_secret}@{tenant.cloud}?upload_prefix={settings.api_base}&{host}"


def write_credentials(path: Path, text: str) -> None:
    """Replace the file with one line, readable by its owner alone; a reader sees the old line or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
