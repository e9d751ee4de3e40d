"""The way in: find out what the bytes are, and have them explained."""

from datetime import datetime

from lxml import etree

from as4 import usermessage
from as4.dump import Dump
from as4.envelope import parse_root
from as4.errors import As4Error, Unreadable
from as4.inspection.answer import explain_signal
from as4.inspection.known import Known
from as4.inspection.message import explain_message
from as4.inspection.parts import Parts, split_parts
from as4.inspection.report import Kind, Report
from as4.inspection.request import Sent
from as4.namespaces import EBMS, SOAP, qname

_TIMESTAMP = f".//{qname(EBMS, 'MessageInfo')}/{qname(EBMS, 'Timestamp')}"
_SIGNAL = f"{qname(SOAP, 'Header')}/{qname(EBMS, 'Messaging')}/{qname(EBMS, 'SignalMessage')}"
_FAULT = f"{qname(SOAP, 'Body')}/{qname(SOAP, 'Fault')}"


def inspect(dump: Dump, known: Known, *, sent: Sent | None = None) -> Report:
    """Explain the captured message in *dump* as far as what is *known* allows.

    *sent* is the message that a receipt or error must be about.  Never raises for what the bytes
    hold: what is wrong with them is in the report.
    """
    report = Report(Kind.UNREADABLE, at=known.at, warnings=list(dump.notes))
    try:
        parts = split_parts(dump)
        root = parse_root(parts.soap)
        _explain(report, dump, parts, root, known, sent)
    except Unreadable as refusal:
        report.lead_with(refusal)
    return report


def _explain(
    report: Report,
    dump: Dump,
    parts: Parts,
    root: etree._Element,
    known: Known,
    sent: Sent | None,
) -> None:
    report.timestamp = _find_timestamp(root)
    report.at = known.at or report.timestamp
    if root.find(_SIGNAL) is not None or root.find(_FAULT) is not None:
        explain_signal(report, parts.soap, root, known, sent)
        return
    report.kind = Kind.USER_MESSAGE
    explain_message(report, dump, parts, root, known)


def _find_timestamp(root: etree._Element) -> datetime | None:
    """Return the time that the message itself names, None if it cannot be read."""
    found = root.find(_TIMESTAMP)
    try:
        return None if found is None else usermessage.parse_timestamp(found)
    except As4Error:
        return None
