"""Explain captured bytes: a UserMessage, a receipt or an error, and whether the endpoint takes it.

The verdict is that of the endpoint, by the endpoint's own functions in their own order; the
explanation goes on after the first failure, so that the rest can be seen, too.  What the bytes
alone cannot tell (is the receiver served, was the message seen before, was a certificate revoked)
is listed as not checked, with the reason.

Nothing here reads a file, a clock or a network: see `Known` for what the caller brings.
"""

from as4.inspection.facts import describe
from as4.inspection.inspector import inspect
from as4.inspection.known import Known
from as4.inspection.report import (
    Acknowledgement,
    Checked,
    Kind,
    Payload,
    Problem,
    Report,
    Signer,
    State,
    Unchecked,
)
from as4.inspection.request import Sent, read_request

__all__ = [
    "Acknowledgement",
    "Checked",
    "Kind",
    "Known",
    "Payload",
    "Problem",
    "Report",
    "Sent",
    "Signer",
    "State",
    "Unchecked",
    "describe",
    "inspect",
    "read_request",
]
