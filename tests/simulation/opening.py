"""Who opens a message, and who uses what was inside: noted at the parts that do it.

What is done for a message that comes in carries its `Request` along.  There it is noted when the
tag held and when the digest did, as seen from here, what work was done, and who took something of
the contents before both held.
"""

import hmac
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from unittest.mock import patch

from as4 import unpack, xmlenc
from as4.wssec.keytransport import RsaOaep
from gateway.exchange.answers import Answers
from gateway.exchange.envelope import EnvelopeScan
from gateway.exchange.payload import Unpacker
from gateway.exchange.writer import BatchWriter
from gateway.store.archive import SpoolFile
from gateway.store.pool import Database
from gateway.trust import KeyRing

REQUEST: ContextVar["Request | None"] = ContextVar("request", default=None)


@dataclass
class Request:
    """What is done for one message; *hostile* says what is wrong with it, if anything surely is."""

    hostile: str = ""
    tag_held: bool = False
    digest_held: bool = False
    used: list = field(default_factory=list)
    """Who took of the contents before tag and digest held."""
    work: list = field(default_factory=list)
    """The steps that were taken, in their order."""


_WORK = (
    (KeyRing, "opening_key"),
    (RsaOaep, "unwrap"),
    (xmlenc, "decrypt"),
    (xmlenc.Decryptor, "close"),
    (unpack._Attachment, "close"),
    (Database, "transaction"),
    (Database, "exchange"),
    (Answers, "error"),
    (Answers, "receipt"),
)
"""Where work is done for a message."""

_USERS = (
    (Unpacker, "feed"),
    (EnvelopeScan, "feed"),
    (BatchWriter, "put"),
    (SpoolFile, "keep"),
)
"""Who takes contents: what decompresses, reads the business header, stores, and keeps a file."""


@contextmanager
def observed():
    """Note it all inside the block."""
    with ExitStack() as stack:
        for where, name in _WORK:
            stack.enter_context(_wrapped(where, name, _working))
        for where, name in _USERS:
            stack.enter_context(_wrapped(where, name, _using))
        stack.enter_context(_wrapped(xmlenc, "decrypt", _opening))
        stack.enter_context(_wrapped(xmlenc.Decryptor, "close", _opening))
        stack.enter_context(_wrapped(unpack._Attachment, "close", _comparing))
        yield


def _wrapped(where, name, wrap):
    return patch.object(where, name, wrap(getattr(where, name), f"{where.__name__}.{name}"))


def _working(original, name):
    def work(*args, **named):
        request = REQUEST.get()
        if request is not None:
            request.work.append(name)
        return original(*args, **named)

    return work


def _using(original, name):
    def use(*args, **named):
        request = REQUEST.get()
        if request is not None and not (request.tag_held and request.digest_held):
            request.used.append(name)
        return original(*args, **named)

    return use


def _opening(original, name):
    del name

    def open_it(*args, **named):
        plain = original(*args, **named)
        request = REQUEST.get()
        if request is not None:
            request.tag_held = True
        return plain

    return open_it


def _comparing(original, name):
    del name

    def compare(attachment, expected, **named):
        plain = original(attachment, expected, **named)
        request = REQUEST.get()
        if request is not None:
            request.digest_held = hmac.compare_digest(attachment._digest.digest(), expected)
        return plain

    return compare
