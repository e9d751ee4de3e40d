"""Genuine answers of phoss-smp, changed on their way: none of them may be believed."""

import xmlsec
from lxml import etree

from gateway.sandbox.pki import Identity
from smp.metadata import group_path, metadata_path
from smp.signature import DS, RSA_SHA256, SHA256
from tests.interop.phoss_cases import MIXED_CASE, PINT_ANY, Case, Expected, Refusal, World
from tests.interop.relay import Change, flip_after, flip_encoded
from ubl.identifiers import CREDIT_NOTE, INVOICE
from ubl.xml import parse

SHA1 = f"{DS}sha1"
RSA_SHA1 = f"{DS}rsa-sha1"
ENDLESS_BYTES = 600_000  # more than an answer may have


def changed_cases(world: World) -> list[Case]:
    """Return the look-ups whose answer is not the one that phoss-smp gave."""
    return [*_turned(world), *_exchanged(world), *_rewritten(world)]


def _turned(world: World) -> list[Case]:
    broken = Refusal("invalid-metadata", "signature")

    def turned(name: str, change: Change, outcome: Refusal = broken) -> Case:
        says = f"one bit of the {name} turned"
        return Case(f"tampered {name}", says, outcome, world.participant, change=change)

    # A bit of the signer's own signature: of the rest of it, some bits leave it unreadable.
    signer = flip_encoded(b"<X509Certificate>", at=-9)
    href = flip_after(b'<smp:Redirect href="https://127.0.0.')
    return [
        turned("address", flip_after(b"http://127.0.0.1:")),
        turned("certificate", flip_encoded(b"<smp:Certificate>", at=400)),
        turned("participant", flip_after(b"0208:")),
        turned("process", flip_after(b"urn:fdc:peppol.eu:2017:poacc:billing:0")),
        turned("digest", flip_encoded(b"<DigestValue>", at=5)),
        turned("signature", flip_encoded(b"<SignatureValue>", at=5)),
        turned("signer", signer, Refusal("untrusted-signer")),
        Case("tampered redirect", "one bit of its address turned", broken, world.participant,
             CREDIT_NOTE, change=href, asks=(metadata_path(world.participant, CREDIT_NOTE),)),
    ]  # fmt: skip


def _exchanged(world: World) -> list[Case]:
    who = world.participant
    foreign = Refusal("invalid-metadata", "is about")
    return [
        Case("service group in place of metadata", "the unsigned group, where it was not asked for",
             Refusal("invalid-metadata", "ServiceGroup"), who, instead=group_path(who)),
        Case("answer for another document type", "a genuine answer to another question",
             foreign, who, instead=metadata_path(who, PINT_ANY)),
        Case("answer for another participant", "a genuine answer about somebody else",
             foreign, who, instead=metadata_path(MIXED_CASE, INVOICE)),
    ]  # fmt: skip


def _rewritten(world: World) -> list[Case]:
    def rewritten(name: str, outcome: Expected | Refusal, change: Change) -> Case:
        return Case(
            name, "phoss-smp's answer, rewritten", outcome, world.participant, change=change
        )

    weak = Refusal("invalid-metadata", "sha1")
    return [
        rewritten("signed again", world.found(), signed_again(world.phoss, RSA_SHA256, SHA256)),
        rewritten("signed with SHA-1", weak, signed_again(world.phoss, RSA_SHA1, SHA256)),
        rewritten("digested with SHA-1", weak, signed_again(world.phoss, RSA_SHA256, SHA1)),
        rewritten("without signature", Refusal("invalid-metadata", "one signature"), _unsigned),
        rewritten("with a DOCTYPE", Refusal("invalid-metadata", "XML"), _with_doctype),
        rewritten(
            "too long",
            Refusal("unavailable", "more than", later=True),
            lambda body: body + b" " * ENDLESS_BYTES,
        ),
    ]


def signed_again(publisher: Identity, signature: str, digest: str) -> Change:
    """Return what signs an answer anew with the key of *publisher* and these algorithms."""

    def change(body: bytes) -> bytes:
        root = parse(body)
        node = root.find(f"{{{DS}}}Signature")
        node.find(f".//{{{DS}}}SignatureMethod").set("Algorithm", signature)
        node.find(f".//{{{DS}}}DigestMethod").set("Algorithm", digest)
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(publisher.key_pem, xmlsec.KeyFormat.PEM)
        context.sign(node)
        return etree.tostring(root, encoding="UTF-8", xml_declaration=True)

    return change


def _unsigned(body: bytes) -> bytes:
    root = parse(body)
    root.remove(root.find(f"{{{DS}}}Signature"))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _with_doctype(body: bytes) -> bytes:
    return body.replace(b"<smp:Signed", b"<!DOCTYPE a><smp:Signed", 1)
