"""Pictures from elsewhere, for one cloud: what its policy lets be fetched, and what it is called here."""

from __future__ import annotations

from domicile.media.errors import OutsideRegion, RemoteFailed, RemoteGone
from domicile.media.policy import Activity
from domicile.media.remote import RemoteAddress, read_address
from domicile.media.remote_rules import RemoteRules
from domicile.service.gate.remote import Into
from origin.api.forms import FILE_NAME_CHARS_MAX
from origin.keys import Origin


def rules_of(origin: Origin, cloud: str) -> RemoteRules:
    """Nothing may be fetched for a cloud without a policy."""
    policy = origin.records.policy(cloud)
    return RemoteRules() if policy is None else policy.remote


async def fetch(origin: Origin, cloud: str, text: str, into: Into, *, bytes_max: int) -> RemoteAddress:
    """The bytes at an address that somebody sent, and where they were in the end.

    RemoteFailed; RemoteGone; BadRequest for what is no address; LimitExceeded; Overloaded.
    """
    address = read_address(text)
    rules = rules_of(origin, cloud)
    outcome = "refused"
    try:
        try:
            permit = origin.records.permit(cloud, Activity.INGRESS_FETCH)
        except OutsideRegion as denied:
            raise RemoteFailed(f"Error in loading {address.url} - this cloud's policy fetches nothing here") from denied
        found = await origin.remote.fetch(permit, address, hosts=rules.hosts, bytes_max=bytes_max, into=into)
        outcome = "fetched"
        return found
    except (RemoteFailed, RemoteGone):
        outcome = "failed"
        raise
    finally:
        origin.metrics.remote_fetches.add(outcome=outcome)


def file_name_at(address: RemoteAddress) -> str:
    """What a file there would be called."""
    return (address.url.name or "file").replace("\\", "/").rsplit("/", 1)[-1][:FILE_NAME_CHARS_MAX]
