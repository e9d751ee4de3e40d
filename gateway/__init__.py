"""The access point: the only program here that knows time, database, network and policy.

The libraries beside it (`ubl`, `as4`, `smp`) compute; this package acts on what they return.
"""

__version__ = "0.1.0"
