"""The look-up put together: who is asked over DNS and HTTP, and whose signature counts."""

import dns.exception
import dns.resolver

from gateway.egress import Egress
from gateway.exchange.discovery import (
    EgressGetter,
    address_rules,
    make_resolver,
    revocation_check,
)
from gateway.settings import BadSettings, Settings, Stage, host_and_port
from gateway.trust import Trust
from smp.client import DnsResolver, SmpClient

__all__ = ["build_finder", "build_resolver"]


def build_finder(settings: Settings, egress: Egress, publishers: Trust) -> SmpClient:
    """Return the client that finds endpoints in the SML zone of *settings*.

    *publishers* judges who signs metadata.  Raises BadSettings when there is no DNS server.
    """
    return SmpClient(
        build_resolver(settings),
        EgressGetter(egress),
        zone=settings.sml_zone or "",
        check_signer=publishers.check_publisher,
        check_revocation=revocation_check(publishers.revocation),
        rules=address_rules(sandbox=settings.stage is Stage.SANDBOX, as4_ports=settings.as4_ports),
    )


def build_resolver(settings: Settings) -> DnsResolver:
    """Return what asks the DNS servers of *settings*, else the machine's; raises BadSettings."""
    try:
        return make_resolver(host_and_port(text) for text in settings.dns_servers)
    except (dns.exception.DNSException, OSError) as exc:
        raise BadSettings([f"this machine names no DNS server ({exc}): set dns_servers"]) from exc
