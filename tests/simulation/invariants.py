"""The invariants of docs/INVARIANTS.md, each as one function: see `CHECKED`.

Every check looks at what is in the databases and at what the network carried, when all has come to
rest.
"""

import re
from collections import defaultdict
from types import MappingProxyType

from gateway.exchange.retry import RULES, Reach, What
from gateway.exchange.states import ALLOWED, FINAL, Status
from gateway.store.jobs import DocumentRef, Job, document_job, enqueue_all
from gateway.webhooks.events import event_id
from tests.simulation.checks_api import check_8, check_16, check_22, check_23
from tests.simulation.checks_bounds import check_9
from tests.simulation.checks_opening import check_4, check_13
from tests.simulation.checks_rules import check_14, check_15, check_19
from tests.simulation.checks_sockets import check_12
from tests.simulation.shown import look
from tests.simulation.telling import FOLLOWED
from tests.support.store import ORPHANS

DOCUMENTS = """
SELECT id, direction, status, sender, receiver, number, instance_identifier, content_sha256, flags,
    dossier_id, valid, report::text AS report, (SELECT array_agg(name) FROM document_events
        WHERE document_id = documents.id AND name IN ('checked', 'not_checked')) AS told
FROM documents ORDER BY id
"""
MESSAGES = """
SELECT id, document_id, direction, is_repeat, message_id, sending_ap, created_at
FROM messages ORDER BY created_at, id
"""
ATTEMPTS = """
SELECT message_row_id, number, outcome, answer, started_at, finished_at FROM attempts ORDER BY 1, 2
"""
MOVES = "SELECT document_id, was, became FROM sim.moves ORDER BY place"
RENEWED = """
SELECT document_id, count(*) AS n FROM document_events WHERE name = 'encryption_renewed' GROUP BY 1
"""
SNAPSHOT = """
SELECT (SELECT md5(string_agg(d::text, '' ORDER BY id)) FROM documents d)
    || (SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM messages m)
    || (SELECT md5(string_agg(a::text, '' ORDER BY a::text)) FROM attempts a)
    || (SELECT md5(string_agg(e::text, '' ORDER BY e::text)) FROM document_events e)
"""
EVENTS = "SELECT document_id, seq FROM document_events WHERE dossier_id = $1"
DELIVERIES = "SELECT endpoint_id, event_id FROM webhook_deliveries WHERE dossier_id = $1"
_SIGNED = re.compile(rb"<(eb:Messaging|ds:Signature)[ >].*?</\1>|(?<=Envelope>)\r\n.*", re.DOTALL)
"""What no new certificate of the receiver changes: header, signature, and the encrypted payload."""
_STANDING = {Status.REFUSED, Status.FAILED, Status.GAVE_UP}
"""How a document ends that is at nobody's: its number may be used again."""


class Ledger:
    """All that the databases of *world* hold, read once."""

    def __init__(self, world):
        self.world = world
        self.documents = defaultdict(list)
        self.messages = defaultdict(list)
        self.attempts = defaultdict(list)
        self.moves = defaultdict(list)
        self.renewed = {}
        self.orphans = {}
        self.events = []
        self.deliveries = []

    async def read(self):
        for node in self.world.nodes:
            at, rows = node.index, self.world.rows
            self.documents[at] = await rows(node, DOCUMENTS)
            self.messages[at] = await rows(node, MESSAGES)
            self.moves[at] = await rows(node, MOVES)
            self.orphans[at] = (await rows(node, ORPHANS))[0][0]
            for row in await rows(node, ATTEMPTS):
                self.attempts[row["message_row_id"]].append(row)
            for row in await rows(node, RENEWED):
                self.renewed[row["document_id"]] = row["n"]
        followed = self.world.nodes[FOLLOWED]
        dossier = followed.dossier_id
        events = await self.world.rows(followed, EVENTS, dossier)
        self.events = [event_id(*row) for row in events]
        self.deliveries = await self.world.rows(followed, DELIVERIES, dossier)
        return self

    def each(self, direction):
        """Yield the access point and the row of each document that goes in *direction*."""
        for at, rows in self.documents.items():
            yield from ((at, row) for row in rows if row["direction"] == direction)

    def messages_of(self, at, document_id):
        return [row for row in self.messages[at] if row["document_id"] == document_id]


def check_1(ledger):
    """No receipt left before what it acknowledges was committed."""
    for each in ledger.world.acknowledged:
        if not each.stored:
            yield f"{each.node} acknowledged {each.message_id} ({each.verdict}) and had no such row"


def check_2(ledger):
    """A MessageId of an access point is there once, and so is a business document."""
    for at, rows in ledger.messages.items():
        ours = [(row["sending_ap"], row["message_id"]) for row in rows if row["direction"] == "in"]
        yield from (f"{at} has {each} twice" for each in _doubles(ours))
    instances = [(row["sender"], row["instance_identifier"]) for _, row in ledger.each("in")]
    yield from (f"the document {each} is in inboxes twice" for each in _doubles(instances))


def check_3(ledger):
    """What is in an inbox is, byte for byte, what its sender handed in."""
    sent = {row["instance_identifier"]: row for _, row in ledger.each("out")}
    for at, row in ledger.each("in"):
        origin = sent.get(row["instance_identifier"])
        if origin is None:
            yield f"{at} has {row['id']}, which nobody sent"
        elif (
            row["content_sha256"] is not None and row["content_sha256"] != origin["content_sha256"]
        ):
            yield f"{at} has {row['id']} with other bytes than {origin['id']}"
        elif _parties(row) != _parties(origin):
            yield f"{at} has {row['id']} between other parties than {origin['id']}"


def check_5(ledger):
    """No second identity was used while the first one might have arrived."""
    stored = {each.message_id for each in ledger.world.acknowledged if each.stored}
    for at, document in ledger.each("out"):
        *earlier, _ = ledger.messages_of(at, document["id"]) or [None]
        for message in earlier:
            if message["message_id"] in stored:
                yield f"{document['id']} left anew, and {message['message_id']} had arrived"
            if any(_may_have_arrived(each) for each in ledger.attempts[message["id"]]):
                yield f"{document['id']} left anew, and {message['message_id']} may have arrived"


def check_6(ledger):
    """Each move of a document is one that the table allows."""
    for at, rows in ledger.moves.items():
        for row in rows:
            was, became = row["was"], Status(row["became"])
            allowed = {Status.ACCEPTED, Status.RECEIVED} if was is None else _reachable(Status(was))
            if became not in allowed:
                yield f"{at} moved {row['document_id']} from {was} to {became}"


def check_10(ledger):
    """No line of a log holds what documents say, or a key."""
    yield from (f"this was logged: {line[:200]}" for line in ledger.world.leaks)


def check_11(ledger):
    """What is sent again is the same, but for the key of a receiver that has a new certificate."""
    documents = {
        row["message_id"]: row["document_id"]
        for rows in ledger.messages.values()
        for row in rows
        if row["direction"] == "out"
    }
    bodies = defaultdict(set)
    for post in ledger.world.network.posts:
        bodies[post.message_id].add(post.body)
    for message_id, different in bodies.items():
        if len({_signed_parts(body) for body in different}) > 1:
            yield f"{message_id} left with different contents"
        if len(different) > 1 + ledger.renewed.get(documents.get(message_id), 0):
            yield f"{message_id} left as {len(different)} different bodies"


def check_17(ledger):
    """Every row has its parents."""
    for at, count in ledger.orphans.items():
        if count:
            yield f"{at} has {count} rows without their parents"


def check_18(ledger):
    """What was acknowledged is in the inbox, and what counts as delivered is in somebody's."""
    arrived = {}
    for at, rows in ledger.messages.items():
        inbox = {row["id"]: row["status"] for row in ledger.documents[at]}
        for row in rows:
            if row["direction"] == "in":
                arrived[at, row["message_id"]] = inbox.get(row["document_id"])
    for each in ledger.world.acknowledged:
        status = arrived.get((each.node, each.message_id))
        if status != Status.DELIVERED:
            yield f"{each.node} acknowledged {each.message_id}, and it is {status}"
    there = {row["instance_identifier"] for _, row in ledger.each("in")}
    for at, row in ledger.each("out"):
        if row["status"] == Status.DELIVERED and row["instance_identifier"] not in there:
            yield f"{at} calls {row['id']} delivered, and nobody has it"


def check_20(ledger):
    """Each event makes one delivery of one body, however often that is sent."""
    made = [row["event_id"] for row in ledger.deliveries]
    yield from (f"{each} makes two deliveries" for each in _doubles(made))
    missing = set(ledger.events) - set(made)
    yield from (f"{each} makes no delivery" for each in sorted(missing))
    bodies = dict.fromkeys(ledger.world.nodes[FOLLOWED].following.notices)
    told = [(url, each) for url, each, _ in bodies]
    yield from (f"{each} has two bodies" for each in _doubles(told))


def check_24(ledger):
    """Who reads the feed by a place meets every event, and none twice."""
    read = ledger.world.nodes[FOLLOWED].following.events
    yield from (f"{each} is told twice" for each in _doubles(read))
    missing = set(ledger.events) - set(read)
    yield from (f"{each} was never told" for each in sorted(missing))


def check_21(ledger):
    """Of one sender and number one document counts, and a key stands for one document."""
    numbers = [
        (row["sender"], row["number"])
        for _, row in ledger.each("out")
        if Status(row["status"]) not in _STANDING
    ]
    yield from (f"{each} was sent twice" for each in _doubles(numbers))
    for key, documents in ledger.world.keys.items():
        if len(documents) > 1:
            yield f"the key {key} stands for {len(documents)} documents"


def check_rest(ledger):
    """Everything that was accepted is there, and has come to an end."""
    ours = {row["id"]: row["status"] for _, row in ledger.each("out")}
    for document_id in ledger.world.accepted:
        status = ours.get(document_id)
        if status is None:
            yield f"{document_id} was accepted and is gone"
        elif Status(status) not in {*FINAL, Status.WAITING}:
            yield f"{document_id} is still {status}"
    for at, row in ledger.each("in"):
        if row["status"] != Status.DELIVERED:
            yield f"{at} has {row['id']}, which is {row['status']}"


CHECKED = MappingProxyType(
    {
        "1": check_1,
        "2": check_2,
        "3": check_3,
        "4": check_4,
        "5": check_5,
        "6": check_6,
        "8": check_8,
        "9": check_9,
        "10": check_10,
        "11": check_11,
        "12": check_12,
        "13": check_13,
        "14": check_14,
        "15": check_15,
        "16": check_16,
        "17": check_17,
        "18": check_18,
        "19": check_19,
        "20": check_20,
        "21": check_21,
        "22": check_22,
        "23": check_23,
        "24": check_24,
        "rest": check_rest,
    }
)
"""The checks by the number of the invariant; 7 is shown by doing all jobs once more (`check_7`)."""


async def check_all(world):
    """Check everything, do all jobs once more, and check that nothing has changed."""
    world.shown = await look(world)
    ledger = await Ledger(world).read()
    for rows in ledger.documents.values():
        world.statuses.update(f"{row['direction']} {row['status']}" for row in rows)
    for number, check in CHECKED.items():
        for violation in check(ledger):
            world.violate(number, violation)
    await check_7(world, ledger)


async def check_7(world, ledger):
    """Do every job again: nothing changes, and nothing leaves."""
    before = [await world.rows(node, SNAPSHOT) for node in world.nodes]
    posts = len(world.network.posts)
    for node in world.nodes:
        if node.is_up and ledger.documents[node.index]:
            await node.run_in(_repeat_jobs(node, ledger.documents[node.index]))
    await world.settle()
    after = [await world.rows(node, SNAPSHOT) for node in world.nodes]
    for node, was, became in zip(world.nodes, before, after, strict=True):
        if was != became:
            world.violate("7", f"{node.name} changed something when its jobs ran again")
    if len(world.network.posts) != posts:
        world.violate("7", "something left when jobs ran again")


async def _repeat_jobs(node, documents):
    jobs = [
        document_job(
            Job.SEND_DOCUMENT if row["direction"] == "out" else Job.PROCESS_RECEIVED,
            DocumentRef(row["dossier_id"], row["id"]),
        )
        for row in documents
    ]
    async with node.parts.db.exchange() as xtx:
        await enqueue_all(xtx, jobs)


def _doubles(values):
    seen, twice = set(), set()
    for value in values:
        (twice if value in seen else seen).add(value)
    return sorted(twice, key=str)


def _may_have_arrived(attempt):
    outcome = attempt["outcome"]
    return outcome is None or RULES[What(outcome)].reach in (Reach.UNKNOWN, Reach.ARRIVED)


def _reachable(status):
    """Return where one statement may take a document: it may make two moves at once."""
    onward = ALLOWED[status]
    return onward | ({Status.SENDING} if status is Status.ACCEPTED else frozenset())


def _signed_parts(body):
    parts = tuple(found[0] for found in _SIGNED.finditer(body))
    assert len(parts) == 3
    return parts


def _parties(row):
    return [row[role].rpartition("::")[2] for role in ("sender", "receiver")]
