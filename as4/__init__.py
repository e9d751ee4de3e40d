"""AS4 as the Peppol profile uses it: messages, receipts and errors, bytes in and bytes out.

The package has no clock, no randomness and no environment; only `as4.client` opens a connection.
"""
