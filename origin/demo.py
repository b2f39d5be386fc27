"""First start: the cloud `demo`, its CLOUDINARY_URL in DATA, and a photo to look at. Safe to repeat after a crash."""

from __future__ import annotations

from domicile.service import logging
from origin.api.admission import Admitted
from origin.api.asked import asked_for
from origin.api.authenticate import Caller
from origin.api.params import Params
from origin.api.upload import store
from origin.credentials import cloudinary_url, write_credentials
from origin.keys import Origin
from origin.records import Held
from origin.samples import SAMPLE_PUBLIC_ID, sample_photo

CLOUD = "demo"
FILE_NAME = "cloudinary-url"

log = logging.get()


async def prepare_demo(origin: Origin) -> None:
    """Create what is missing; the file with the credentials is written last, and marks that all is there.

    A sample that somebody has deleted stays deleted. The file follows when an address of this installation changes.
    """
    records, file = origin.records, origin.settings.records.data / FILE_NAME
    tenant = records.tenant(CLOUD)
    if tenant is None:
        if records.tenants():
            return  # an installation of somebody's own clouds
        tenant = await records.create_tenant(CLOUD)
        log.info("demo_created")
    if not file.exists():
        params = Params({"public_id": SAMPLE_PUBLIC_ID, "overwrite": "0"})
        who = Admitted(caller=Caller(tenant=tenant), params=params, is_unsigned=False)
        with origin.budget.account() as account:
            await store(origin, asked_for(origin, who, "image", "", ""), Held(sample_photo()), account)
    text = cloudinary_url(tenant, origin.settings)
    if not file.exists() or file.read_text("utf-8") != text + "\n":
        write_credentials(file, text)
