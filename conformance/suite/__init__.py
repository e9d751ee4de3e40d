"""The suite: runs named cases against an access point and says of each how it went, with evidence.

A case is data and a small function (`case.Case`); it works on a `bench.Bench`, which posts
messages to the `target.Target` and keeps what crossed the wire; `runner.run_cases` runs many.
"""
