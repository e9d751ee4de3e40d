"""Rule packs, and the check of a document: parse, schema, business rules.

`checker.Checker` checks for the gateway, `pipeline.check_here` for who has no event loop; both
answer with what `report` makes of it.  Nothing is imported here, for a command must start soon.
"""
