"""nginx proxy_cache in front of an upstream, tuned for hits: the peer of `hits`."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from pathlib import Path

START_SECONDS_MAX = 10.0
CONFIG = """
daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile {sendfile}; tcp_nopush off; open_file_cache max=1000;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  proxy_cache_path {dir}/cache levels=1:2 keys_zone=z:16m max_size=1g inactive=1h;
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{
      proxy_pass http://127.0.0.1:{upstream}; proxy_cache z; proxy_cache_valid 200 1h;
      proxy_ignore_headers Cache-Control Vary Expires; add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""


class Nginx:
    """One nginx worker; `stop` when done."""

    def __init__(self, directory: Path, *, port: int, upstream: int, sendfile: str = "off") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
        config = directory / "nginx.conf"
        config.write_text(CONFIG.format(dir=directory, port=port, upstream=upstream, sendfile=sendfile), "utf-8")
        self.port = port
        self._process = subprocess.Popen(["nginx", "-p", str(directory), "-c", str(config)])
        self._wait_ready()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    @property
    def pid(self) -> int:
        return self._process.pid

    def warm(self, path: str) -> None:
        """Ask until it is a hit, so that what is measured is one."""
        for _ in range(20):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
                response.read()
                if response.headers["X-Cache"] == "HIT":
                    return
        raise RuntimeError("nginx never answered from its cache")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
