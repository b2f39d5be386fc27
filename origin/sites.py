"""Sockets that the origin listens on: TCP for SDKs, a UNIX socket or TLS for edges, a UNIX socket for the operator."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import stat
from pathlib import Path

from aiohttp import web

from domicile.service.settings import BadSetting, blamed
from domicile.service.tls import NO_PASSWORD, Acceptor, HandshakeBounds, server_context
from origin.settings import OriginSettings, TlsSettings, address

BACKLOG = 1024


def tcp_socket(listen: str, name: str) -> socket.socket:
    """A listening TCP socket. Raises BadSetting when the address cannot be had."""
    host, port = address(listen, name)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as taken:
        listener.close()
        raise BadSetting(f"{name}: {listen!r} cannot be listened on ({taken.strerror})") from taken
    return listener


def unix_socket(path: Path, name: str) -> socket.socket:
    """A listening UNIX socket of mode 0600 from its first moment; what a dead process left there is replaced."""
    with blamed(name, path, "a path where a socket can be made"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as taken:
        listener.close()
        raise BadSetting(f"{name}: {str(path)!r} cannot be listened on ({taken.strerror})") from taken
    finally:
        os.umask(before)
    return listener


def api_tls(settings: TlsSettings) -> ssl.SSLContext | None:
    """None: no TLS. Raises BadSetting for files that cannot be used."""
    if settings.certificate_file is None:
        return None
    return server_context(settings.certificate_file, settings.key_file, setting="origin.tls.certificate_file")


class TlsSite(web.SockSite):
    """A site of aiohttp with bounds on TLS handshakes. Nothing else of it differs."""

    def __init__(
        self, runner: web.BaseRunner, sock: socket.socket, context: ssl.SSLContext, settings: TlsSettings
    ) -> None:
        super().__init__(runner, sock, ssl_context=context)
        self._bounds = HandshakeBounds(seconds_max=settings.handshake_seconds_max, at_once_max=settings.handshakes_max)

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server, context = self._runner.server, self._ssl_context
        assert server is not None
        assert context is not None
        self._server = Acceptor(self._sock, server, context, self._bounds)  # type: ignore[assignment] # only closed


def wire_tls(settings: OriginSettings) -> ssl.SSLContext:
    """TLS for edges elsewhere: TLS 1.3, and a client certificate of our authority. Raises BadSetting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    assert settings.wire_certificate is not None
    try:
        context.load_cert_chain(settings.wire_certificate, settings.wire_key, NO_PASSWORD)
        context.load_verify_locations(settings.wire_authority)
    except (OSError, ssl.SSLError) as bad:
        raise BadSetting(
            f"origin.wire_certificate, wire_key or wire_authority cannot be used ({bad.strerror})"
        ) from bad
    return context
