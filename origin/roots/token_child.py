"""The process that speaks to a token: `python -m origin.roots.token_child MODULE LABEL PIN_FILE SECONDS`, one question a line.

A PKCS#11 module is foreign code that may crash or hang, with Python's lock held. It does so here, apart from all keys but the one
that it wraps, and not in the origin. After any error the process ends, and with it sessions, login and the module's own state; the
origin starts another one. A question that takes longer than SECONDS ends it, too.

    {"do": "serial"}                              -> {"serial": "…"}
    {"do": "create" | "has", "name": …}           -> {} | {"has": true}
    {"do": "wrap", "name": …}                     -> {"key": hex, "wrapped": hex}
    {"do": "unwrap", "name": …, "wrapped": hex}   -> {"key": hex}
    {"do": "destroy", "name": …, "beside": …}     -> {}
    {"do": "live"}                                -> {"names": […]}
    any                                           -> {"gone": true}, {"refused": "why"}

Each opens a session, which belongs to this one thread, logs in and closes it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from origin.roots.secret_file import read_secret

LABEL = "domicile-root"
"""Of all objects of ours; which one it is says its CKA_ID."""
KEY_BYTES, NONCE_BYTES = 32, 12
TAG_BITS = 128
OBJECTS_MAX = 1000
"""Objects of ours in a token that are looked at."""


class Refused(Exception):
    """In words that may be shown to the operator."""


class Gone(Exception):
    pass


def answer(token: Any, pin_file: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Raises Gone, Refused, PKCS11Error, OSError."""
    serial = serial_of(token)
    do, name = asked["do"], str(asked.get("name", ""))
    if do == "serial":
        return {"serial": serial}
    if name and name.partition("/")[0] != serial:  # in another token than it is in, nothing is found out about a root
        raise Refused("this is another token than the one that the root is in")
    if do == "destroy":
        beside = asked.get("beside")
        with token.open(rw=True, user_pin=read_secret(pin_file)) as session:
            if beside is not None and not _found(session, beside):
                raise Refused("the root in force is not in this token")
            for key in _found(session, name):
                key.destroy()
        do = "is_gone"  # seen in a session of its own
    with token.open(rw=do == "create", user_pin=read_secret(pin_file)) as session:
        match do:
            case "create":
                _create(session, name)
                return {}
            case "has":
                return {"has": bool(_found(session, name))}
            case "wrap":
                key, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
                sealed = _one(session, name).encrypt(
                    key, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(name, nonce)
                )
                return {"key": key.hex(), "wrapped": (nonce + bytes(sealed)).hex()}
            case "unwrap":
                wrapped = bytes.fromhex(asked["wrapped"])
                nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
                key = _one(session, name).decrypt(
                    sealed, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(name, nonce)
                )
                return {"key": bytes(key).hex()}
            case "is_gone":
                if _found(session, name):
                    raise Refused("the token still has a root that it has destroyed")
                return {}
            case "live":
                return {"names": [f"{serial}/{bytes(one[Attribute.ID]).hex()}" for one in _objects(session, {})]}
            case _:
                raise Refused("no such question")


def serial_of(token: Any) -> str:
    serial = token.serial
    text = serial.decode("ascii", "replace") if isinstance(serial, bytes) else str(serial)
    return text.strip().replace("/", "_")


def _create(session: Any, name: str) -> None:
    key = session.generate_key(
        KeyType.AES,
        KEY_BYTES * 8,
        id=_id(name),
        label=LABEL,
        store=True,
        capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
        template={
            Attribute.PRIVATE: True,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
            Attribute.COPYABLE: False,  # a copy would outlive it
        },
    )
    if not key[Attribute.SENSITIVE] or key[Attribute.EXTRACTABLE]:
        key.destroy()
        raise Refused("the token makes keys that can leave it")


def _gcm(name: str, nonce: bytes) -> Any:
    return pkcs11.GCMParams(nonce, f"domicile/root\0{name}".encode(), TAG_BITS)


def _id(name: str) -> bytes:
    return bytes.fromhex(name.rpartition("/")[2])


def _objects(session: Any, wanted: dict[Any, Any]) -> list[Any]:
    found = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: LABEL} | wanted))
    if len(found) > OBJECTS_MAX:
        raise Refused(f"the token has more than {OBJECTS_MAX} roots")
    return found


def _found(session: Any, name: str) -> list[Any]:
    return _objects(session, {Attribute.ID: _id(name)})


def _one(session: Any, name: str) -> Any:
    for key in _found(session, name):
        return key
    raise Gone


def main() -> int:
    module, label, pin_file, seconds_max = sys.argv[1:]
    token = None
    for line in sys.stdin.buffer:
        signal.alarm(
            max(1, round(float(seconds_max)))
        )  # nobody handles it: the kernel ends us, whatever the module does
        try:
            if token is None:
                token = pkcs11.lib(module).get_token(token_label=label)
            said = answer(token, Path(pin_file), json.loads(line))
        except Gone:
            said = {"gone": True}
        except Refused as refused:
            said = {"refused": str(refused)}
        except Exception as failed:  # noqa: BLE001 - of the module, or of the file with the PIN; this process ends with it
            said = {"refused": str(failed) if isinstance(failed, OSError) else type(failed).__name__, "ends": True}
        signal.alarm(0)
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        if said.get("ends"):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
