"""A DNS server on loopback that answers from a script, over UDP and TCP at the same port."""

import asyncio
from contextlib import asynccontextmanager, suppress

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class ScriptedDns:
    """Answers each question by *script*: a function from the query to a response or None.

    `asked` lists the names asked for, with the transport; `answer` as None is silence.
    """

    def __init__(self, script):
        self.script = script
        self.asked = []
        self.address = None

    def respond(self, wire, transport):
        query = dns.message.from_wire(wire)
        self.asked.append((query.question[0].name.to_text(), transport))
        response = self.script(query, transport)
        return None if response is None else response.to_wire()


def reply(query, *answers, rcode=dns.rcode.NOERROR, authority=(), authoritative=True):
    """Return the response to *query* that carries *answers*, each as zone file text."""
    response = dns.message.make_response(query)
    if authoritative:
        response.flags |= dns.flags.AA
    response.set_rcode(rcode)
    response.answer += [_rrset(text) for text in answers]
    response.authority += [_rrset(text) for text in authority]
    return response


def naptr_text(name, url, *, order=100, preference=10, flags="U", service="Meta:SMP", regexp=None):
    """Return one NAPTR record as zone file text."""
    expression = f"!.*!{url}!" if regexp is None else regexp
    return f'{name} 60 IN NAPTR {order} {preference} "{flags}" "{service}" "{expression}" .'


def zone(records):
    """Return a script that answers NAPTR questions from *records* (name → record texts)."""

    def script(query, transport):
        name = query.question[0].name.to_text().lower()
        if query.question[0].rdtype != dns.rdatatype.NAPTR or name not in records:
            return reply(query, rcode=dns.rcode.NXDOMAIN)
        return reply(query, *records[name])

    return script


@asynccontextmanager
async def serve(script):
    """Run a `ScriptedDns` for *script* on a free port of 127.0.0.1."""
    server = ScriptedDns(script)
    loop = asyncio.get_running_loop()
    tcp = await asyncio.start_server(lambda r, w: _serve_tcp(server, r, w), "127.0.0.1", 0)
    server.address = tcp.sockets[0].getsockname()
    udp, _ = await loop.create_datagram_endpoint(
        lambda: _Udp(server), local_addr=("127.0.0.1", server.address[1])
    )
    try:
        yield server
    finally:
        udp.close()
        tcp.close()
        await tcp.wait_closed()


def _rrset(text):
    name, ttl, klass, kind, rest = text.split(maxsplit=4)
    return dns.rrset.from_text(name, int(ttl), klass, kind, rest)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        answer = self.server.respond(data, "udp")
        if answer is not None:
            self.transport.sendto(answer, addr)


async def _serve_tcp(server, reader, writer):
    with suppress(asyncio.IncompleteReadError):
        length = int.from_bytes(await reader.readexactly(2))
        answer = server.respond(await reader.readexactly(length), "tcp")
        if answer is not None:
            writer.write(len(answer).to_bytes(2) + answer)
            await writer.drain()
    writer.close()
