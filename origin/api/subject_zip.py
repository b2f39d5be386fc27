"""An export for a person as a stream: opened as it goes, a piece at a time, and kept nowhere.

    README.txt   files/…   manifest.json   manifest.json.sig

The manifest comes last, as it has the hash of everything before it. What is erased meanwhile is left out and said to be gone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from domicile.media.forced import forced_effect
from domicile.media.sealed import SealBroken
from domicile.media.subject_export import MANIFEST_FILE, README_FILE, SIGNATURE_FILE
from domicile.service import logging
from origin.api import subject_manifest as told_of
from origin.api.archive_stream import ZipWriter
from origin.api.downloads import file_name
from origin.api.recipients import told as told_recipients
from origin.api.subject_manifest import FileTold, Issuer, LeftOut, Manifest, Told
from origin.keys import Origin
from origin.records import Body, Claimed, Held, HeldVersion, RecipientKind

LOOKS_MAX = 3
"""How often a version is looked up that is put under retention, or brought back, just while it is read."""

log = logging.get()


def issuer_of(origin: Origin, cloud: str) -> Issuer:
    """As things stand now."""
    tenant = origin.records.tenant(cloud)
    return Issuer(
        cloud=cloud,
        region=origin.settings.records.region,
        policy=origin.records.policy(cloud),
        policy_revision=tenant.config_revision if tenant else 0,
        now=origin.now(),
    )


@dataclass(slots=True)
class _File:
    """One that goes into the archive."""

    path: str
    hashed: Any = field(default_factory=hashlib.sha256)
    body_bytes: int = 0
    problem: LeftOut | None = None

    def told(self) -> FileTold:
        return FileTold(path=self.path, sha256=self.hashed.hexdigest(), body_bytes=self.body_bytes)


class SubjectZip:
    """One export. `is_done` once all of it has been taken, and that was noted: before its reader can see its end."""

    def __init__(self, origin: Origin, claimed: Claimed, *, shows_redacted: bool) -> None:
        self._origin = origin
        self._claimed = claimed
        self._shows_redacted = shows_redacted
        self._zip = ZipWriter()
        self._manifest = Manifest()
        self._issuer = issuer_of(origin, claimed.tenant)
        self.is_done = False
        self.handed_out: dict[Aid, None] = {}
        """Versions of which something has left."""

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The archive. Raises what a store raises that does not answer."""
        claimed, origin = self._claimed, self._origin
        readme = _File(README_FILE)
        text = told_of.readme_of(self._issuer)
        async with aclosing(self._add(readme, Held(text.encode()), self._issuer.now)) as added:
            async for piece in added:
                yield piece
        for aid in claimed.plan.aids:
            async with aclosing(self._version(aid)) as added:
                async for piece in added:
                    yield piece
        manifest = self._manifest.encoded(self._head(readme.told()))
        signature = told_of.to_json(origin.records.exports.sign(manifest)).encode()
        for path, body in ((MANIFEST_FILE, manifest), (SIGNATURE_FILE, signature)):
            async with aclosing(self._add(_File(path), Held(body), self._issuer.now)) as added:
                async for piece in added:
                    yield piece
        yield await asyncio.to_thread(self._zip.end)
        await self.note_recipients()
        await origin.records.exports.finish(claimed, hashlib.sha256(manifest).hexdigest())
        self.is_done = True

    async def note_recipients(self) -> None:
        """Whoever had the link has them now."""
        export_id, cloud = self._claimed.export_id, self._claimed.tenant
        await self._origin.records.recipients.note(cloud, self.handed_out, RecipientKind.EXPORT, export_id)

    def _head(self, readme: FileTold) -> dict[str, object]:
        claimed = self._claimed
        return told_of.head_of(
            claimed.plan,
            self._issuer,
            salt=claimed.salt,
            export_id=claimed.export_id,
            leaf=claimed.leaf,
            readme=readme,
        )

    async def _version(self, aid: Aid) -> AsyncGenerator[bytes, None]:
        claimed, progress = self._claimed, self._claimed.progress
        for _ in range(LOOKS_MAX):
            held = await self._origin.records.subjects.version(claimed.tenant, aid)
            if held is None:
                break
            others = held.others(claimed.plan.subject_id)
            file, left_out = None, self._left_out(held, others)
            if left_out is None:
                file = _File(f"files/{progress.files + 1:05}_{file_name(held.record, None)}")
                try:
                    body = self._origin.records.subjects.original(held)
                    async with aclosing(self._add(file, body, held.record.created_at)) as added:
                        async for piece in added:
                            self.handed_out[aid] = None
                            yield piece
                except (
                    AssetNotFound
                ):  # nothing of it is in the archive yet: it has gone, or is another kind of version now
                    continue
                left_out = file.problem
                progress.files += 1
                progress.body_bytes += file.body_bytes
            else:
                progress.left_out += 1
            told = await self._told(held)
            entry = told_of.entry_of(held, told, others=others, file=file.told() if file else None, left_out=left_out)
            self._manifest.add(entry)
            return
        progress.gone += 1
        self._manifest.gone.append(aid)

    def _left_out(self, held: HeldVersion, others: int) -> LeftOut | None:
        if others and not self._claimed.plan.includes_shared:
            return LeftOut.SHARED
        policy = self._origin.records.policy(self._claimed.tenant)
        is_redacted = policy is not None and forced_effect(policy.redaction, held.record.name.public_id, is_signed=True)
        return LeftOut.REDACTED if is_redacted and not self._shows_redacted else None

    async def _told(self, held: HeldVersion) -> Told:
        records, aid = self._origin.records, held.record.aid
        renditions = await records.renditions(self._claimed.tenant, aid) if held.ended_at is None else ()
        recipients = told_recipients(await records.recipients.of(self._claimed.tenant, aid))
        return Told(renditions=renditions, recipients=recipients, is_counted_only=self._manifest.is_full)

    async def _add(self, file: _File, body: Body, changed_at: float) -> AsyncGenerator[bytes, None]:
        """AssetNotFound before anything of it is there; what is lost in the middle ends its file, which says so."""
        async with aclosing(body.pieces()) as pieces:
            try:
                piece = await anext(pieces, b"")
            except SealBroken:
                log.warning("subject_export_unreadable")
                piece, file.problem = b"", LeftOut.UNREADABLE
            yield self._zip.begin(file.path, body.body_bytes, changed_at=changed_at)
            while piece:
                yield await asyncio.to_thread(self._write, file, piece)
                try:
                    piece = await anext(pieces, b"")
                except AssetNotFound:
                    piece, file.problem = b"", LeftOut.CUT_OFF
                except SealBroken:
                    log.warning("subject_export_unreadable")
                    piece, file.problem = b"", LeftOut.UNREADABLE
        yield self._zip.close_file()

    def _write(self, file: _File, piece: bytes) -> bytes:
        file.hashed.update(piece)
        file.body_bytes += len(piece)
        return self._zip.write(piece)
