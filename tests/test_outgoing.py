"""Nothing but `gateway.egress` opens a connection to an address that somebody else chose.

Read from the sources: who imports what can connect, and who calls it.  Each exception is named
here with its reason; one that is no longer needed fails as well.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("gateway", "as4", "smp", "ubl", "conformance")

MODULES = frozenset(
    {
        "aiosmtplib", "dns.asyncquery", "dns.asyncresolver", "dns.query", "dns.resolver",
        "ftplib", "http.client", "httpx", "imaplib", "paramiko", "poplib", "requests", "smtplib",
        "socket", "socketserver", "telnetlib", "urllib.request", "urllib3", "websockets",
        "xmlrpc.client",
    }
)  # fmt: skip
CALLS = frozenset(
    {
        "ClientSession", "HTTPConnection", "HTTPSConnection", "SessionGetter", "TCPConnector",
        "UnixConnector", "connect_ex", "create_connection", "create_datagram_endpoint",
        "create_unix_connection", "getaddrinfo", "gethostbyaddr", "gethostbyname",
        "gethostbyname_ex", "open_connection", "open_unix_connection", "sock_connect",
        "start_tls", "udp_with_fallback", "urlopen", "wrap_socket", "ws_connect",
    }
)  # fmt: skip

ALLOWED = {
    "gateway/egress.py": {"socket", "ClientSession", "TCPConnector"},
    # It reads literal addresses, as the machine would.
    "gateway/addresses.py": {"socket"},
    # Our own API, at the address that the operator gives.
    "gateway/client/connection.py": {"ClientSession"},
    # The demo that the operator started, at the address in its own folder.
    "gateway/commands/sandbox.py": {"ClientSession"},
    "gateway/sandbox/proving.py": {"ClientSession"},
    # The access point that the operator wants tested, at the addresses that he gives.
    "conformance/awkward/posting.py": {"open_connection"},
    "conformance/suite/runner.py": {"ClientSession", "TCPConnector"},
    # The name servers of the settings or of the machine, which the operator gives too.
    "smp/client.py": {"dns.asyncquery", "dns.resolver", "udp_with_fallback"},
    # Only for the error it raises when the machine names no server.
    "gateway/app/lookups.py": {"dns.resolver"},
    # An opener whose only handler gives the bytes of schemas by their names.
    "ubl/explainer.py": {"urllib.request"},
    # Sockets that listen.
    "gateway/app/startup.py": {"socket"},
    "gateway/app/process.py": {"socket"},
    "gateway/app/running.py": {"socket"},
    "gateway/sandbox/network.py": {"socket"},
    "gateway/sandbox/dns.py": {"create_datagram_endpoint"},
}


def used_in(source):
    """Return what of MODULES and CALLS *source* imports and calls."""
    used = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = {module} | {f"{module}.{alias.name}" for alias in node.names}
            used |= names & MODULES
            # A name taken under another one would hide its calls.
            used |= {alias.name for alias in node.names if alias.asname} & CALLS
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            used |= {name} & CALLS
    return used


def test_only_the_egress_opens_connections_to_the_outside():
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            used = used_in(path.read_text("utf-8"))
            if used:
                found[path.relative_to(ROOT).as_posix()] = used
    assert found == ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "import aiohttp\nasync def f():\n    async with aiohttp.ClientSession() as s: pass",
        "from aiohttp import ClientSession as S\nS()",
        "import asyncio\nasync def f(): await asyncio.open_connection('a', 1)",
        "from urllib.request import urlopen",
        "from http import client",
        "import socket",
        "from socket import create_connection",
        "def f(loop): return loop.getaddrinfo('a', 1)",
    ],
)
def test_each_way_out_is_seen(source):
    assert used_in(source)
