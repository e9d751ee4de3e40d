"""What callers ask of the API in a schedule beside single documents, drawn from its seed.

Some access points have several dossiers, each with a key of its own.  Files with many documents
are handed in, broken ones among them, followed and now and then cancelled.  What was answered is
asked again, under its key with another body, and twice at the same moment.
"""

import asyncio
import io
import json
import zipfile
from base64 import b64encode
from dataclasses import dataclass, field, replace
from unittest.mock import patch
from uuid import UUID

from gateway.exchange import imports
from gateway.exchange.bundles import NDJSON, ZIP
from tests.simulation.armed import TEXTS, arm
from tests.simulation.calls import Call
from tests.simulation.invoices import an_invoice, node_of, participant

DOSSIERS_MAX = 3
MEDDLED = 0.2
CHECKED_TOO = 0.1
UPLOADED_AGAIN = 0.4
ACCEPTED = 202
BROKEN = {
    "half": "not-xml",
    "not ours": "sender-not-ours",
    "same number": "duplicate-number",
    "no item": {NDJSON: "not-json", ZIP: "unknown-entry"},
    "damaged": {NDJSON: "bad-json", ZIP: "bad-entry"},
}
"""What is wrong with an entry of a file, and what that is refused as."""
_NEVER = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Entry:
    """One entry of a file: its document, if it has one, and as what it is refused."""

    name: str
    invoice: object
    refusal: str = ""


@dataclass(frozen=True)
class Bulk:
    """At *at* somebody hands in a file with *entries*, and may cancel it, or send it again."""

    at: float
    node: int
    books: int
    media_type: str
    entries: tuple
    key: str
    cancelled_after: float | None
    again_after: float | None


@dataclass(frozen=True)
class FromBulk:
    """A document that came in a file, as a `plan.HandIn` is one that came by itself."""

    node: int
    invoice: object
    key: str


@dataclass(eq=False)
class Asking:
    """All that is asked beside the plan: *dossiers* by access point, files, and what is armed.

    *several* says how often an access point has more than one dossier, *armed_share* how often a
    document holds text that is meant for more than reading, *ended_share* how often a file that
    was handed in is cancelled; *files* is how many there are, drawn if it is None.
    """

    world: object
    dice: object
    several: float = 0.2
    armed_share: float = 0.5
    ended_share: float = 0.25
    files: int | None = None
    dossiers: dict = field(default_factory=dict)
    bulks: list = field(default_factory=list)
    armed: dict = field(default_factory=dict)
    imports: dict = field(default_factory=dict)
    """The file and the import of each that was taken, by its id."""
    cancelled: dict = field(default_factory=dict)
    """How many entries were done when somebody was told that an import is cancelled."""

    def draw(self, plan, nodes):
        """Draw all of it; return *plan*, with some of its documents armed."""
        dice = self.dice
        for node in range(nodes):
            if dice.random() < self.several:
                self.dossiers[node] = dice.randrange(2, DOSSIERS_MAX + 1)
        files = dice.choices((0, 1, 2), (6, 4, 1))[0]
        for number in range(files if self.files is None else self.files):
            self.bulks.append(self._draw_bulk(f"{number}", nodes, plan.seconds))
        known, hand_ins = {}, []
        for each in plan.hand_ins:
            if each.invoice.number not in known:
                known[each.invoice.number] = self._arm(each.invoice)
            hand_ins.append(replace(each, invoice=known[each.invoice.number]))
        return replace(plan, hand_ins=tuple(hand_ins))

    def participants(self):
        """Return who sends or receives what comes in files, as identifiers."""
        entries = [each for bulk in self.bulks for each in bulk.entries if each.invoice]
        return {value for each in entries for value in each.invoice.parties}

    def books_of(self, value):
        """Return which dossier of its access point the participant called *value* is in."""
        nth = int(value.partition(":")[2]) % 1_000
        return nth if nth < self.dossiers.get(node_of(value), 1) else 0

    def token_of(self, invoice):
        """Return the key of the dossier that sends *invoice*."""
        node = self.world.nodes[node_of(invoice.sender)]
        return node.books[self.books_of(invoice.sender)].token

    def slices(self):
        """Let each entry of an import be a job of its own in every other schedule."""
        seconds = 0.0 if self.world.seed % 2 else imports.SLICE_SECONDS
        return patch.object(imports, "SLICE_SECONDS", seconds)

    async def hand_in(self, hand_in):
        """Hand a document in; return the answer that ended it."""
        node, invoice = self.world.nodes[hand_in.node], hand_in.invoice
        token = self.token_of(invoice)
        call = Call("POST", "/v1/documents", token, invoice.data, "application/xml", hand_in.key)
        check = replace(call, path="/v1/validate", key=f"check-{hand_in.key}")
        callers, will_meddle = self.world.callers, self.dice.random() < MEDDLED
        if self.dice.random() < CHECKED_TOO:
            async with asyncio.TaskGroup() as group:
                group.create_task(callers.ask(node, check))
                group.create_task(callers.ask(node, check))
        answer = await callers.ask(node, call)
        if will_meddle and answer.status == ACCEPTED:
            await asyncio.sleep(self.dice.uniform(0, 3))
            other = invoice.data.rstrip() + b"<!-- another -->\n"
            await callers.ask(node, replace(call, body=other))
        return answer

    async def upload(self, bulk):
        """Hand a file in, and do with it what was drawn."""
        await asyncio.sleep(bulk.at)
        node, callers = self.world.nodes[bulk.node], self.world.callers
        token = node.books[bulk.books].token
        data = _written(bulk)
        call = Call("POST", "/v1/imports", token, data, bulk.media_type, f"file-{bulk.key}")
        answer = await callers.ask(node, call)
        if answer.status != ACCEPTED:
            self.world.violate("22", f"{node.name} refuses a file: {answer.code}")
            return
        import_id = UUID(answer.json["id"])
        self.imports[import_id] = bulk
        self.world.note(f"{node.name} takes a file of {len(bulk.entries)} as {import_id}")
        if bulk.cancelled_after is not None:
            await asyncio.sleep(bulk.cancelled_after)
            path = f"/v1/imports/{import_id}/cancel"
            told = (await callers.ask(node, Call("POST", path, token, key=f"end-{bulk.key}"))).json
            if told["status"] == "cancelled":
                self.cancelled[import_id] = told["accepted"] + told["refused"]
            self.world.note(f"{import_id} is {told['status']}")
        if bulk.again_after is not None:
            await asyncio.sleep(bulk.again_after)
            await callers.ask(node, call)

    def _arm(self, invoice):
        if self.dice.random() >= self.armed_share:
            return invoice
        invoice, armed = arm(invoice, self.dice.choice(TEXTS))
        self.armed[invoice.number] = armed
        return invoice

    def _draw_bulk(self, key, nodes, seconds):
        dice, node = self.dice, self.dice.randrange(nodes)
        nth = dice.randrange(self.dossiers.get(node, 1))
        media_type = dice.choice((NDJSON, ZIP))
        entries = []
        for number in range(dice.randrange(2, 6)):
            what = dice.choice(list(BROKEN)) if number and dice.random() < 0.5 else ""
            entries.append(self._draw_entry(f"F{key}-{number}", what, media_type, (node, nth)))
        return Bulk(
            at=dice.uniform(0.5, seconds * 0.7), node=node, books=nth, media_type=media_type,
            entries=tuple(entries), key=key,
            cancelled_after=dice.choice((0.0, dice.uniform(0, 1.5)))
            if dice.random() < self.ended_share else None,
            again_after=dice.uniform(0, 5) if dice.random() < UPLOADED_AGAIN else None,
        )  # fmt: skip

    def _draw_entry(self, number, what, media_type, where):
        dice, (node, nth) = self.dice, where
        nodes = len(self.world.nodes)
        receiver = participant((node + dice.randrange(1, nodes)) % nodes, dice.randrange(2)).value
        sender = participant(node, 9 if what == "not ours" else nth).value
        refusal = BROKEN[what] if what else ""
        refusal = refusal[media_type] if isinstance(refusal, dict) else refusal
        if what == "same number":
            number = number.partition("-")[0] + "-0"
        invoice = an_invoice(sender, receiver, number)
        suffix = "txt" if what == "no item" else "xml"
        return Entry(f"{number}-{what}<b>.{suffix}", invoice, refusal)


def _written(bulk):
    """Return the file of *bulk*."""
    if bulk.media_type == NDJSON:
        return b"".join(_line(each) + b"\n" for each in bulk.entries)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for nth, each in enumerate(bulk.entries):
            archive.writestr(zipfile.ZipInfo(f"{nth}-{each.name}", _NEVER), _content(each))
    return _damaged(data.getvalue(), bulk)


def _line(entry):
    if entry.refusal == BROKEN["damaged"][NDJSON]:
        return b'{"ubl": "AA==", "invoice": {}}'
    if entry.refusal == BROKEN["no item"][NDJSON]:
        return b'{"ubl": '
    return json.dumps({"ubl": b64encode(_content(entry)).decode()}).encode()


def _content(entry):
    data = entry.invoice.data
    if entry.refusal == BROKEN["half"]:
        return data[: len(data) // 2]
    # What is damaged is known by it.
    return data.replace(b"PO-7781", b"PO-DMGD") if entry.refusal == "bad-entry" else data


def _damaged(data, bulk):
    """Spoil a byte of each entry that is to be damaged: it does not fit its checksum any more."""
    if any(each.refusal == BROKEN["damaged"][ZIP] for each in bulk.entries):
        return data.replace(b"PO-DMGD", b"PO-7781")
    return data
