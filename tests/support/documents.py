"""Documents as bytes: a small one of our own, and the official examples."""

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"

_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="{ubl}{root}-2" xmlns:cac="{ubl}CommonAggregateComponents-2" \
xmlns:cbc="{ubl}CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0\
</cbc:CustomizationID>
<cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>
<cbc:ID>2026-001</cbc:ID>
<cbc:IssueDate>2026-11-22</cbc:IssueDate>
<cbc:{root}TypeCode>{code}</cbc:{root}TypeCode>
<cbc:Note>Dank u</cbc:Note>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cbc:BuyerReference>PO 7</cbc:BuyerReference>
<cac:AdditionalDocumentReference><cbc:ID>a.pdf</cbc:ID><cac:Attachment>
<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a.pdf">JVBERi0=\
</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>
<cac:AccountingSupplierParty><cac:Party>
<cbc:EndpointID schemeID="0208">0123456749</cbc:EndpointID>
<cac:PartyName><cbc:Name>Bakkerij Peeters</cbc:Name></cac:PartyName>
<cac:PostalAddress><cbc:CityName>Gent</cbc:CityName><cac:Country>
<cbc:IdentificationCode>BE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>BE0123456749</cbc:CompanyID>
<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>Bakkerij Peeters bv</cbc:RegistrationName>
</cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party>
<cbc:EndpointID schemeID="0208">0987654394</cbc:EndpointID>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>BE</cbc:IdentificationCode></cac:Country>
</cac:PostalAddress>
<cac:PartyLegalEntity><cbc:RegistrationName>Klant nv</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party></cac:AccountingCustomerParty>
<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>
<cac:PayeeFinancialAccount><cbc:ID>BE71096123456769</cbc:ID></cac:PayeeFinancialAccount>
</cac:PaymentMeans>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">21.00</cbc:TaxAmount><cac:TaxSubtotal>
<cbc:TaxableAmount currencyID="EUR">100.00</cbc:TaxableAmount>
<cbc:TaxAmount currencyID="EUR">21.00</cbc:TaxAmount>
<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>21</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID>
</cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">121.00</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">121.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
{lines}</{root}>
"""
_LINE = """<cac:{root}Line><cbc:ID>{number}</cbc:ID>
<cbc:{quantity}Quantity unitCode="C62">2</cbc:{quantity}Quantity>
<cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>
<cac:Item><cbc:Name>Brood</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID>
<cbc:Percent>21</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
</cac:ClassifiedTaxCategory></cac:Item>
<cac:Price><cbc:PriceAmount currencyID="EUR">50</cbc:PriceAmount></cac:Price></cac:{root}Line>
"""


def a_document(root="Invoice", *, lines=1):
    """An invoice or a credit note of as many *lines*, whose totals are those of one."""
    quantity = {"Invoice": "Invoiced", "CreditNote": "Credited"}[root]
    written = "".join(
        _LINE.format(root=root, quantity=quantity, number=number + 1) for number in range(lines)
    )
    code = {"Invoice": "380", "CreditNote": "381"}[root]
    return _DOCUMENT.format(root=root, ubl=UBL, code=code, lines=written).encode()


def replaced(data, *changes):
    """Return *data* with the first of each pair replaced by the second, where it first stands."""
    text = data.decode()
    for old, new in changes:
        text = text.replace(old, new, 1)
    return text.encode()


def official_examples(test_data):
    """The examples of invoices, credit notes and responses, of all sources but UBL.BE."""
    rules = test_data / "rules"
    folders = (
        "en16931-1.3.16/examples",
        "peppol-bis-3.0.19/examples",
        "peppol-bis-3.0.19/national-examples",
        "peppol-bis-3.0.19/snippets",
        "peppol-2026.5/examples",
        "mls-1.0.1/examples",
    )
    return sorted(path for folder in folders for path in (rules / folder).rglob("*.xml"))
