"""Receiving from a signer whose revocation is asked for: revoked, and not to be known."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from as4 import pack
from as4.certificates import Anchors, load_certificate, load_key_pair
from as4.compression import gzip_compress
from gateway.sandbox.pki import build_crl, issue_access_point, make_pki
from gateway.sandbox.revocation import RevocationLists
from tests.support.messages import NONCE, a_business_envelope, a_user_message, key_pair
from tests.support.pki import NOW
from tests.support.reception import Lists, a_receiver, a_trust

URL = "http://crl.example"


def anchors_of(known):
    return Anchors.load(known.root.certificate_pem, known.ap_ca.certificate_pem)


def sealed_by(pair):
    return pack.seal(
        a_user_message(),
        gzip_compress(a_business_envelope()),
        signer=pair,
        recipient=load_certificate(key_pair("receiver").certificate.der),
        content_key=bytes(16),
        iv=bytes(12),
        nonce=NONCE,
    )


class Responder:
    """The sandbox's responder, asked without a network."""

    def __init__(self, lists):
        self.lists = lists
        self.questions = 0

    async def ask(self, url, *, body, **_):
        assert url == f"{URL}/ocsp"
        self.questions += 1
        return self.lists._signed_answer(body).public_bytes(Encoding.DER)


async def test_a_revoked_signer_is_refused_and_an_unknown_one_waits(database, tmp_path):
    known = make_pki(now=NOW - timedelta(days=30), revocation_url=URL)
    identity = issue_access_point(known, "PBE000001", now=NOW)
    pair = load_key_pair(identity.key_pem + identity.certificate_pem)
    lists = Lists(
        {
            f"{URL}/ap-ca.crl": build_crl(known.ap_ca, [pair.certificate.serial], now=NOW),
            f"{URL}/root.crl": build_crl(known.root, now=NOW),
        }
    )
    anchors, sealed = anchors_of(known), sealed_by(pair)
    for getter, verdict in ((lists, "EBMS:0101"), (Lists(), "503")):
        folder = tmp_path / verdict.replace(":", "")
        trust = a_trust(folder, getter=getter, known=anchors)
        async with a_receiver(database, folder, trust=trust) as receiver:
            answer = await receiver.post(sealed)
            assert answer.verdict == verdict
            assert await receiver.count() == (0, 0)
    assert b"Receipt" not in answer.body


@pytest.mark.parametrize(("revoked", "verdict"), [(False, "receipt"), (True, "EBMS:0101")])
async def test_while_the_lists_host_is_away_the_responder_decides_and_is_asked_once(
    database, tmp_path, revoked, verdict
):
    known = make_pki(now=NOW - timedelta(days=30), revocation_url=URL)
    identity = issue_access_point(known, "PBE000001", now=NOW)
    pair = load_key_pair(identity.key_pem + identity.certificate_pem)
    lists = RevocationLists()
    lists.publish(known, now=NOW)
    if revoked:
        lists.revoke(known, "ap-ca", identity, now=NOW)
    responder = Responder(lists)
    away = Lists({f"{URL}/root.crl": build_crl(known.root, now=NOW)})
    trust = a_trust(tmp_path, getter=away, asker=responder, known=anchors_of(known))
    async with a_receiver(database, tmp_path, trust=trust) as receiver:
        for _ in range(2):
            answer = await receiver.post(sealed_by(pair))
            assert answer.verdict == verdict
        assert await receiver.count() == ((0, 0) if revoked else (1, 1))
    assert responder.questions == 1
