"""What lies below the gateways' own HTTP client: names, addresses, and connections to them.

The client is the gateway's, with its rules, its resolver and its check of each socket; only the
loop answers for the machine: what a name resolves to, and who is at an address.  In the storm the
DNS lies: names of peers, publishers and webhooks lead to machines inside, for a moment, at all
times, or between two questions.  Where a connection goes is noted.
"""

import asyncio
import socket
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from ipaddress import ip_address
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from unittest.mock import patch

from aiohttp import connector

from gateway.addresses import EgressRules
from gateway.egress import Egress
from tests.simulation.loop import LIFE
from tests.simulation.transport import Transport

INSIDE = (
    "10.1.2.3", "127.0.0.1", "169.254.169.254", "172.16.9.1", "192.168.0.9", "100.64.0.7",
    "168.63.129.16", "0.0.0.0", "::1", "fe80::1", "fd00::5", "::ffff:10.0.0.1", "64:ff9b::a00:1",
)  # fmt: skip
"""Where a lie leads: this machine, its neighbours, and what only they may ask."""
HTTPS = 443
_WORDS = {200: "OK", 204: "No Content"}


@cache
def _tls():
    """Return settings that nobody uses: nothing is encrypted below."""
    return SSLContext(PROTOCOL_TLS_CLIENT)


def an_egress(seconds):
    """Return the gateway's HTTP client as in production; posts end after so many *seconds*."""
    return Egress(EgressRules(), tls=_tls(), post_timeout_seconds=seconds)


class Sockets:
    """The machine's sockets, in *world*; *hosts* has who is at each name."""

    def __init__(self, world, dice):
        self._world, self._dice = world, dice
        self.hosts = {}
        self.checked = set()
        self.connected = []
        self._standing = {}

    @contextmanager
    def in_place(self):
        """Answer for the machine inside the block, and note which addresses are checked."""
        loop, check = self._world.loop, EgressRules.check_machine

        def note(rules, address):
            check(rules, address)
            self.checked.add(str(address))

        loop.sockets = self
        with (
            patch.object(connector, "monotonic", loop.time),
            patch.object(EgressRules, "check_machine", note),
        ):
            yield

    async def resolve(self, name, port):
        """Return what the DNS says of *name*, as getaddrinfo does; raises gaierror."""
        await asyncio.sleep(self._dice.uniform(0.001, 0.1))
        host = self.hosts.get(name)
        if host is None or self._world.network.weather.dns_is_away:
            raise socket.gaierror(socket.EAI_NONAME, f"nobody is called {name}")
        found = [host.address]
        if self._dice.random() < self._world.network.weather.chance / 2:
            self._world.network.faults["DNS lies"] += 1
            lie = self._dice.choice(INSIDE)
            found = self._dice.choice(([lie], [lie, *found], [*found, lie]))
            self._world.note(f"{name} is at {found}")
        return [_address_info(each, port) for each in found]

    async def connect(self, sock, address):
        """Connect *sock* to *address*; raises OSError where nobody listens or can be reached."""
        host, port = address[:2]
        self.connected.append(host)
        await asyncio.sleep(self._dice.uniform(0.001, 0.1))
        server = next((each for each in self.hosts.values() if each.address == host), None)
        if port != HTTPS or server is None or not server.accepts(LIFE.get().node):
            raise ConnectionRefusedError("nobody listens")
        self._standing[sock.fileno()] = server

    def open(self, protocol_factory, sock):
        """Return the transport and protocol of a connection that stands."""
        server = self._standing.pop(sock.fileno())
        sock.close()
        protocol = protocol_factory()
        transport = Connection(protocol, server, LIFE.get().node)
        protocol.connection_made(transport)
        return transport, protocol


class Connection(Transport):
    """The client's end of a connection to *server*: one request, one answer."""

    def __init__(self, protocol, server, node):
        super().__init__(protocol)
        self._server, self._node = server, node
        self._context = copy_context()
        self._request = bytearray()

    def write(self, data):
        if self._closed:
            return
        self._request += data
        asked = _parse(bytes(self._request))
        if asked is not None:
            self._request.clear()
            answer = self._server.ask(self._node, *asked)
            answer.add_done_callback(self._answered, context=self._context)

    def _answered(self, answer):
        if self._closed or answer.cancelled():
            return
        if answer.exception() is not None:
            self._closed = True
            self._protocol.connection_lost(ConnectionResetError(str(answer.exception())))
            return
        status, content_type, body = answer.result()
        head = f"HTTP/1.1 {status} {_WORDS.get(status, 'Other')}\r\nConnection: close\r\n"
        head += f"Content-Type: {content_type}\r\n" if content_type else ""
        head += "" if status == 204 else f"Content-Length: {len(body)}\r\n"
        self._protocol.data_received(f"{head}\r\n".encode() + body)

    def close(self):
        if not self._closed:
            self._closed = True
            loop = asyncio.get_running_loop()
            loop.call_soon(self._protocol.connection_lost, None, context=self._context)

    def abort(self):
        self.close()


def _address_info(address, port):
    parsed = ip_address(address)
    if parsed.version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)
    endpoint = address, port, 0, 0
    return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", endpoint


def _parse(data):
    """Return method, path, headers and body of a request that is complete, else None."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        return (method, path, headers, _unchunked(body)) if body.endswith(b"0\r\n\r\n") else None
    if len(body) < int(headers.get("content-length", 0)):
        return None
    return method, path, headers, body


def _unchunked(body):
    pieces = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        pieces.append(body[:length])
        body = body[length + 2 :]
    return b"".join(pieces)
