"""An origin over records that are open, for tests of its applications; its decoders are whatever the test brings."""

from __future__ import annotations

from typing import cast

from domicile.service.gate.remote import RemoteClient
from domicile.service.pool import DecoderPool
from origin.api.archive_turns import ArchiveTurns
from origin.api.budget import Budget
from origin.api.limits import Limits
from origin.app import ROUTE_NAMES
from origin.keys import Origin
from origin.metrics import Metrics
from origin.rates import Rates
from origin.records import Records
from origin.settings import OriginSettings

NOW = 1_700_000_000.0


def origin_over(records: Records, decoders: object = None) -> Origin:
    settings = OriginSettings()
    return Origin(
        settings=settings,
        records=records,
        pool=cast("DecoderPool", decoders),
        metrics=Metrics(region="eu-de", routes=ROUTE_NAMES),
        now=lambda: NOW,
        budget=Budget(settings.upload.in_flight_bytes_max),
        limits=Limits(admin_calls_max=settings.admin_calls_max, lookups_max=settings.subjects.lookups_max),
        remote=RemoteClient(settings.remote.limits()),
        webhooks=RemoteClient(settings.notices.limits()),
        unsigned_rates=Rates(settings.upload.unsigned_calls_max),
        archives=ArchiveTurns(settings.upload.archives_max),
    )
