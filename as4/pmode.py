"""The P-Mode: what two access points agreed on before the first message.

There is one record, `PEPPOL`; a second profile is a second constant, never an option.
[EBMS3 §4] [PEPPOL-AS4 §2.2]
"""

from dataclasses import dataclass

from as4.algorithms import EDELIVERY_1, AlgorithmSuite
from as4.namespaces import EBMS

__all__ = ["PEPPOL", "AlgorithmSuite", "PMode"]


@dataclass(frozen=True, slots=True)
class PMode:
    """The values that a UserMessage must carry, and the algorithms that secure it."""

    name: str
    agreement: str
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
