"""Documents of the Peppol network: hardened XML, identifiers, the business envelope, routing.

The bottom of the project: it imports nothing of ours and is pure.  What is public stands in the
modules; nothing is imported here, for a command that needs an identifier need not load a parser.
"""
