r"""A log's head, signed, in the text form that witnesses and monitors of logs read.

    ORIGIN\nSIZE\nROOT (base64)\n\n— NAME BASE64(key hash (4) ‖ Ed25519 signature (64))\n

Source: C2SP tlog-checkpoint and signed-note. The key hash is the first four bytes of SHA-256(name ‖ LF ‖ 0x01 ‖ public
key); the signature is over the text up to and including the line feed before the empty line. NAME is ORIGIN here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domicile.media.errors import BadSignature
from domicile.media.merkle import HASH_BYTES
from domicile.media.statement import public_key_of

NOTE_BYTES_MAX = 4096
SIGNATURES_MAX = 16
SIZE_MAX = 2**63 - 1
_ED25519 = b"\x01"
_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log of `size` leaves with this root."""

    origin: str
    """Name of the log; no spaces, no plus sign, no line feed."""
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def key_hash(name: str, public_key: bytes) -> bytes:
    """Four bytes by which a note says whose signature it is."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:4]


def verifier_key(name: str, public_key: bytes) -> str:
    """The public key as monitors take it: name+hash+base64."""
    return f"{name}+{key_hash(name, public_key).hex()}+{base64.b64encode(_ED25519 + public_key).decode()}"


def sign_checkpoint(checkpoint: Checkpoint, seed: bytes) -> str:
    """The signed note. `seed`: 32 bytes of the log's Ed25519 key."""
    name, text = checkpoint.origin, checkpoint.text()
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    said = base64.b64encode(key_hash(name, public_key_of(seed)) + signature).decode()
    return f"{text}\n{_DASH}{name} {said}\n"


def read_checkpoint(note: str, *, origin: str, public_key: bytes) -> Checkpoint:
    """What the log named `origin` says, if it signed that. Raises BadSignature for everything else."""
    if len(note.encode()) > NOTE_BYTES_MAX:
        raise BadSignature("the checkpoint is too long")
    text, parted, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not parted or lines.pop() or not 1 <= len(lines) <= SIGNATURES_MAX:
        raise BadSignature("the checkpoint is no signed note")
    text += "\n"
    wanted, key = key_hash(origin, public_key), Ed25519PublicKey.from_public_bytes(public_key)
    for line in lines:
        name, _, said = line.removeprefix(_DASH).partition(" ")
        signed = _base64(said)
        if not line.startswith(_DASH) or name != origin or signed[:4] != wanted:
            continue  # of a witness, or of a key that is none of ours
        try:
            key.verify(signed[4:], text.encode())
        except InvalidSignature:
            break
        return _read(text, origin)
    raise BadSignature("the checkpoint is not signed by this log")


def _read(text: str, origin: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) < 4 or lines[0] != origin or not (lines[1].isascii() and lines[1].isdecimal()):
        raise BadSignature("the checkpoint is not of this log")
    size, root = int(lines[1]), _base64(lines[2])
    if str(size) != lines[1] or size > SIZE_MAX or len(root) != HASH_BYTES:
        raise BadSignature("the checkpoint is malformed")
    return Checkpoint(origin=origin, size=size, root=root)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
