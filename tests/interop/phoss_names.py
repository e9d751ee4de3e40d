"""Names that lead to phoss-smp in the ways the DNS allows, and names that do not.  [RFC3403 §4]"""

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

from gateway.sandbox.dns import RECORD_SECONDS, Locator
from smp.sml import dns_name
from tests.interop.phoss_cases import Case, Refusal, World
from ubl.identifiers import ParticipantId

NOBODY = "http://127.0.0.1:9"  # who goes there fails, and the cell with it


class Zone(Locator):
    """The sandbox's responder, which can hold other records too, or be out of order."""

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self._records: dict[dns.name.Name, tuple[str, ...]] = {}
        self.fails = False

    def hold(self, participant: ParticipantId, records: tuple[str, ...]) -> None:
        """Answer for *participant* with these NAPTR records, even with none."""
        self._records[self._name(participant)] = records

    def start_over(self) -> None:
        """Be what the sandbox's responder is."""
        self._records.clear()
        self.fails = False

    def answer(self, question: bytes) -> bytes | None:
        """Return the response to one datagram; None for what is no DNS question."""
        try:
            query = dns.message.from_wire(question)
        except dns.exception.DNSException:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        records = self._records.get(query.question[0].name)
        if records is None:
            return super().answer(question)
        if records:
            name = query.question[0].name
            held = dns.rrset.from_text(name, RECORD_SECONDS, "IN", "NAPTR", *records)
            response.answer.append(held)
        return response.to_wire()

    def _name(self, participant: ParticipantId) -> dns.name.Name:
        return dns.name.from_text(dns_name(participant, self.zone))


def naptr(
    order: int, preference: int, regexp: str, *, flag: str = "U", service: str = "Meta:SMP"
) -> str:
    """Return the text of one record, as a zone file has it."""
    return f'{order} {preference} "{flag}" "{service}" "{regexp}" .'


def name_cases(world: World, smp_url: str) -> list[Case]:
    """Return the look-ups by other records than the usual one; *smp_url* leads to phoss-smp."""
    who = world.participant
    pattern = (naptr(10, 10, f"|^0208:[0-9]{{10}}$|{smp_url}|i", flag="u", service="meta:smp"),)
    several = (
        naptr(200, 1, f"!.*!{NOBODY}!"),
        naptr(100, 30, f"!.*!{NOBODY}!"),
        naptr(100, 20, f"!.*!{smp_url}!"),
        naptr(50, 10, f"!.*!{NOBODY}!", service="Meta:BPS"),
        naptr(40, 10, "", flag="S"),
    )
    other = (naptr(10, 10, f"!.*!{smp_url}!", service="Meta:BPS"),)
    return [
        Case("NAPTR with a pattern", "|^0208:[0-9]{10}$|...|i", world.found(), who,
             records=pattern),
        Case("NAPTR of the lowest order", "five records, one of them right", world.found(), who,
             records=several),
        Case("no Meta:SMP", "a name with another service", Refusal("not-on-this-smp"), who,
             records=other, asks=()),
        Case("a name without NAPTR", "an answer without records",
             Refusal("participant-absent", "is not registered"), who, records=(), asks=()),
        Case("DNS out of order", "SERVFAIL",
             Refusal("unavailable", "SERVFAIL", later=True), who, dns_fails=True, asks=()),
    ]  # fmt: skip
