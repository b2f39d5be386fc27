"""General HTTP caches in front of one origin, configured as their manuals say for a shared cache: peers of `conformance`, `fills`, `hits`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from benchmarks.load import tree
from tests.conformance.suite import wait_for
from tests.infra.ports import free_port

NGINX = """
daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  proxy_cache_path {dir}/cache levels=1:2 keys_zone=z:16m max_size=1g inactive=1h;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{origin}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache z; proxy_cache_revalidate on; {more}
    }}
  }}
}}
"""
UPDATING = "proxy_cache_lock on; proxy_cache_use_stale error timeout updating; proxy_cache_background_update on;"


class Peer:
    """One program; `stop` when done."""

    def __init__(self, name: str, command: list[str], port: int) -> None:
        self.name = name
        self.port = port
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(port, self._process)

    def pids(self) -> list[int]:
        """All its processes."""
        return tree([self._process.pid])

    def stop(self) -> None:
        """All its processes: a manager that is in a hurry leaves the one that serves behind."""
        children = set(self.pids()) - {self._process.pid}
        self._process.terminate()
        self._process.wait(20)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def nginx(directory: Path, origin: int, *, updating: bool) -> Peer:
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    port, config = free_port(), directory / "nginx.conf"
    more = UPDATING if updating else ""
    config.write_text(NGINX.format(dir=directory, port=port, origin=origin, more=more), "utf-8")
    name = f"nginx {version(['nginx', '-v'])}" + (" + lock, use_stale, background_update" if updating else "")
    return Peer(name, ["nginx", "-p", str(directory), "-c", str(config)], port)


EXPLICIT_ONLY = ("default_ttl=0", "default_grace=0", "default_keep=3600")


def varnish(
    directory: Path, origin: int, *, parameters: tuple[str, ...] = EXPLICIT_ONLY, vcl: str = "", memory: str = "64m"
) -> Peer:
    """`vcl`: a program instead of the built-in one; it names the backend."""
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    port = free_port()
    backend = ["-b", f"127.0.0.1:{origin}"]
    if vcl:
        program = directory / "default.vcl"
        program.write_text(vcl, "utf-8")
        backend = ["-f", str(program)]
    command = ["varnishd", "-F", "-n", str(directory / "work"), "-a", f"127.0.0.1:{port}", *backend]
    settings = [word for parameter in parameters for word in ("-p", parameter)]
    name = f"varnish {version(['varnishd', '-V'])}"
    return Peer(name, [*command, "-s", f"malloc,{memory}", *settings], port)


def version(command: list[str]) -> str:
    """As the program tells it: "nginx version: nginx/1.22.1" -> "1.22.1"."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    words = (done.stderr + done.stdout).replace("/", " ").replace("-", " ").replace(")", " ").split()
    return next((word for word in words if word[:1].isdecimal()), "?")


def missing() -> list[str]:
    return [program for program in ("node", "npm", "nginx", "varnishd") if shutil.which(program) is None]
