"""The sandbox's DNS: answers the NAPTR questions that a look-up asks of the locator's zone.

It plays the Service Metadata Locator: a registered participant has a `Meta:SMP` record with
the address of its publisher, every other name does not exist.  [PEPPOL-SML §3.1] [RFC4848 §2.2]
It answers on the loopback interface only, over UDP, and holds its records in memory.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from smp.sml import dns_name
from ubl.identifiers import ParticipantId

RECORD_SECONDS = 60
"""How long a look-up may cache a record."""


class Locator:
    """The participants of the sandbox's zone and where each one's metadata is published."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.address = ("127.0.0.1", 0)
        self._publishers: dict[dns.name.Name, str] = {}

    def register(self, participant: ParticipantId, smp_url: str) -> None:
        """Let *participant* be found at *smp_url* from now on."""
        self._publishers[dns.name.from_text(dns_name(participant, self.zone))] = smp_url

    def unregister(self, participant: ParticipantId) -> None:
        """Let *participant* be unknown again."""
        self._publishers.pop(dns.name.from_text(dns_name(participant, self.zone)), None)

    def answer(self, question: bytes) -> bytes | None:
        """Return the response to one datagram; None for what is no DNS question."""
        try:
            query = dns.message.from_wire(question)
        except dns.exception.DNSException:
            return None
        if len(query.question) != 1 or query.flags & dns.flags.QR:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        wanted = query.question[0]
        smp_url = self._publishers.get(wanted.name)
        if smp_url is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif wanted.rdtype == dns.rdatatype.NAPTR:
            record = f'100 10 "U" "Meta:SMP" "!.*!{smp_url}!" .'
            response.answer.append(
                dns.rrset.from_text(wanted.name, RECORD_SECONDS, "IN", "NAPTR", record)
            )
        return response.to_wire()


@asynccontextmanager
async def serve_dns(locator: Locator) -> AsyncIterator[None]:
    """Answer for *locator* on a free UDP port of 127.0.0.1, which it writes into `address`."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Responder(locator), local_addr=("127.0.0.1", 0)
    )
    locator.address = transport.get_extra_info("sockname")
    try:
        yield
    finally:
        transport.close()


class _Responder(asyncio.DatagramProtocol):
    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The selector loop's transport is a datagram transport in deed, not by class.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        response = self._locator.answer(data)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, addr)
