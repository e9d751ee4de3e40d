"""The look-up as this gateway does it: over its own egress, with its own trust.

`smp.client` asks for a resolver, a getter and two judgements of a signer; here they are made of
what the gateway has.  [PEPPOL-SMP §5]
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from as4.certificates import Certificate, Revocation
from gateway.egress import AddressRefused, Egress, Purpose
from gateway.errors import Unavailable
from smp.address import SANDBOX, AddressRules
from smp.client import ANSWER_BYTES_MAX, DnsResolver
from smp.errors import BadSmpAddress, SmpUnavailable, UntrustedSigner
from smp.lookup import HttpAnswer

__all__ = ["EgressGetter", "address_rules", "make_resolver", "revocation_check"]

SMP_SECONDS_MAX = 15.0  # LIMIT: an SMP answers within a second; a look-up makes a few requests.
DNS_SECONDS_MAX = 3.0  # LIMIT: for each try; resolvers give up after 5 s.


class EgressGetter:
    """Fetches an SMP's answers through *egress*, which judges every address it connects to."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def get(self, url: str) -> HttpAnswer:
        """Return the answer at *url*; raises BadSmpAddress or SmpUnavailable."""
        try:
            answer = await self._egress.get(
                url,
                Purpose.SMP,
                bytes_max=ANSWER_BYTES_MAX,
                timeout_seconds=SMP_SECONDS_MAX,
            )
        except AddressRefused as exc:
            raise BadSmpAddress(f"the SMP's address is refused: {exc.detail}") from exc
        except Unavailable as exc:
            raise SmpUnavailable(f"the SMP cannot be asked: {exc.detail}") from exc
        return HttpAnswer(answer.status, answer.body)


def make_resolver(servers: Iterable[tuple[str, int]]) -> DnsResolver:
    """Return what asks *servers* (host and port), or the machine's own where there are none."""
    given = tuple(servers)
    if not given:
        return DnsResolver.of_machine(timeout_seconds=DNS_SECONDS_MAX)
    return DnsResolver(given, timeout_seconds=DNS_SECONDS_MAX)


def address_rules(*, sandbox: bool, as4_ports: Iterable[int]) -> AddressRules:
    """Return which published addresses may be followed at this stage."""
    return SANDBOX if sandbox else AddressRules(as4_ports=frozenset(as4_ports))


def revocation_check(
    ask: Callable[[Certificate, datetime], Awaitable[Revocation]],
) -> Callable[[Certificate, datetime], Awaitable[None]]:
    """Return the look-up's question about a signer, answered by *ask* (as `Trust.revocation`)."""

    async def check(signer: Certificate, now: datetime) -> None:
        answer = await ask(signer, now)
        if answer is Revocation.REVOKED:
            raise UntrustedSigner(f"the certificate of the SMP {signer.subject_cn} was revoked")
        if answer is not Revocation.GOOD:
            raise SmpUnavailable(
                f"nobody says whether the certificate of the SMP {signer.subject_cn} was revoked"
            )

    return check
