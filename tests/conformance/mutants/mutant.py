"""What a mutant is: an access point with one fault, in words and in dials."""

import re
from dataclasses import dataclass

from tests.support.broken import Dials
from tests.support.broken_sender import SendDials
from tests.support.broken_smp import SmpDials


@dataclass(frozen=True)
class Mutant:
    """A broken access point: its fault in words, and its dials.

    *why* says why cases that are no tables of attacks go red on it, too.
    """

    words: str
    dials: Dials
    why: str = ""


def takes(words, pattern, holds=lambda _seen: True, *, why=""):
    """A mutant that takes what should be refused for a reason with *pattern*.

    *holds* is given what was seen of the message, for where the reason says too little.
    """

    def taken(reason, seen):
        return bool(re.search(pattern, reason)) and holds(seen)

    return Mutant(f"takes {words}", Dials(takes=taken), why)


def refuses(words, condition, *, why=""):
    """A mutant that refuses good messages of which *condition* holds."""
    return Mutant(f"refuses {words}", Dials(refuses=condition), why)


def sends(words, *, why="", **dials):
    """A mutant whose sending side is broken."""
    return Mutant(words, Dials(sending=SendDials(**dials)), why)


def publishes(words, *, why="", **dials):
    """A mutant whose SMP is broken."""
    return Mutant(words, Dials(smp=SmpDials(**dials)), why)
