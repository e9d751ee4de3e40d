"""The awkward peer itself: it is right, it varies, and its seed plays it again."""

import asyncio
import re
from base64 import b64decode
from dataclasses import replace
from hashlib import sha256
from itertools import count
from urllib.parse import urlsplit

import pytest

from as4.certificates import Use, load_certificate
from as4.receipt import build_receipt
from as4.signal import Receipt, check_receipt, read_signal
from conformance.awkward.dials import GENTLE, Dials, Mischief, Resend, draw_deed, draw_resend
from conformance.awkward.dressing import dress
from conformance.awkward.posting import deliver, post
from conformance.awkward.receiving import AwkwardReceiver, receive
from conformance.awkward.sending import seal
from conformance.awkward.transfer import pieces
from conformance.awkward.variation import draw_variation
from conformance.suite.check import SignerCheck
from conformance.suite.listener import Fault, Listener
from conformance.suite.reply import read_reply
from conformance.suite.tools import Tools
from tests.as4.test_oracles import verified_by_xmlsec
from tests.conformance.world import trust
from tests.support import messages
from tests.support.pki import NOW, leaf

SEEDS = range(40)
ENCODED = re.compile(rb"\r\n\r\n((?:[A-Za-z0-9+/=]+\r\n){20,})")
"""The lines of an envelope that is in base64."""
WRAPPED = re.compile(rb"<[^</>]*CipherValue\b[^>]*>.*?</", re.DOTALL)
"""The key that was wrapped: its padding draws its own random bytes."""


def tools(start=0):
    """Ids and random bytes that are the same in each test."""
    numbers = count(start)

    def draw(size):
        return sha256(f"{next(numbers)}".encode()).digest()[:size]

    return Tools(lambda: NOW, lambda: 0.0, lambda: draw(16).hex(), draw)


def a_message(seed, own=None, **changed):
    return seal(
        messages.a_user_message(**changed),
        messages.a_business_envelope(),
        draw_variation(seed, "test"),
        signer=messages.key_pair("sender"),
        recipient=load_certificate(leaf("receiver").certificate_der),
        tools=own or tools(),
    )


def a_receiver(seed=1, dials=GENTLE):
    check = SignerCheck(trust(), Use.SIGN)
    key, stranger = messages.key_pair("receiver"), messages.key_pair("third")
    return AwkwardReceiver(Listener(key, stranger, check, tools()), seed, dials, sleep=at_once)


async def at_once(_seconds):
    """Wait for nothing."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_varied_message_is_one_that_the_reader_takes(seed):
    """Whatever the order and the references.  [SOAP12 §5.2] [XML §4.1] [EBMS3 §5.2.2.9]"""
    awkward = a_message(seed)
    received = messages.receive(awkward.message)
    assert received.payload == awkward.payload
    assert received.user_message.message_id == awkward.message.message_id
    assert {each.meaning for each in received.references} == {
        each.meaning for each in awkward.message.references
    }


def test_no_two_seeds_write_alike():
    assert len({draw_variation(seed, "test") for seed in SEEDS}) == len(SEEDS)


def test_the_same_seed_draws_the_same_variation_deeds_and_resends():
    dials = Dials(*(0.5,) * 5)
    for seed in SEEDS:
        assert draw_variation(seed, "a", 1) == draw_variation(seed, "a", 1)
        assert draw_deed(seed, dials, 7) == draw_deed(seed, dials, 7)
        assert draw_resend(seed, dials, "a") == draw_resend(seed, dials, "a")


def unwrapped(message):
    """The body without the one value that no seed decides; the envelope may be in base64."""
    start = message.attachment_offset
    head, rest = message.body[:start], message.body[start:]
    encoded = ENCODED.search(head)
    soap = b64decode(encoded[1]) if encoded else head
    shorter, times = WRAPPED.subn(b"", soap)
    assert times == 1
    return shorter, rest


def test_the_same_seed_writes_the_same_bytes_but_for_the_wrapped_key():
    for seed in SEEDS:
        one, other = a_message(seed).message, a_message(seed).message
        assert one.content_type == other.content_type
        assert one.message_id == other.message_id
        assert one.references == other.references
        assert unwrapped(one) == unwrapped(other)


def test_the_dials_and_the_seed_are_told():
    words = Dials(refuse=0.2).words(123)
    assert words.startswith("awkward: seed 123, refuse 20%, lose 5%")
    assert all(name in words for name in ("truncate", "duplicate", "delay"))


def test_dials_at_zero_do_nothing_wrong_and_at_one_always():
    for number in range(50):
        good = draw_deed(1, GENTLE, number)
        assert (good.mischief, good.fault, good.seconds) == (Mischief.NONE, Fault.NONE, 0.0)
        bad = draw_deed(1, Dials(refuse=1.0), number)
        assert (bad.mischief, bad.fault) != (Mischief.NONE, Fault.NONE)
        assert draw_resend(1, GENTLE, number).copies == 1
        assert draw_resend(1, Dials(duplicate=1.0), number).copies > 1


@pytest.mark.parametrize("seed", range(30))
async def test_a_varied_receipt_proves_the_message_that_it_is_for(seed):
    receiver, awkward = a_receiver(seed), a_message(seed)
    async with receive(receiver):
        answer = await post(awkward, receiver.listener.url, sleep=at_once)
    reply = read_reply(answer, check_signer=SignerCheck(trust(), Use.SIGN), now=NOW)
    check_receipt(
        reply.signal,
        awkward.message.references,
        message_id=awkward.message.message_id,
        to_party=messages.RECEIVER,
    )
    (arrival,) = receiver.listener.arrivals
    assert arrival.document == messages.INVOICE
    assert receiver.taken() == (arrival,)
    assert receiver.doubled() == []


def a_dressed_receipt(seed):
    """A receipt for the plain message, in the dress of *seed*, by the library's own writer."""
    how, sealed = draw_variation(seed, "receipt"), messages.a_sealed_message()
    plain = build_receipt(
        messages.read(sealed),
        message_id="r@awkward.example",
        now=NOW,
        signer=messages.key_pair("receiver"),
        nonce=messages.NONCE,
    )
    key = messages.key_pair("receiver")
    return dress(plain, how.dress, how.names, key=key, fresh="f" * 32), sealed


@pytest.mark.parametrize("seed", SEEDS)
def test_xmlsec_verifies_a_varied_receipt(seed):
    dressed, _ = a_dressed_receipt(seed)
    verified_by_xmlsec(dressed.soap, "receiver")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dress_changes_nothing_of_what_a_receipt_acknowledges(seed):
    dressed, sealed = a_dressed_receipt(seed)
    receipt = read_signal(dressed.soap, check_signer=messages.check_signer, now=NOW)
    told = {each.meaning for each in receipt.references}
    assert told == {each.meaning for each in sealed.references}


@pytest.mark.parametrize("dial", ["refuse", "lose", "truncate"])
async def test_a_dial_at_one_gives_no_proof(dial):
    receiver, awkward = a_receiver(1, replace(GENTLE, **{dial: 1.0})), a_message(1)
    async with receive(receiver):
        for _ in range(8):
            answer = await post(awkward, receiver.listener.url, sleep=at_once)
            reply = read_reply(answer, check_signer=SignerCheck(trust(), Use.SIGN), now=NOW)
            proof = isinstance(reply.signal, Receipt) and reply.signal.authenticated
            assert not proof or answer.trouble
    assert len(receiver.deeds) == 8
    assert len(receiver.taken()) == (dial != "refuse")


async def test_a_message_that_it_has_is_receipted_whatever_the_dials_say():
    receiver, awkward = a_receiver(), a_message(1)
    async with receive(receiver):
        (first,) = await deliver(awkward, receiver.listener.url, Resend((), 1), sleep=at_once)
        receiver.dials = Dials(refuse=1.0)
        again = [await post(awkward, receiver.listener.url, sleep=at_once) for _ in range(12)]
    signed = [each for each in again if each.body]
    assert first.body
    assert len(signed) > 0
    for each in signed:
        reply = read_reply(each, check_signer=SignerCheck(trust(), Use.SIGN), now=NOW)
        assert isinstance(reply.signal, Receipt)
    assert len(receiver.taken()) == 1


async def test_broken_off_and_posted_three_times_a_message_is_taken_once():
    receiver, awkward = a_receiver(), a_message(2)
    async with receive(receiver):
        resend = Resend((0.3, 0.9), 3)
        answers = await deliver(awkward, receiver.listener.url, resend, sleep=at_once)
    assert [answer.status for answer in answers] == [200] * 3
    assert len(receiver.listener.arrivals) == 3
    assert len(receiver.taken()) == 1
    assert receiver.doubled() == []


async def test_a_second_message_about_one_business_document_is_reported():
    receiver = a_receiver()
    async with receive(receiver):
        for seed in (1, 2):
            await post(a_message(seed, tools()), receiver.listener.url, sleep=at_once)
        await post(a_message(3, tools(start=9)), receiver.listener.url, sleep=at_once)
    (instance,) = receiver.doubled()
    assert instance == messages.an_sbdh().instance_identifier


async def test_what_is_no_http_ends_its_connection_and_nothing_else():
    receiver, awkward = a_receiver(), a_message(4)
    async with receive(receiver):
        where = urlsplit(receiver.listener.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(b"\x16\x03\x01 no HTTP\r\n\r\n")
        await writer.drain()
        writer.write_eof()
        await reader.read()
        writer.close()
        answer = await post(awkward, receiver.listener.url, sleep=at_once)
    assert answer.status == 200


async def test_whoever_is_not_there_is_told_as_trouble():
    answer = await post(a_message(5), "http://127.0.0.1:1/as4", sleep=at_once)
    assert (answer.status, bool(answer.trouble)) == (0, True)


async def test_pieces_are_the_body_and_a_large_one_is_not_cut_to_crumbs():
    how = replace(draw_variation(1, "test").transfer, sizes=(1, 7))
    for size in (0, 1, 5000, 1_200_000):
        body = bytes(size)
        cut = [piece async for piece in pieces(body, how, at_once)]
        assert b"".join(cut) == body
        assert len(cut) <= 5000
