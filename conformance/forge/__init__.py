"""AS4 messages made to order: good ones, and ones that are wrong in exactly one place.

`Forge` makes messages between two access points, `hooks` spoil their texts, and each of the other
modules is a table of attacks: a name, what makes the message, and the answer that it earns.
"""
