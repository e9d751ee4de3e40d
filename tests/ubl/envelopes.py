"""Envelopes to read: valid by default, and broken one place at a time."""

from dataclasses import replace

from ubl.identifiers import BILLING, INVOICE, ParticipantId
from ubl.sbdh import NAMESPACE, Sbdh

INVOICE_NAMESPACE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
PAYLOAD = f'<Invoice xmlns="{INVOICE_NAMESPACE}"><ID>é</ID></Invoice>'
SCOPES = {
    "DOCUMENTID": (INVOICE.value, INVOICE.scheme),
    "PROCESSID": (BILLING.value, BILLING.scheme),
    "COUNTRY_C1": ("BE", None),
}


def a_header(**changes):
    header = Sbdh(
        sender=ParticipantId.parse("0208:0123456749"),
        receiver=ParticipantId.parse("0208:0987654394"),
        standard=INVOICE_NAMESPACE,
        type_version="2.1",
        instance_identifier="3f9d1b1e-0000-4000-8000-000000000001",
        type="Invoice",
        created_at="2026-01-02T03:04:05Z",
        document_type=INVOICE,
        process=BILLING,
        country_c1="BE",
    )
    return replace(header, **changes)


def a_scope(key, value, scheme=None):
    identifier = "" if scheme is None else f"<Identifier>{scheme}</Identifier>"
    return (
        f"<Scope><Type>{key}</Type><InstanceIdentifier>{value}</InstanceIdentifier>"
        f"{identifier}</Scope>"
    )


def scopes(**changes):
    """The three mandatory scopes, with some changed, or left out by None."""
    wanted = SCOPES | {key: (value, None) for key, value in changes.items()}
    return "".join(a_scope(key, *pair) for key, pair in wanted.items() if pair[0] is not None)


def an_sbdh(*, scope_text=None, **changes):
    """The header as text, in the default namespace, indented as peers do.

    *changes* replace the text of an element, or leave it out if None.
    """
    texts = {
        "Standard": INVOICE_NAMESPACE,
        "TypeVersion": "2.1",
        "InstanceIdentifier": "3f9d1b1e-0000-4000-8000-000000000001",
        "Type": "Invoice",
        "CreationDateAndTime": "2026-01-02T03:04:05Z",
    }
    sender = changes.pop("sender", "0208:0123456749")
    authority = changes.pop("authority", 'Authority="iso6523-actorid-upis"')
    identification = "\n".join(
        f"    <{name}>{text}</{name}>"
        for name, text in (texts | changes).items()
        if text is not None
    )
    return f"""<StandardBusinessDocumentHeader>
  <HeaderVersion>1.0</HeaderVersion>
  <Sender><Identifier {authority}>{sender}</Identifier></Sender>
  <Receiver>
    <Identifier Authority="iso6523-actorid-upis">
      0208:0987654394
    </Identifier>
    <ContactInformation><Contact>x</Contact></ContactInformation>
  </Receiver>
  <DocumentIdentification>
{identification}
  </DocumentIdentification>
  <BusinessScope>{scopes() if scope_text is None else scope_text}</BusinessScope>
</StandardBusinessDocumentHeader>"""


def an_envelope(*, header=None, payload=PAYLOAD):
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<StandardBusinessDocument xmlns="{NAMESPACE}">'
        f"{an_sbdh() if header is None else header}\n{payload}\n</StandardBusinessDocument>\n"
    )
    return text.encode()
