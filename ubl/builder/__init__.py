"""From the small JSON form to an invoice of Peppol BIS Billing 3 that the rules accept."""

from ubl.builder.invoice import build_invoice

__all__ = ["build_invoice"]
