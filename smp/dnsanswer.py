"""What one DNS response says about the NAPTR records of a name.

The zones of the locator have moved behind DNAME and CNAME records, so a response may end at another
name that must be asked for in turn.  "There are none" (NXDOMAIN, NODATA) is an answer; SERVFAIL,
REFUSED and a referral are not, and the next server may know better.
[PEPPOL-SML §3] [RFC3403 §4]
"""

from dataclasses import dataclass
from typing import Final

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from smp.errors import SmpUnavailable
from smp.sml import Naptr

# LIMIT: one record for each service of a participant is usual, and resolvers stop at 8 to 16
# aliases in a row.
RECORDS_MAX: Final = 64
ALIASES_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Alias:
    """The name asked for is another name for *target*, about which nothing is known yet."""

    target: dns.name.Name


def read_answer(response: dns.message.Message, name: dns.name.Name) -> tuple[Naptr, ...] | Alias:
    """Return the records that *response* holds for *name*, empty when there are none.

    Raises SmpUnavailable when the server could not say.
    """
    if response.rcode() == dns.rcode.NXDOMAIN:
        return ()
    if response.rcode() != dns.rcode.NOERROR:
        raise SmpUnavailable(f"DNS answers {dns.rcode.to_text(response.rcode())} for {name}")
    target = name
    for _ in range(ALIASES_MAX):
        records = _find(response, target, dns.rdatatype.NAPTR)
        if records is not None:
            return tuple(_naptr(record) for record in list(records)[:RECORDS_MAX])
        following = _next_name(response, target)
        if following is None:
            break
        target = following
    if target != name:
        return Alias(target)
    if _is_referral(response):
        raise SmpUnavailable(f"the DNS server does not resolve {name}")
    return ()


def _next_name(response: dns.message.Message, name: dns.name.Name) -> dns.name.Name | None:
    alias = _find(response, name, dns.rdatatype.CNAME)
    if alias is not None:
        return dns.name.from_text(alias[0].to_text())
    for owner in response.answer:
        if owner.rdtype == dns.rdatatype.DNAME and name.is_subdomain(owner.name):
            if name == owner.name:
                return None
            # A server should synthesise the CNAME from the DNAME, but need not.
            target = dns.name.from_text(owner[0].to_text())
            try:
                return name.relativize(owner.name).concatenate(target)
            except dns.name.NameTooLong:
                return None
    return None


def _find(
    response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    return response.get_rrset(response.answer, name, dns.rdataclass.IN, kind)


def _is_referral(response: dns.message.Message) -> bool:
    """Tell whether a response without records only points elsewhere."""
    if response.flags & dns.flags.AA:
        return False
    kinds = {rrset.rdtype for rrset in response.authority}
    if dns.rdatatype.SOA in kinds:
        return False
    return dns.rdatatype.NS in kinds or not response.flags & dns.flags.RA


def _naptr(record: object) -> Naptr:
    return Naptr(
        order=record.order,  # type: ignore[attr-defined]
        preference=record.preference,  # type: ignore[attr-defined]
        flags=record.flags.decode(errors="replace"),  # type: ignore[attr-defined]
        service=record.service.decode(errors="replace"),  # type: ignore[attr-defined]
        regexp=record.regexp.decode(errors="replace"),  # type: ignore[attr-defined]
    )
