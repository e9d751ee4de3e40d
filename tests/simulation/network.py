"""The network between the access points: each message has a fate, drawn from the seed.

A fate says what becomes of a request and of its answer; `Weather` says how often each is drawn, and
who is cut off or away at the moment.  What was underway when an access point died never comes.
"""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field

from as4.errors import Unreadable
from smp.errors import SmpUnavailable
from smp.sml import Naptr, dns_name
from tests.simulation.loop import begin
from tests.simulation.node import ZONE
from tests.simulation.opening import REQUEST, Request

DELAY_SECONDS_MAX = 12.0
FATES = (
    "lost",
    "cut",
    "answer lost",
    "answer spoiled",
    "duplicated",
    "delayed",
    "corrupted",
    "turned away",
)
_MESSAGE_ID = re.compile(rb"MessageId>([^<]+)<")


@dataclass
class Weather:
    """How bad the network is: the chance of a fate, and who cannot be reached just now."""

    chance: float = 0.0
    cut_off: set = field(default_factory=set)
    dns_is_away: bool = False
    smp_away: set = field(default_factory=set)


@dataclass(frozen=True)
class Post:
    """A body that left an access point: whose, to whom, and when."""

    at: float
    sender: int
    receiver: int
    message_id: str
    body: bytes = field(repr=False)


class Network:
    """Carries requests between the nodes of *world*, in memory."""

    def __init__(self, world, dice):
        self.world = world
        self.dice = dice
        self.weather = Weather()
        self.registry = {}
        self.faults = Counter()
        self.posts = []
        self._pending = {}
        self._nobody = begin(None)

    def register(self, participant, node):
        """Let the DNS say that *node* publishes *participant*."""
        self.registry[dns_name(participant, ZONE)] = node

    def dns_of(self, node):
        return Dns(self, node)

    def may_connect(self, sender, node):
        """Say whether *sender* gets a connection to *node* now."""
        if self.dice.random() < self.weather.chance / len(FATES):
            self.faults["refused"] += 1
            return False
        return node.is_up and not {sender.index, node.index} & self.weather.cut_off

    def broken_by_death(self, life):
        """Fail what was asked of *life*, which died: its connections are cut."""
        for answer in self._pending.pop(life, ()):
            self._later(self._latency(), _fail, answer, _broken("the peer went away"))

    def post(self, sender, node, content_type, body):
        """Let *body* leave; return the future of its answer."""
        message_id = _id_of(body)
        self.posts.append(Post(self.world.loop.time(), sender.index, node.index, message_id, body))
        answer = self.world.loop.create_future()
        fate = self._draw_fate()
        if sender.index in self.weather.cut_off or node.index in self.weather.cut_off:
            fate = "lost"
        self.world.note(f"{sender.name} posts {message_id} to {node.name}: {fate or 'arrives'}")
        if fate == "lost":
            self._later(self._latency() * 20, _fail, answer, _broken("the connection was lost"))
        elif fate == "turned away":
            self._later(self._latency(), _give, answer, (503, "text/html", b"busy\n"))
        else:
            self._carry(node, content_type, body, fate, answer)
        return answer

    def _carry(self, node, content_type, body, fate, answer):
        delay = self._latency()
        if fate == "delayed":
            delay = self.dice.uniform(0, DELAY_SECONDS_MAX)
        if fate == "corrupted":
            body = self._corrupt(body)
        half = fate == "cut"
        if fate == "duplicated":
            again = self.dice.uniform(0, DELAY_SECONDS_MAX)
            self._later(again, self._arrive, node, content_type, body, half, None, "")
        self._later(delay, self._arrive, node, content_type, body, half, answer, fate)

    def _arrive(self, node, content_type, body, half, answer, fate):
        """Have *node* handle a request; its answer goes back to *answer*, if anybody waits."""
        if not node.is_up:
            if answer is not None:
                _fail(answer, _broken("the peer went away"))
            return
        if answer is not None:
            self._pending.setdefault(node.life, []).append(answer)
        task = node.run_in(self._handled(node, content_type, _chunks(body, half=half)))
        task.add_done_callback(
            lambda done: self._send_back(done, answer, fate, node), context=self._nobody
        )

    async def _handled(self, node, content_type, chunks):
        request = Request()
        self.world.requests.append(request)
        REQUEST.set(request)
        answer = await node.receive(content_type, chunks)
        self.world.note(f"{node.name} answers {answer.verdict}")
        await self.world.witness(node, answer)
        return answer

    def _send_back(self, done, answer, fate, node):
        if done.cancelled() or answer is None:
            return
        if done.exception() is not None:
            self.world.bug(f"{node.name} failed to answer", done.exception())
            _fail(answer, _broken("the peer broke off"))
            return
        given = done.result()
        reply = given.status, given.content_type, given.body
        if fate in ("answer lost", "cut"):
            self._later(self._latency(), _fail, answer, _broken("the answer was lost"))
            return
        if fate == "answer spoiled":
            half = len(given.body) // 2
            reply = given.status, given.content_type, given.body[:half]
        self._later(self._latency(), _give, answer, reply)

    async def ask_dns(self, node, name):
        await self._travel()
        if self.weather.dns_is_away or node.index in self.weather.cut_off:
            raise SmpUnavailable("no DNS server answers")
        publisher = self.registry.get(name)
        if publisher is None:
            return ()
        return (Naptr(100, 10, "U", "Meta:SMP", f"!.*!{publisher.url}/smp!"),)

    def ask_smp(self, sender, publisher, path):
        """Return the future of what *publisher* answers to *path*."""
        answer = self.world.loop.create_future()
        away = self.weather.smp_away | self.weather.cut_off
        if publisher.index in away or sender.index in away or not publisher.is_up:
            self._later(self._latency(), _fail, answer, _broken("the SMP does not answer"))
            return answer
        question = publisher.run_in(publisher.publish(path))
        self._pending.setdefault(publisher.life, []).append(answer)
        question.add_done_callback(
            lambda done: None if done.cancelled() else _take(answer, done), context=self._nobody
        )
        return answer

    async def _travel(self):
        await asyncio.sleep(self._latency())

    def _latency(self):
        return self.dice.uniform(0.002, 0.2)

    def _draw_fate(self):
        if self.dice.random() >= self.weather.chance:
            return ""
        fate = self.dice.choice(FATES)
        self.faults[fate] += 1
        return fate

    def _corrupt(self, body):
        """Flip one bit of the last third, which is payload: what comes before is never the same."""
        at = self.dice.randrange(len(body) * 2 // 3, len(body))
        return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]

    def _later(self, seconds, callback, *arguments):
        self.world.loop.call_later(seconds, callback, *arguments, context=self._nobody)


class Peer:
    """An access point as others reach it: *address*, AS4 and SMP."""

    def __init__(self, network, node):
        self.address = f"93.184.216.{node.index + 1}"
        self._network, self._node = network, node

    def accepts(self, sender):
        """Say whether a connection of *sender*'s is taken."""
        return self._network.may_connect(sender, self._node)

    def ask(self, sender, method, path, headers, body):
        """Return the future of the answer: status, media type, body; or of what broke."""
        if method == "POST":
            return self._network.post(sender, self._node, headers["content-type"], body)
        return self._network.ask_smp(sender, self._node, path)


class Dns:
    """What one access point asks about publishers."""

    def __init__(self, network, node):
        self._network, self._node = network, node

    async def naptr(self, name):
        return await self._network.ask_dns(self._node, name)


async def _chunks(body, *, half, size=5_000):
    """Yield *body* piece by piece, or *half* of it before the connection breaks."""
    end = len(body) // 2 if half else len(body)
    for start in range(0, end, size):
        yield body[start : min(start + size, end)]
        await asyncio.sleep(0)
    if half:
        raise Unreadable(400, "the body broke off")


def _id_of(body):
    found = _MESSAGE_ID.search(body)
    return found[1].decode() if found else "?"


def _broken(detail):
    return ConnectionResetError(detail)


def _fail(answer, failure):
    if not answer.done():
        answer.set_exception(failure)


def _give(answer, given):
    if not answer.done():
        answer.set_result(given)


def _take(answer, done):
    if done.exception() is not None:
        _fail(answer, done.exception())
    else:
        status, body = done.result()
        _give(answer, (status, "application/xml", body))
