"""The conformance suite, and what is known of the specifications.

`README.md` says how the suite is run and made; `specs/index.tsv` lists every specification that a
docstring may cite.
"""
