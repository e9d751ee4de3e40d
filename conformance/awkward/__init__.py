"""The awkward peer: an AS4 access point that is right, but never twice in the same way.

What the specifications leave free it varies (`variation` draws, by a seed, what is varied); what
it does wrong stands on dials (`dials`).  It imports the libraries and the suite, never a gateway.
Whoever only works with one shape of message does not follow the specification; here he finds out.
"""
