"""What a living gateway keeps in memory, found by walking through its objects, and its bounds.

Whatever hangs on a gateway and may grow is met on the walk; what has no bound in `BOUNDS` is a
violation, too.  Some bounds are made small here, so that they are reached in each schedule.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from unittest.mock import patch

from aiohttp import web

from gateway import worker
from gateway.exchange import rehearsal, served, writer
from gateway.rules import checker
from gateway.trust import keyfolder, responders, revocation, trust
from gateway.web import crowd, rates, smp
from gateway.webhooks import dispatcher
from smp import client

OURS = ("gateway.", "as4.", "smp.", "ubl.")
WRITTEN = ("gateway.settings.", "gateway.rules.rulebook", "gateway.rules.shelf", "ubl.schematron.")
"""What is as large as files that somebody wrote: settings and rules."""
_CONTAINERS = (Mapping, AbstractSet, list, deque, asyncio.Queue)

SMALL = (
    (served, "ENTRIES_MAX", 1),
    (trust, "CERTIFICATES_MAX", 2),
    (client, "ENTRIES_MAX", 2),
    (smp, "ANSWERS_MAX", 1),
)
"""Bounds that are made so small that they are met."""

BOUNDS = MappingProxyType(
    {
        "AddressRules.as4_ports": 1,
        "AddressRules.smp_ports": 1,
        "Batcher._waiting": writer.QUEUE_ROWS_MAX,
        "Cache._entries": lambda cache: min(cache._entries_max, 2),
        "Dispatcher._resting": dispatcher.CANDIDATES_MAX,
        "Dispatcher._slow_until": dispatcher.CANDIDATES_MAX,
        "Dispatcher._turns": dispatcher.CANDIDATES_MAX,
        "Dispatcher._under_way": dispatcher.TURNS_MAX,
        "KeyRing.by_certificate": keyfolder.PREVIOUS_MAX + 1,
        "Lanes._idle": checker.PROCESSES_MAX,
        "Lanes._lanes": checker.PROCESSES_MAX,
        "Locks._held": worker.CONCURRENT_MAX,
        "Rates._buckets": rates.BUCKETS_MAX,
        "Rehearsal._seen": rehearsal._SEEN_MAX,
        "Responders._down": responders.RESPONDERS_MAX,
        "Responders._entries": responders.ANSWERS_MAX,
        "RevocationLists._entries": revocation.LISTS_MAX,
        "ServedParticipants._cache": 1,
        "SmpClient._flights": worker.CONCURRENT_MAX,
        "Trust._answers": 2,
        "Trust._known": 2,
        "Worker._handlers": 8,
        "Worker._limits": 8,
        "_Lane._killed": checker.PROCESSES_MAX,
        "_ProblemServer._connections": crowd.CONNECTIONS_MAX,
        "_ProblemServer._kwargs": 8,
    }
)
"""How much there may be of each, by its class and attribute: a number, or what says it."""


@contextmanager
def made_small():
    """Make the bounds of `SMALL` small inside the block."""
    with ExitStack() as stack:
        for module, name, value in SMALL:
            stack.enter_context(patch.object(module, name, value))
        yield


def find_large(node):
    """Yield a sentence for whatever *node* keeps beyond its bound, or without one."""
    roots = (node.parts, node.inbound, node.publisher, node.server, node.worker, node.dispatcher)
    for owner, attribute, kept in kept_by(*roots):
        name = f"{type(owner).__name__}.{attribute}"
        bound = BOUNDS.get(name)
        size = kept.qsize() if isinstance(kept, asyncio.Queue) else len(kept)
        if bound is None:
            yield f"{name} has no bound"
        elif size > (bound(owner) if callable(bound) else bound):
            yield f"{name} has {size} entries, more than it may"


def find_large_memories():
    """Yield a sentence for each function of ours that remembers without a bound, and does grow.

    Those without one may remember what they were asked by our own files alone, a few things.
    """
    for module_name, module in sorted(sys.modules.items()):
        if not f"{module_name}.".startswith(OURS):
            continue
        for name, value in vars(module).items():
            if hasattr(value, "cache_info"):
                info = value.cache_info()
                if info.currsize > (FEW if info.maxsize is None else info.maxsize):
                    yield f"{module_name}.{name} remembers {info.currsize} things"


FEW = 64
"""How many things of ours a function may remember that has no bound."""


def kept_by(*roots):
    """Yield the owner, the attribute and the container, for all that hangs on *roots*.

    Only our own objects are walked through, and what their containers hold.
    """
    seen, todo = set(), list(roots)
    while todo:
        found = todo.pop()
        kind = type(found)
        if id(found) in seen or isinstance(found, (type, str, bytes, int)):
            continue
        seen.add(id(found))
        if isinstance(found, (*_CONTAINERS, tuple)):
            todo += _inside(found)
        elif isinstance(found, web.Application):
            todo += found.values()
        elif kind.__module__.startswith(OURS):
            if f"{kind.__module__}.".startswith(WRITTEN):
                continue
            for name, value in _attributes(found):
                if isinstance(value, _CONTAINERS):
                    yield found, name, value
                todo.append(value)
        elif callable(found):
            todo += [getattr(found, "__self__", None), *_closed_over(found)]


def _attributes(found):
    names = list(getattr(found, "__dict__", ()))
    for each in type(found).__mro__:
        slots = each.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    for name in dict.fromkeys(names):
        value = getattr(found, name, None)
        if value is not None:
            yield name, value


def _inside(kept):
    if isinstance(kept, asyncio.Queue):
        return list(kept._queue)
    return list(kept.values()) if isinstance(kept, Mapping) else list(kept)


def _closed_over(function):
    cells = getattr(function, "__closure__", None) or ()
    return [cell.cell_contents for cell in cells]
