"""An access point of the network whose messages fail behind their receivers' private keys.

It has a key and a certificate like all others, so that what it sends is opened.  In each schedule
it picks one access point, sends it a few messages, each spoiled in another way, and keeps the
answers.
"""

import asyncio
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from as4.xmlenc import wrap_key
from conformance.forge.messages import CONTENT_KEY, Forge
from conformance.forge.policy import DECRYPTION
from conformance.forge.recipes import fitted, spoiled
from tests.simulation import keys
from tests.simulation.invoices import participant
from tests.simulation.node import INLINE_BYTES_MAX
from tests.simulation.opening import REQUEST, Request
from tests.support.messages import DOCUMENT_TYPE, INVOICE, PROCESS
from tests.support.pki import NOW

HOSTILE = 90
"""Its place among the access points; it receives nothing."""
HOST = "hostile.example"
MESSAGES = 4
LARGE = bytes(range(256)) * 80
"""A payload that goes through a file; what it holds is never looked at."""
WITHIN_SECONDS = 6.0


def _other_digest(references):
    return [*references[:2], references[2]._replace(digest_value=bytes(32))]


def _wrapped(make):
    """Return the recipe of a message whose content key is what *make* wraps for its receiver."""

    def fit(forge):
        public_key = forge.identities.certificate("receiver").public_key
        assert isinstance(public_key, RSAPublicKey)
        value = b64encode(make(public_key)).decode()
        put = r"(?<=<xenc:CipherValue>)[^<]+"
        return {"soap": lambda text: re.sub(put, value, text)}

    return fitted(fit)


RECIPES = {
    **{name: recipe for name, (recipe, _) in DECRYPTION.items()},
    "another padding": _wrapped(lambda key: key.encrypt(CONTENT_KEY, PKCS1v15())),
    "another key": _wrapped(lambda key: wrap_key(bytes(16), key)),
    "a key of 32 bytes": _wrapped(lambda key: wrap_key(CONTENT_KEY * 2, key)),
    "no gzip, and another digest": spoiled(payload=b"no gzip at all", references=_other_digest),
    "cut off": spoiled(attachment=lambda data: data[:-20]),
}
"""What it sends, by what is wrong with it: all of it shows only to who has the receiver's key."""


class _Identities:
    """The keys of a message from the hostile access point to the one at *index*."""

    def __init__(self, index, generation):
        self._pairs = {
            "sender": keys.access_point_key(HOSTILE, 0),
            "receiver": keys.access_point_key(index, generation),
            "third": keys.access_point_key(HOSTILE + 1, 0),
        }

    def key_pair(self, name):
        return self._pairs[name]

    def certificate(self, name):
        return self._pairs[name].certificate


@cache
def _sealed(name, index, generation, *, large):
    """Return a message that is spoiled as *name* says; it is made once, for all schedules."""
    forge = Forge(
        identities=_Identities(index, generation),
        from_party=keys.seat_of(HOSTILE), to_party=keys.seat_of(index),
        sender=participant(HOSTILE, 0), receiver=participant(index, 0),
        stranger=participant(HOSTILE + 1, 0),
        document_type=DOCUMENT_TYPE, process=PROCESS, document=INVOICE, now=NOW,
        message_id=f"{list(RECIPES).index(name):08x}-0000-4000-8000-{index:012x}@{HOST}",
        conversation_id="0c4a1d4e-0000-4000-8000-000000000002",
        instance_identifier="1f0a6c0e-0000-4000-8000-000000000001",
    )  # fmt: skip
    if not large:
        return RECIPES[name](forge)
    return RECIPES[name](_Large(forge))


class _Large:
    """A forge whose messages have a large payload unless they say which."""

    def __init__(self, forge):
        self._forge = forge
        self.identities = forge.identities

    def sealed(self, message=None, **spoil):
        return self._forge.sealed(message, **{"payload": LARGE, **spoil})


@dataclass
class Told:
    """How a message was answered: what was wrong with it, by whom, and what was done for it."""

    what: str
    node: int
    streamed: bool
    answer: object
    request: Request = field(repr=False)


class Hostile:
    """Sends its messages to one access point of *world*; *told* is what it heard."""

    def __init__(self, world, dice):
        self._world, self._dice = world, dice
        self.told = []

    async def attack(self):
        """Send them all, one after the other or at once."""
        dice = self._dice
        node = dice.choice(self._world.nodes)
        large = dice.random() < 0.5
        await asyncio.sleep(dice.uniform(0.5, 2.0))
        async with asyncio.TaskGroup() as group:
            for name in dice.sample(sorted(RECIPES), MESSAGES):
                delay = dice.choice((0.0, dice.uniform(0, WITHIN_SECONDS)))
                group.create_task(self._send(node, name, delay, large=large))

    async def _send(self, node, name, delay, *, large):
        await asyncio.sleep(delay)
        if not node.is_up:
            return
        sealed = _sealed(name, node.index, node.generation, large=large)
        streamed = len(sealed.body) > INLINE_BYTES_MAX
        request = Request(hostile=name)
        self._world.requests.append(request)

        async def handle():
            REQUEST.set(request)
            answer = await node.receive(sealed.content_type, _pieces(sealed.body))
            self._world.note(f"{node.name} answers {answer.verdict} to {name}")
            self.told.append(Told(name, node.index, streamed, answer, request))

        life, task = node.life, node.run_in(handle())
        while not (task.done() or life.dead):  # noqa: ASYNC110 - whoever died answers nobody
            await asyncio.sleep(0.25)
        if task.done() and not task.cancelled() and task.exception() is not None:
            self._world.bug(f"{node.name} failed over {name}", task.exception())


async def _pieces(body, size=5_000):
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(0)
