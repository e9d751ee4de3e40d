"""The P-Mode: what two access points agreed on before the first message.

A profile is a constant, never an option: `PEPPOL` is what the gateway speaks, `FOUR_CORNERS` is
eDelivery AS4 2.0.  [EBMS3 §4] [PEPPOL-AS4 §2.2] [EDELIVERY-AS4-2 §3]
"""

from dataclasses import dataclass

from as4.algorithms import AlgorithmSuite
from as4.namespaces import EBMS
from as4.suites import EDELIVERY_1, EDELIVERY_2

__all__ = ["FOUR_CORNERS", "PEPPOL", "AlgorithmSuite", "PMode"]


@dataclass(frozen=True, slots=True)
class PMode:
    """The values that a UserMessage must carry, and the algorithms that secure it.

    *agreement* is None where no AgreementRef is used.
    """

    name: str
    agreement: str | None
    party_type: str
    initiator_role: str
    responder_role: str
    default_mpc: str
    test_service: str
    test_action: str
    mime_type: str
    compression_type: str
    suite: AlgorithmSuite


PEPPOL = PMode(
    name="peppol-as4-2.0",
    agreement="urn:fdc:peppol.eu:2017:agreements:tia:ap_provider",
    party_type="urn:fdc:peppol.eu:2017:identifiers:ap",
    initiator_role=f"{EBMS}initiator",
    responder_role=f"{EBMS}responder",
    default_mpc=f"{EBMS}defaultMPC",
    test_service=f"{EBMS}service",
    test_action=f"{EBMS}test",
    mime_type="application/xml",
    compression_type="application/gzip",
    suite=EDELIVERY_1,
)
"""One-Way/Push with sign, encrypt and compress, as the Peppol AS4 profile sets it."""

FOUR_CORNERS = PMode(
    name="edelivery-as4-2.0",
    agreement=None,
    party_type="urn:oasis:names:tc:ebcore:partyid-type:unregistered",
    initiator_role=f"{EBMS}initiator",
    responder_role=f"{EBMS}responder",
    default_mpc=f"{EBMS}defaultMPC",
    test_service=f"{EBMS}service",
    test_action=f"{EBMS}test",
    mime_type="application/xml",
    compression_type="application/gzip",
    suite=EDELIVERY_2,
)
"""One-Way/Push between parties without a registered scheme, as eDelivery AS4 2.0 secures it."""
