"""The DNS records that lead to a participant's publisher."""

from collections.abc import Sequence
from typing import Final

from conformance.suite.bench import Bench
from conformance.suite.case import Cases, Need
from conformance.suite.outcome import Failed, NotApplicable
from smp.address import SANDBOX
from smp.client import DnsResolver
from smp.errors import SmpError
from smp.sml import Naptr, choose_smp_url, dns_name
from ubl.identifiers import ParticipantId

__all__ = ["CASES"]

CASES: Final = Cases()
_NEEDS: Final = (Need.DNS,)
DNS_SECONDS_MAX: Final = 5.0  # LIMIT: for one question to one server.


async def _records(bench: Bench, participant: ParticipantId) -> Sequence[Naptr]:
    """Return the NAPTR records of *participant*, none when it does not exist; raises Failed."""
    target = bench.target
    if target.dns is None or target.zone is None:
        raise NotApplicable("there is no DNS server and zone to ask")
    name = dns_name(participant, target.zone)
    resolver = DnsResolver([target.dns], timeout_seconds=DNS_SECONDS_MAX)
    try:
        found = await resolver.naptr(name)
    except SmpError as error:
        bench.keep(f"NAPTR {name}", name.encode(), b"")
        raise Failed(f"the DNS does not answer: {error.detail}") from error
    bench.keep(f"NAPTR {name}", name.encode(), "\n".join(map(str, found)).encode())
    return found


@CASES.case(
    "smp.dns.record",
    title="The participant has a record in the locator",
    requirement="The name made of the participant's digest has a U-NAPTR record of the service "
    "Meta:SMP.",
    sources=("PEPPOL-SML §3.1", "RFC4848 §2.2"),
    needs=_NEEDS,
)
async def record(bench: Bench) -> None:
    """At least one record of the right kind."""
    found = await _records(bench, bench.target.participant)
    if not any(r.service.lower() == "meta:smp" and r.flags.upper() == "U" for r in found):
        raise Failed(f"there are {len(found)} NAPTR records, none of them for Meta:SMP")


@CASES.case(
    "smp.dns.address",
    title="The record leads to the address of the publisher",
    requirement="The expression of the record, applied to the participant, gives the address of "
    "its SMP: http or https, without a query.",
    sources=("PEPPOL-SML §3.1", "RFC3403 §4.1"),
    needs=(Need.DNS, Need.SMP),
)
async def address(bench: Bench) -> None:
    """What the record gives is what was said."""
    participant = bench.target.participant
    try:
        found = choose_smp_url(await _records(bench, participant), participant, SANDBOX)
    except SmpError as error:
        raise Failed(error.detail) from error
    if found != (bench.target.smp_url or "").rstrip("/"):
        raise Failed(f"it leads to {found}, not to {bench.target.smp_url}")


@CASES.case(
    "smp.dns.unknown",
    title="A participant that is not registered has no record",
    requirement="The name of a participant that is not registered does not exist.",
    sources=("PEPPOL-SML §3.1",),
    needs=_NEEDS,
)
async def unknown(bench: Bench) -> None:
    """Nobody registered the stranger."""
    found = await _records(bench, bench.tester.stranger)
    if found:
        raise Failed(f"there are {len(found)} records of a participant that nobody registered")
