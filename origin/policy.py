"""Policy files: DATA/policies/<cloud>.toml, one per cloud, written with the strictest preset when a cloud is created."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import msgspec

from domicile.media.policy import Activity, Deny, Place, PolicyError, ResidencyPolicy, decide
from domicile.media.policy_file import from_toml
from domicile.service.plain_file import plain_only
from origin.keyfiles import write_durably

_TEMPLATE = """\
# Residency policy of the cloud "{cloud}". What is left out takes the value of the interpretation below.
# After a change: restart the origin, or send it SIGHUP. Nothing here is legal advice: it is your reading, held to.
tenant = "{cloud}"
version = 1

# strict-eu  everything stays in {home}; copies may be delivered to viewers anywhere
# eu         anywhere in the European Economic Area
# global     anywhere
interpretation = "strict-eu"

# Seconds that an edge may go on serving without hearing from this origin; then it answers 503.
# lease_seconds = 30

# Delivery without transformation: "stripped" of EXIF, GPS and other metadata, or "as-is".
# originals = "stripped"

# true: without a signature, URLs get originals and named transformations that are allowed_for_strict, nothing else.
# strict_transformations = false

# What fl_keep_iptc and fl_keep_attribution may keep: "none", "attribution", or "iptc". Never places.
# metadata = "none"

# Are PDFs taken in as images, and their pages shown? "refuse" or "accept".
# pdf = "refuse"

# What a URL of an erased asset answers: 404 like any unknown name, or 410.
# erased_status = 404

# Origins whose pages may read Server-Timing; none by default.
# timing_allow_origin = ["https://www.example.com"]

# [redaction]                    what every viewer gets, whatever the URL says
# faces = "pixelate"             or "blur"
# folders = ["profiles"]         where; leave the line out for all of the cloud
# except_signed = true           URLs with a valid signature show the picture as it is

# [remote]                       pictures from elsewhere; needs ingress_fetch = ["{home}"] in [zones], too
# hosts = ["images.example.org", "*.example.net"]   exactly this host; every name below that one
# delivery = "off"               URLs of type fetch and layers l_fetch: "off", "signed", or "open" to everybody
# refresh_seconds = 86400        an older one is asked for again when it is wanted next

# [notifications]                webhooks; needs egress_webhook = ["{home}"] in [zones], too
# hosts = ["app.example.org"]    who may be told, as with [remote]
# digest = "sha1"                or "sha256": the signature_algorithm of your SDKs

# [backups]                      versions that were uploaded with backup=true and are deleted or replaced
# days = 30                      how long they can be restored; 0: they are gone at once
# always = false                 true: every upload counts as one with backup=true

# [quotas]                       how much this cloud may take; what is left out has no limit of its own
# assets_max = 100000            also: bytes_max uploads_in_flight_max renders_per_day_max calls_per_hour_max

# [zones]                        each line widens or narrows one activity: store transform cache deliver backup
# cache = ["eea"]                metadata logs metrics keys ingress_fetch egress_webhook

# [lifetimes]                    seconds that copies may live in browsers, in shared caches (CDNs), on our edges
# browser_seconds_max = 60
# shared_seconds_max = 300
# edge_seconds_max = 86400
"""


FILE_BYTES_MAX = 1024 * 1024


class BadPolicyFile(PolicyError):
    """The policy file of `cloud` is none; the text begins with its path."""

    def __init__(self, path: Path, cloud: str, bad: PolicyError) -> None:
        super().__init__(f"{path}: {bad.field}", bad.problem, bad.allowed)
        self.field = bad.field
        self.cloud = cloud


class Policies:
    """The files, and how they are read. `home` is the region of this origin, `keys` where its root key is, if elsewhere."""

    def __init__(self, directory: Path, *, home: str, keys: Place | None = None) -> None:
        self._directory = directory
        self._home = home
        self._keys = keys

    def write_strictest(self, cloud: str) -> None:
        """Write the file of a new cloud; an existing one stays."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(cloud)
        if not path.exists():
            write_durably(path, _TEMPLATE.format(cloud=cloud, home=self._home).encode())

    def read(self, cloud: str) -> ResidencyPolicy | None:
        """The policy as the file says now; None when there is no file, and then nothing is allowed. Raises PolicyError."""
        path = self._path(cloud)
        try:
            policy = from_toml(_text(path), cloud=cloud, home=self._home)
            self._check_keys(policy)
            return policy
        except FileNotFoundError:
            return None
        except PolicyError as bad:
            raise BadPolicyFile(path, cloud, bad) from bad
        except (OSError, UnicodeDecodeError) as bad:
            problem = f"cannot be read ({getattr(bad, 'strerror', 'not UTF-8')})"
            raise BadPolicyFile(path, cloud, PolicyError("the file", problem, "a TOML file")) from bad

    def _check_keys(self, policy: ResidencyPolicy) -> None:
        """All clouds share the root, so each must allow the place where it is kept."""
        if self._keys is not None and isinstance(decide(policy, Activity.KEYS, self._keys, at=0.0), Deny):
            raise PolicyError("zones.keys", f"the root key is kept in {self._keys.region}", "a zone that it lies in")

    def _path(self, cloud: str) -> Path:
        return self._directory / f"{cloud}.toml"


def _text(path: Path) -> str:
    """Raises OSError, UnicodeDecodeError."""
    with open(path, "rb", opener=plain_only) as file:
        raw = file.read(FILE_BYTES_MAX + 1)
    if len(raw) > FILE_BYTES_MAX:
        raise OSError(errno.EFBIG, f"it is longer than {FILE_BYTES_MAX} bytes")
    return raw.decode()


def digest(policy: ResidencyPolicy | None) -> str:
    """Changes when the policy's meaning does; comments and order do not count."""
    mapping = None if policy is None else policy.to_mapping()
    return hashlib.sha256(msgspec.json.encode(mapping, order="deterministic")).hexdigest()
