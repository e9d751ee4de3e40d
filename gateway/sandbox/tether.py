"""Processes that end when we do, also when we are killed and can tell them nothing.

A sandbox is two gateways and their databases.  Whoever kills the program that started them would
leave them running, on ports and with memory that nobody looks for.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

__all__ = ["tether"]

_PR_SET_PDEATHSIG = 1


def tether() -> Callable[[], None] | None:
    """Return what a child calls before it becomes another program, so that it ends with us.

    Linux then sends it SIGTERM, and a gateway ends in order.  None where the system has no such
    thing: there it lives on.
    """
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    parent = os.getpid()

    def tie() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # we were killed before this was said
            os.kill(os.getpid(), signal.SIGTERM)

    return tie
