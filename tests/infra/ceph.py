"""A real Ceph RGW for tests: one monitor and one OSD in memory, and an S3 gateway for each region, on loopback.

Regions are zonegroups of their own, so that LocationConstraint and GetBucketLocation mean what they mean elsewhere. Needs
Debian's radosgw, ceph-mon and ceph-osd; as root or not, without systemd. A process has one cluster (`cluster`), started by
the first test that asks for it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.infra.ports import free_port

ACCESS_KEY = "TESTACCESSKEY0001"
SECRET_KEY = "testsecretkey000001"
OWNER = "test"
PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 10
CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{monitor}/0]
ms bind msgr1 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind port min = {lowest}
ms bind port max = {highest}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
run dir = {home}/run
log file = {home}/log/$name.log
admin socket = {home}/run/$name.asok
pid file = {home}/run/$name.pid
keyring = {home}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 2
osd pool default pgp num = 2
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon osd full ratio = .99
mon data avail crit = 1
mon data avail warn = 2
max open files = 65536
[mon]
mon data = {home}/mon
mon max pg per osd = 1000
# Making pools waits for these: with the defaults a start takes ten seconds longer.
paxos propose interval = 0.02
paxos min wait = 0.01
[mon.a]
[osd]
keyring = {home}/osd/keyring
osd data = {home}/osd
osd objectstore = memstore
osd heartbeat grace = 60
osd class load list = *
osd class default list = *
memstore device bytes = 2147483648
[client]
rgw data = {home}/rgw
rgw thread pool size = 32
rgw run sync thread = false
rgw enable usage log = false
"""


def require() -> None:
    """A visible skip that says how to get the programs; with CI=true their absence is a failure."""
    if all(shutil.which(program) for program in PROGRAMS):
        return
    reason = "needs Ceph: apt-get install -y radosgw ceph-mon ceph-osd"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The S3 of one region."""

    region: str
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(slots=True)
class Cluster:
    home: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    gateways: dict[str, Gateway] = field(default_factory=dict)

    def start(self) -> None:
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self.home / name).mkdir()
        fsid, monitor = str(uuid.uuid4()), free_port()
        ports = {"monitor": monitor, "lowest": 20_000, "highest": 32_000}
        (self.home / "ceph.conf").write_text(CONFIG.format(fsid=fsid, home=self.home, **ports))
        keyring, all_caps = str(self.home / "keyring"), ("mon", "osd", "mgr")
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for user in ("client.admin", "client.rgw"):
            caps = [word for cap in all_caps for word in ("--cap", cap, "allow *")]
            self._run("ceph-authtool", keyring, "--gen-key", "-n", user, *caps)
        monmap = str(self.home / "monmap")
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{monitor}]", monmap)
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring)
        self._spawn("ceph-mon", "-i", "a", "-f")
        self._start_osd()

    def _start_osd(self) -> None:
        identity, keyring = str(uuid.uuid4()), str(self.home / "osd" / "keyring")
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "osd.0")
        secret = self._run("ceph-authtool", keyring, "-n", "osd.0", "-p").strip()
        number = self._run("ceph", "osd", "new", identity, "-i", "-", told=json.dumps({"cephx_secret": secret})).strip()
        self._run("ceph-osd", "-i", number, "--mkfs", "--osd-uuid", identity, "--keyring", keyring)
        self._spawn("ceph-osd", "-i", number, "-f")
        self._run("ceph", "osd", "crush", "add", f"osd.{number}", "1.0", "root=default", "host=localhost")

    def region(self, name: str) -> Gateway:
        """The gateway of a region, started when it is asked for first."""
        if name in self.gateways:
            return self.gateways[name]
        port, realm = free_port(), f"--rgw-realm={name}"
        group, zone = f"--rgw-zonegroup={name}", f"--rgw-zone={name}-a"
        self._admin("realm", "create", realm)
        self._admin("zonegroup", "create", realm, group, f"--api-name={name}", "--master", "--default")
        self._admin("zone", "create", realm, group, zone, "--master", "--default")
        self._admin("period", "update", realm, "--commit")
        keys = (f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}")
        self._admin("user", "create", realm, group, zone, f"--uid={OWNER}", "--display-name=test", *keys)
        files = (f"--pid-file={self.home}/run/{name}.pid", f"--admin-socket={self.home}/run/{name}.asok")
        frontend = f"--rgw-frontends=beast endpoint=127.0.0.1:{port}"
        self._spawn("radosgw", "-n", "client.rgw", "-f", realm, group, zone, frontend, *files)
        _wait_for(port)
        self.gateways[name] = Gateway(name, port)
        return self.gateways[name]

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()  # there is nothing to keep
        for process in self.processes:
            process.wait(STOP_SECONDS_MAX)
        shutil.rmtree(self.home, ignore_errors=True)

    def _admin(self, *words: str) -> None:
        self._run("radosgw-admin", *words)

    def _run(self, program: str, *words: str, told: str | None = None) -> str:
        command = [program, *self._config(program), *words]
        done = subprocess.run(
            command, check=False, timeout=START_SECONDS_MAX, capture_output=True, text=True, input=told, cwd="/"
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def _spawn(self, program: str, *words: str) -> None:
        with (self.home / "log" / f"{program}.out").open("ab") as log:
            # A process that is killed runs no exit handler: what it started goes with it.
            command = ["setpriv", "--pdeathsig", "KILL", program, *self._config(program), *words]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        self.processes.append(process)

    def _config(self, program: str) -> list[str]:
        return [] if program in {"ceph-authtool", "monmaptool"} else ["-c", str(self.home / "ceph.conf")]


@functools.cache
def cluster() -> Cluster:
    """This process's cluster; it ends with the process."""
    require()
    started = Cluster(Path(tempfile.mkdtemp(prefix="ceph-", dir="/tmp")))  # socket paths are short
    atexit.register(started.stop)
    started.start()
    return started


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/")
            connection.getresponse().read()
            return
        assert time.monotonic() < deadline, "the gateway does not answer"
        time.sleep(0.02)
