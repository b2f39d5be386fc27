"""Who answers the same requests as Domicile in `hits`: nginx proxy_cache, Varnish, and aiohttp with nothing in front of it.

The caches stand in front of `aiohttp_alone`, which has the bodies that Domicile answered with and all but a few of its fields.
"""

from __future__ import annotations

import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from benchmarks import aiohttp_alone, peers_http
from benchmarks.peers_http import Peer
from tests.infra.ports import free_port

NGINX = """
daemon off; worker_processes {workers}; pid {dir}/pid; error_log {dir}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; {sending} open_file_cache max=1000;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  proxy_cache_path {dir}/cache levels=1:2 keys_zone=z:16m max_size=1g inactive=1h;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_cache z; proxy_cache_lock on;
    }}
  }}
}}
"""
SENDING = {
    "sendfile off": "sendfile off; tcp_nopush off;",
    "sendfile on": "sendfile on; tcp_nopush off;",
    "sendfile and tcp_nopush on": "sendfile on; tcp_nopush on;",
}
"""nginx as it may be configured: which is fastest depends on the size, so all are tried for each."""
VARNISH = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}
acl here {{ "127.0.0.1"; }}
sub vcl_recv {{
  if (req.method == "PURGE") {{
    if (client.ip !~ here) {{ return (synth(405)); }}
    return (purge);
  }}
}}
"""
WARM_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """What the caches ask."""

    peer: Peer

    @property
    def asked(self) -> int:
        """Bodies that were asked of it so far."""
        return int(fetched(self.peer.port, aiohttp_alone.COUNT))

    def stop(self) -> None:
        self.peer.stop()


def aiohttp(bodies: Path, *, port: int | None = None) -> Peer:
    """One process. `port`: of another one, to share it."""
    port = port or free_port()
    command = [sys.executable, "-m", "benchmarks.aiohttp_alone", str(port), str(bodies)]
    return Peer("aiohttp alone", command, port)


def nginx(directory: Path, origin: int, *, sending: str, workers: int) -> Peer:
    """`sending`: one of SENDING."""
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    port, config = free_port(), directory / "nginx.conf"
    text = NGINX.format(dir=directory, port=port, origin=origin, sending=SENDING[sending], workers=workers)
    config.write_text(text, "utf-8")
    return Peer("nginx", ["nginx", "-p", str(directory), "-c", str(config)], port)


def varnish(directory: Path, origin: int, *, workers: int) -> Peer:
    """One pool of threads a worker. It takes a PURGE of a URL from this machine."""
    pools = (f"thread_pools={workers}", "thread_pool_min=100")
    return peers_http.varnish(directory, origin, parameters=pools, vcl=VARNISH.format(origin=origin), memory="256m")


def fetched(port: int, path: str, method: str = "GET") -> bytes:
    """Raises OSError; so does everything but 200."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return bytes(reply.read())


def warm(peer: Peer, origin: Origin, path: str) -> None:
    """Ask until the origin is not asked any more. Raises RuntimeError."""
    for _ in range(WARM_REQUESTS):
        before = origin.asked
        fetched(peer.port, path)
        if origin.asked == before:
            return
    raise RuntimeError(f"{peer.name} never answered from its cache")
