"""A valid Belgian invoice with any number of lines, as text."""

from decimal import Decimal

_UBL = "urn:oasis:names:specification:ubl:schema:xsd"
_RATE = Decimal("0.21")
_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="{_UBL}:Invoice-2"
         xmlns:cac="{_UBL}:CommonAggregateComponents-2"
         xmlns:cbc="{_UBL}:CommonBasicComponents-2">
  <cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0</cbc:CustomizationID>
  <cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>
  <cbc:ID>2026-0042</cbc:ID>
  <cbc:IssueDate>2026-11-02</cbc:IssueDate>
  <cbc:DueDate>2026-12-02</cbc:DueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:Note>Goods of November</cbc:Note>
  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
  <cbc:BuyerReference>PO-7</cbc:BuyerReference>
"""
_PARTY = """  <cac:Accounting{role}Party>
    <cac:Party>
      <cbc:EndpointID schemeID="0208">{number}</cbc:EndpointID>
      <cac:PartyName><cbc:Name>{name}</cbc:Name></cac:PartyName>
      <cac:PostalAddress>
        <cbc:StreetName>Rue de la Loi 16</cbc:StreetName>
        <cbc:CityName>Brussels</cbc:CityName>
        <cbc:PostalZone>1000</cbc:PostalZone>
        <cac:Country><cbc:IdentificationCode>BE</cbc:IdentificationCode></cac:Country>
      </cac:PostalAddress>
      <cac:PartyTaxScheme>
        <cbc:CompanyID>BE{number}</cbc:CompanyID>
        <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
      </cac:PartyTaxScheme>
      <cac:PartyLegalEntity>
        <cbc:RegistrationName>{name}</cbc:RegistrationName>
        <cbc:CompanyID schemeID="0208">{number}</cbc:CompanyID>
      </cac:PartyLegalEntity>
    </cac:Party>
  </cac:Accounting{role}Party>
"""
_TOTALS = """  <cac:PaymentMeans>
    <cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>
    <cbc:PaymentID>+++090/9337/55493+++</cbc:PaymentID>
    <cac:PayeeFinancialAccount><cbc:ID>BE71096123456769</cbc:ID></cac:PayeeFinancialAccount>
  </cac:PaymentMeans>
  <cac:TaxTotal>
    <cbc:TaxAmount currencyID="EUR">{tax}</cbc:TaxAmount>
    <cac:TaxSubtotal>
      <cbc:TaxableAmount currencyID="EUR">{net}</cbc:TaxableAmount>
      <cbc:TaxAmount currencyID="EUR">{tax}</cbc:TaxAmount>
      <cac:TaxCategory>
        <cbc:ID>S</cbc:ID>
        <cbc:Percent>21</cbc:Percent>
        <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
      </cac:TaxCategory>
    </cac:TaxSubtotal>
  </cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="EUR">{net}</cbc:LineExtensionAmount>
    <cbc:TaxExclusiveAmount currencyID="EUR">{net}</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="EUR">{gross}</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="EUR">{gross}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
"""
_LINE = """  <cac:InvoiceLine>
    <cbc:ID>{number}</cbc:ID>
    <cbc:InvoicedQuantity unitCode="C62">{quantity}</cbc:InvoicedQuantity>
    <cbc:LineExtensionAmount currencyID="EUR">{amount}</cbc:LineExtensionAmount>
    <cac:Item>
      <cbc:Description>Item {number} as it was ordered</cbc:Description>
      <cbc:Name>Item {number}</cbc:Name>
      <cac:SellersItemIdentification><cbc:ID>S-{number}</cbc:ID></cac:SellersItemIdentification>
      <cac:ClassifiedTaxCategory>
        <cbc:ID>S</cbc:ID>
        <cbc:Percent>21</cbc:Percent>
        <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
      </cac:ClassifiedTaxCategory>
    </cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="EUR">{price}</cbc:PriceAmount></cac:Price>
  </cac:InvoiceLine>
"""


def an_invoice_text(lines: int = 1) -> bytes:
    """Return a BIS Billing 3 invoice with so many *lines*, no two alike."""
    written, net = [], Decimal(0)
    for number in range(1, lines + 1):
        quantity, price = number % 17 + 1, Decimal(number * 104_729 % 9_973 + 1) / 100
        amount = quantity * price
        net += amount
        written.append(_LINE.format(number=number, quantity=quantity, amount=amount, price=price))
    tax = (net * _RATE).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    parties = [
        _PARTY.format(role="Supplier", number="0123456749", name="Seller SA"),
        _PARTY.format(role="Customer", number="0202239951", name="Buyer NV"),
    ]
    totals = _TOTALS.format(net=net, tax=tax, gross=net + tax)
    return "".join([_HEAD, *parties, totals, *written, "</Invoice>\n"]).encode()
