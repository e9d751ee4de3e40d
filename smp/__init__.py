"""Peppol's address book: find where a participant receives (SML, SMP), and publish where ours do.

Everything computes but `client` and `server`, which do the network's input and output.
"""
