"""The sockets that viewers connect to: opened by the supervisor, inherited by its workers, open as long as the node is.

    address     has one socket for each slot; the kernel spreads connections over those that listen (SO_REUSEPORT)
    a worker    accepts from its own, and from those of slots where nobody listens (edge.entrance)
    it ends     and its socket stays open: connections wait there for the others, or for its successor
    node ends   `refuse_new`: no connection begins; those that have begun are accepted and answered

A socket that listens and is closed takes with it every connection that waits in it, and closing is what a worker's own socket would
come to at each restart.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from domicile.service.settings import BadSetting
from edge.passthrough.settings import read_route
from edge.settings import EdgeSettings

VIEWERS, CDN, TIER = "viewers", "cdn", "tier"
"""The media listener, those of a CDN and of children; the passthrough's routes have their number."""

_SO_ATTACH_FILTER = 26
_NO_NEW_CONNECTION = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""Classic BPF over the TCP header: load byte 13; is SYN set? drop : take. A segment that completes a handshake has none."""

Slots = tuple[socket.socket, ...]
"""One address: a socket for each slot."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """By entrance (VIEWERS, or the number of a route); a name may stand for several addresses."""

    by_entrance: dict[str, tuple[Slots, ...]] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def opened(cls, settings: EdgeSettings) -> Iterator[Sockets]:
        """Bound and not listening: the first worker makes them listen. Raises BadSetting."""
        opened = cls()
        try:
            for entrance, host, port, setting in _places(settings):
                opened.by_entrance[entrance] = _bound(host, port, settings.worker_count, setting)
            yield opened
        finally:
            opened.close()

    @classmethod
    def inherited(cls, text: str) -> Sockets:
        """In a worker: what `described` said in its supervisor."""
        found: dict[str, list[list[int]]] = json.loads(text)
        return cls(
            {
                entrance: tuple(tuple(socket.socket(fileno=number) for number in slots) for slots in addresses)
                for entrance, addresses in found.items()
            }
        )

    @property
    def port(self) -> int:
        """Of the media listener."""
        return int(self.by_entrance[VIEWERS][0][0].getsockname()[1])

    @property
    def descriptors(self) -> tuple[int, ...]:
        return tuple(one.fileno() for one in self._all())

    def described(self) -> str:
        """As an argument of a process that inherits `descriptors`."""
        numbers = {
            entrance: [[one.fileno() for one in slots] for slots in addresses]
            for entrance, addresses in self.by_entrance.items()
        }
        return json.dumps(numbers)

    def refuse_new(self) -> None:
        """From now on no connection begins, in any process that has these sockets. Handshakes under way end well.

        Where the kernel takes no filter (a sandbox) some begin until the workers close, and a node ends all the same.
        """
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_NEW_CONNECTION))
        program = struct.pack("HL", len(_NO_NEW_CONNECTION), ctypes.addressof(code))
        for one in self._all():
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def close(self) -> None:
        """In this process; an address is free when all have."""
        for one in self._all():
            one.close()

    def _all(self) -> Iterator[socket.socket]:
        for addresses in self.by_entrance.values():
            for slots in addresses:
                yield from slots


def _places(settings: EdgeSettings) -> Iterator[tuple[str, str, int, str]]:
    """Entrance, host, port, and the setting that says so."""
    yield VIEWERS, settings.host, settings.port, "edge.listen"
    for entrance, listen in ((CDN, settings.cdn.listen), (TIER, settings.tier.listen)):
        if listen is not None:
            host, _, port = listen.rpartition(":")
            yield entrance, host.strip("[]"), int(port), f"edge.{entrance}.listen"
    for number, text in enumerate(settings.passthrough.routes):
        route = read_route(text)
        if route is not None:
            yield str(number), route.host, route.port, "edge.passthrough.routes"


def _bound(host: str, port: int, count: int, setting: str) -> tuple[Slots, ...]:
    """A socket for each slot, on each address of this host. Raises BadSetting."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        addresses: list[Slots] = []
        for family, _, _, _, address in dict.fromkeys(found):
            place = (
                address[0],
                addresses[0][0].getsockname()[1] if addresses and not port else address[1],
                *address[2:],
            )
            addresses.append(_bound_to(family, place, count))
    except OSError as taken:
        raise BadSetting(
            f"{setting}: {f'{host}:{port}'!r} cannot be listened on ({taken.strerror}); allowed: a free address"
        ) from taken
    return tuple(addresses)


def _bound_to(family: socket.AddressFamily, address: Sequence[str | int], count: int) -> Slots:
    if address[1]:
        with _socket(family) as alone:  # without SO_REUSEPORT: a second node on one port would get half of the viewers
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(tuple(address))
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            one = _socket(family)
            opened.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(opened[0].getsockname() if len(opened) > 1 else tuple(address))
    except OSError:
        for one in opened:
            one.close()
        raise
    return tuple(opened)


def _socket(family: socket.AddressFamily) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made
