"""The Service Metadata Locator: from a participant to the address of its SMP, through DNS.

The name asked for is a hash of the participant; U-NAPTR records at that name carry the address.
Zones are arguments: they have moved before.  The MD5 names with a CNAME, which ended on
2025-11-01, are deliberately left out.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from smp.address import AddressRules, check_smp_address
from smp.errors import BadSmpAddress, NotOnThisSmp
from smp.substitution import BadSubstitution, substitute
from ubl.identifiers import ParticipantId


@dataclass(frozen=True, slots=True)
class Naptr:
    """One NAPTR record; text as the DNS carries it.  [RFC3403 §4.1]"""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str = "."


def dns_name(participant: ParticipantId, zone: str) -> str:
    """Return the absolute name, with its last dot, where *zone* keeps *participant*'s records.

    The label is the unpadded base32 of the SHA-256 of the lower-case value, ICD included, without
    the scheme, which follows as a label of its own.  [PEPPOL-SML §3] [RFC4648 §6]
    """
    digest = hashlib.sha256(participant.value.lower().encode()).digest()
    label = base64.b32encode(digest).decode().rstrip("=").lower()
    return f"{label}.{participant.scheme}.{zone.strip('.')}."


def choose_smp_url(
    records: Iterable[Naptr], participant: ParticipantId, rules: AddressRules
) -> str:
    """Return the SMP's base address, without a trailing slash, from *records*.

    Terminal U records of the service `Meta:SMP` count, whatever their case; the lowest order wins,
    then the lowest preference.  A record whose expression does not match is passed over.
    [RFC4848 §2.2] [RFC3403 §4.1]

    Raises:
        NotOnThisSmp: no record offers the service.
        BadSmpAddress: none gives an address, or the chosen one is not allowed by *rules*.
    """
    offers = [r for r in records if r.flags.upper() == "U" and r.service.lower() == "meta:smp"]
    if not offers:
        raise NotOnThisSmp(f"the DNS name of {participant.uri} offers no Meta:SMP service")
    reasons = []
    for record in sorted(offers, key=lambda r: (r.order, r.preference)):
        try:
            url = substitute(record.regexp, participant.value.lower())
        except BadSubstitution as exc:
            reasons.append(f"{record.regexp!r} {exc}")
            continue
        return _checked(url, rules)
    raise BadSmpAddress(f"no NAPTR record of {participant.uri} applies: {'; '.join(reasons)}")


def _checked(url: str, rules: AddressRules) -> str:
    try:
        return check_smp_address(url, rules).rstrip("/")
    except ValueError as exc:
        raise BadSmpAddress(f"the SMP's address {exc}") from exc
