"""The sending side of the access point that breaks on a dial.

It sends with the forge, so that whatever a message can have wrong it can send.
"""

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import FailedAuthentication, Use, check_certificate, load_certificate
from as4.errors import As4Error, Unreadable
from as4.signal import Receipt, check_receipt, read_signal
from conformance.forge.messages import Forge
from conformance.suite.target import Ending
from tests.support.pki import NOW

ATTEMPTS = 4
PAUSE_SECONDS = 0.01
RECEIPT = "a receipt"
NEVER = "(?!)"
"""A pattern that is nowhere found."""


@dataclass(frozen=True)
class SendDials:
    """What is broken of the sending side; by default nothing.

    *spoil* goes to the forge, *fields* are those of the message's header, *anew* seals each attempt
    anew, *repeats* sends once more after the receipt.  What comes back is put in words, as
    `EBMS:0301 after HTTP 202`, and three patterns are searched in them: what *believes* finds is
    taken for a receipt, what *gives_up* finds ends the sending, what *hides* finds is not told.
    *sends_to* are the receivers that it should not send to: `unregistered`, `expired`, `revoked`.
    """

    spoil: dict = field(default_factory=dict)
    document: Callable = lambda document: document
    fields: dict = field(default_factory=dict)
    anew: bool = False
    believes: str = NEVER
    gives_up: str = NEVER
    hides: str = NEVER
    repeats: int = 0
    sends_to: frozenset[str] = frozenset()
    pings_plainly: bool = False
    fixed_ids: bool = False


@dataclass
class Sender:
    """Sends to whom it finds in *directory*; the suite's Outbox and Publishing."""

    forge: Forge
    trust: object
    revoked: set[int]
    dials: SendDials = field(default_factory=SendDials)
    directory: dict = field(default_factory=dict)
    endings: dict = field(default_factory=dict)

    async def publish(self, participant, url, certificate_pem):
        self.directory[participant.key] = (url, certificate_pem)

    async def withdraw(self, participant):
        self.directory.pop(participant.key, None)

    async def ending(self, name):
        return self.endings[name]

    async def send(self, document, receiver):
        name = str(len(self.endings))
        self.endings[name] = Ending(None, "sending")
        self.endings[name] = await self.deliver(document, receiver)
        return name

    async def ping(self, receiver):
        url, pem = self.directory[receiver.key]
        forge = self.for_receiver(b"<x/>", receiver, load_certificate(der(pem)))
        sealed = forge.sealed() if self.dials.pings_plainly else forge.ping()
        return await self.attempt(url, [sealed], load_certificate(der(pem)))

    async def deliver(self, document, receiver):
        """Look the receiver up, and send until there is a receipt."""
        found = self.directory.get(receiver.key)
        if found is None:
            if "unregistered" not in self.dials.sends_to:
                return Ending(False, "failed: it is not registered")
            found = next(iter(self.directory.values()))
        url, pem = found
        to = load_certificate(der(pem))
        trouble = self.trouble(to)
        if trouble:
            return Ending(False, f"failed: {trouble}")
        forge = self.for_receiver(self.dials.document(document), receiver, to)
        sealed = [self.sealed(forge) for _ in range(ATTEMPTS)]
        return await self.attempt(url, sealed, to)

    def trouble(self, to):
        """Say why nothing may be sent to the certificate *to*; empty when it is good."""
        try:
            check_certificate(to.der, anchors=self.trust, now=NOW, use=Use.ENCRYPT)
        except FailedAuthentication as error:
            is_over = to.x509.not_valid_after_utc < NOW
            return "" if is_over and "expired" in self.dials.sends_to else error.detail
        is_revoked = to.x509.serial_number in self.revoked
        return "it is revoked" if is_revoked and "revoked" not in self.dials.sends_to else ""

    def for_receiver(self, document, receiver, to):
        names = {
            "message_id": f"{uuid.uuid4()}@red.example",
            "instance_identifier": str(uuid.uuid4()),
            "conversation_id": str(uuid.uuid4()),
        }
        identities = Reversed(self.forge.identities, to)
        return replace(
            self.forge,
            identities=identities,
            to_party=to.subject_cn,
            receiver=receiver,
            document=document,
            **({} if self.dials.fixed_ids else names),
        )

    def sealed(self, forge):
        dials = self.dials
        if dials.anew:
            forge = replace(forge, conversation_id=str(uuid.uuid4()))
        message = replace(forge.user_message(), **dials.fields)
        spoil = {
            name: value(forge) if name == "payload" else value
            for name, value in dials.spoil.items()
        }
        return forge.sealed(message, **spoil)

    async def attempt(self, url, attempts, to):
        """Send what was sealed until there is a receipt; return how it ended."""
        dials, words, delivered = self.dials, [], False
        async with aiohttp.ClientSession() as session:
            for sealed in attempts:
                verdict = await self.post(session, url, sealed, to)
                words.append(verdict)
                delivered = verdict == RECEIPT or bool(re.search(dials.believes, verdict))
                refused = verdict.startswith("EBMS:01") or re.search(dials.gives_up, verdict)
                if delivered or refused:
                    break
                await asyncio.sleep(PAUSE_SECONDS)
            for _ in range(dials.repeats):
                await self.post(session, url, attempts[0], to)
        said = ", ".join(each for each in words if not re.search(dials.hides, each))
        return Ending(delivered, f"{'delivered' if delivered else 'failed'}: {said}")

    async def post(self, session, url, sealed, to):
        """Return what came back in words: RECEIPT, or a code and why."""
        headers = {"Content-Type": sealed.content_type}
        try:
            async with session.post(url, data=sealed.body, headers=headers) as response:
                answer, status = await response.read(), response.status
        except aiohttp.ClientError:
            return "EBMS:0301 after a broken connection"
        try:
            signal = read_signal(answer, check_signer=self.check, now=NOW)
        except Unreadable:
            return f"EBMS:0301 after HTTP {status}"
        if not isinstance(signal, Receipt):
            return signal.errors[0].code
        try:
            check_receipt(
                signal, sealed.references, message_id=sealed.message_id, to_party=to.subject_cn
            )
        except As4Error as error:
            return f"EBMS:0302 {error.detail}"
        return RECEIPT

    def check(self, signer, now):
        return check_certificate(signer, anchors=self.trust, now=now, use=Use.SIGN)


@dataclass(frozen=True)
class Reversed:
    """Identities in which the access point under test is the sender."""

    identities: object
    to: object

    def key_pair(self, name):
        return self.identities.key_pair({"sender": "receiver"}.get(name, name))

    def certificate(self, name):
        return self.to if name == "receiver" else self.identities.certificate(name)


def der(pem):
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
