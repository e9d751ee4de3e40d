"""What became of messages that fail behind a private key: invariants 4 and 13."""

import re
from collections import defaultdict

from tests.simulation.hostile import HOST

_UNOPENED = "EBMS:0102"
_BUSY = 503
_ONCE = re.compile(
    rb"(?<=MessageId>)[^<]+|(?<=Timestamp>)[^<]+|(?<=DigestValue>)[^<]+|(?<=SignatureValue>)[^<]+"
    rb"|(?<=refToMessageInError=.)[^\"']+|(?<=>)[A-Za-z0-9+/=\s]{200,}|[0-9a-f]{32}"
)
"""What is another in each answer: ids, times, and what is computed of them."""


def check_4(ledger):
    """Nothing of a message was used before its tag and its digest held, or kept without them."""
    for request in ledger.world.requests:
        if request.used:
            yield f"{request.used} before tag and digest held ({request.hostile or 'good'})"
    for at, rows in ledger.messages.items():
        for row in rows:
            if row["message_id"].endswith(HOST):
                yield f"{at} stored {row['message_id']}, which cannot be opened"


def check_13(ledger):
    """What failed behind a private key was answered alike, after the same work."""
    outside, work = defaultdict(dict), defaultdict(dict)
    for told in ledger.world.hostile.told:
        if told.answer.status == _BUSY:
            continue
        if told.answer.verdict != _UNOPENED:
            yield f"{told.what} was answered {told.answer.verdict}"
        seen = told.answer.status, told.answer.content_type, told.answer.retry_after_seconds
        seen += (_ONCE.sub(b"", told.answer.body),)
        outside[told.node].setdefault(seen, told.what)
        work[told.node, told.streamed].setdefault(tuple(told.request.work), told.what)
    for node, different in outside.items():
        if len(different) > 1:
            yield f"{node} answers {list(different.values())} differently"
    for (node, _), different in work.items():
        if len(different) > 1:
            yield f"{node} does other work for {list(different.values())}: {list(different)}"
