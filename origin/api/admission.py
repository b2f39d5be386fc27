"""Who may upload, and with which parameters: by signature, by Basic, or as anybody through an unsigned preset.

A preset's settings and the call's parameters become one set. Signed: the call wins. Unsigned: the preset wins, the call may
say little, and nothing is ever overwritten. Tags, context and metadata of both are kept.
Source: Cloudinary's pages "Upload presets" and "Unsupported parameters in unsigned uploads" (the wording of the refusal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from origin.api.authenticate import Caller
from origin.api.call import authenticate
from origin.api.params import USED, Params, Value, check_parameters, context_of, write_context
from origin.api.scopes import check_layers
from origin.keys import Origin
from origin.rates import check_rate
from origin.records import Preset
from origin.scope import Operation

ANYBODY = (
    "upload_preset,callback,public_id,folder,asset_folder,tags,context,metadata,face_coordinates,custom_coordinates,"
    "source,filename_override,manifest_transformation,manifest_json,template,template_vars,regions,public_id_prefix"
)
"""What Cloudinary lets an unsigned call say, in its own order."""
_ANYBODY = frozenset(ANYBODY.split(",")) | {"timestamp", "file", "cloud_name", "resource_type"}
_JOINED = frozenset({"tags", "context", "metadata"})
"""Parameters of which both are kept."""
PRESET_ONLY = frozenset({"disallow_public_id", "live"})
"""Settings that no call can send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An upload that may go on."""

    caller: Caller
    params: Params = field(repr=False)
    """Those of the preset included."""
    is_unsigned: bool

    @property
    def sees(self) -> bool:
        """May they be told what is there already?"""
        return not self.is_unsigned and self.caller.tenant.scope.allows(Operation.READ)

    @property
    def identity(self) -> str:
        """Whose calls belong together."""
        return f"preset:{self.params.text('upload_preset')}" if self.is_unsigned else self.caller.tenant.api_key


async def admitted(request: web.Request, origin: Origin, cloud: str, params: Params) -> Admitted:
    """Raises BadRequest, BadSignature, StaleRequest, Overloaded."""
    if is_unsigned(request, params):
        return await _through_preset(origin, cloud, params)
    caller = authenticate(request, origin, cloud, params)
    check_parameters(params, USED)
    scope = caller.tenant.scope
    check_layers(scope, params)
    if "upload_preset" in params:
        preset = await _preset(origin, cloud, params)
        params = with_preset(params, preset.settings, preset_wins=False)
    if not scope.allows(Operation.EDIT):
        params = Params({**params.values, "overwrite": "false"})
    return Admitted(caller=caller, params=params, is_unsigned=False)


def is_unsigned(request: web.Request, params: Params) -> bool:
    """Nothing proves who calls, and a preset is named."""
    proved = "signature" in params or "api_key" in params or "Authorization" in request.headers
    return not proved and "upload_preset" in params


async def _through_preset(origin: Origin, cloud: str, params: Params) -> Admitted:
    tenant = origin.records.tenant(cloud)
    if tenant is None:
        raise BadRequest("Upload preset not found")
    check_rate(origin.unsigned_rates.count(cloud, now=origin.now()), "unsigned uploads")
    preset = await _preset(origin, cloud, params)
    if not preset.unsigned:
        raise BadRequest("Upload preset must be whitelisted for unsigned uploads")
    check_unsigned(params, preset)
    merged = with_preset(params, preset.settings, preset_wins=True)
    values: dict[str, Value] = {**merged.values, "overwrite": "false"}
    return Admitted(caller=Caller(tenant=tenant), params=Params(values), is_unsigned=True)


def check_unsigned(params: Params, preset: Preset) -> None:
    """Raises BadRequest for what strangers may not say."""
    for name in params.names():
        if name in params and name not in _ANYBODY:
            shown = name[:64]
            raise BadRequest(
                f"{shown[:1].upper()}{shown[1:]} parameter is not allowed when using unsigned upload."
                f" Only {ANYBODY} upload parameters are allowed."
            )
    check_parameters(params, USED)
    if "public_id" in params and preset.settings.get("disallow_public_id") in {"true", "1"}:
        raise BadRequest("Public ID is not allowed by the upload preset")


async def _preset(origin: Origin, cloud: str, params: Params) -> Preset:
    try:
        preset = await origin.records.presets.get(cloud, params.text("upload_preset"))
    except AssetNotFound as unknown:
        raise BadRequest("Upload preset not found") from unknown
    if preset is None:
        raise BadRequest("Upload preset not found")
    return preset


def with_preset(params: Params, settings: Mapping[str, Value], *, preset_wins: bool) -> Params:
    """One set of parameters.

    >>> with_preset(Params({"tags": "a", "folder": "x"}), {"tags": "b", "folder": "y"}, preset_wins=True).values
    {'tags': 'b,a', 'folder': 'y'}
    """
    values: dict[str, Value] = dict(params.values)
    for name, setting in settings.items():
        given = values.get(name)
        if name in PRESET_ONLY:
            continue
        if not given:
            values[name] = setting
        elif name in _JOINED:  # of one key said twice, the later one counts
            values[name] = _joined(name, setting, given, preset_wins=preset_wins)
        elif preset_wins:
            values[name] = setting
    return Params(values)


def _joined(name: str, setting: Value, given: Value, *, preset_wins: bool) -> Value:
    """Pairs are read before they are put together: a text that ends in a backslash would swallow what comes after it."""
    if name == "tags":
        return f"{_text(setting)},{_text(given)}"
    ours, theirs = (context_of(Params({name: value}), name) for value in (setting, given))
    both = {**theirs, **ours} if preset_wins else {**ours, **theirs}
    return write_context(both)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ",".join(value)
