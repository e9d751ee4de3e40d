"""Documents of the Peppol network: hardened XML, identifiers, the business envelope, routing.

The bottom of the project: it imports nothing of ours and is pure.
"""

from ubl.errors import BadBusinessHeader, BadIdentifier, MalformedXml, UblError, UnknownDocument
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId, check_participant, is_seat_id
from ubl.routing import Routing, RoutingReader, read_routing
from ubl.sbdh import EnvelopeReader, Sbdh, Scope, build_envelope, read_envelope
from ubl.xml import Scanner, canonicalize, parse, read_text

__all__ = [
    "BadBusinessHeader",
    "BadIdentifier",
    "DocumentTypeId",
    "EnvelopeReader",
    "MalformedXml",
    "ParticipantId",
    "ProcessId",
    "Routing",
    "RoutingReader",
    "Sbdh",
    "Scanner",
    "Scope",
    "UblError",
    "UnknownDocument",
    "build_envelope",
    "canonicalize",
    "check_participant",
    "is_seat_id",
    "parse",
    "read_envelope",
    "read_routing",
    "read_text",
]
