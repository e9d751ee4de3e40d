"""An authority's list and responder as a gateway meets them, and leaves that name them."""

import asyncio
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from as4.certificates import Anchors
from gateway.errors import Unavailable
from tests.support.certificates import (
    DAY,
    SHA256,
    a_certificate,
    an_authority,
    der,
    key,
    name_of,
)
from tests.support.pki import NOW
from tests.support.reception import Lists, a_trust
from tests.support.responder import GOOD, HOUR, an_answer

LIST, RESPONDER = "http://crl.test/ca.crl", "http://ocsp.test"


def a_crl(
    *serials,
    issuer="A CA",
    signed_with=None,
    digest=SHA256,
    this_update=NOW - DAY,
    next_update=NOW + DAY,
    extensions=(),
    entries=(),
):
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name_of(issuer))
        .last_update(this_update)
        .next_update(next_update)
    )
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(this_update)
            .build()
        )
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(signed_with or key(issuer), digest).public_bytes(Encoding.DER)


class Books(Lists):
    """The authority's list and responder: what each says, and whether it can be reached."""

    def __init__(self, *, status=GOOD, listed=None, **answers):
        super().__init__({LIST: listed} if listed else {})
        self.status = status
        self.answers = answers
        self.up = True
        self.questions = []
        self.asked_first = asyncio.Event()
        self.leaves = {}

    def add(self, *leaves):
        self.leaves.update({leaf.serial_number: leaf for leaf in leaves})

    async def ask(self, url, *, content_type, body, bytes_max, timeout_seconds):
        assert content_type == "application/ocsp-request"
        assert (bytes_max, timeout_seconds) == (32 * 1024, 5.0)
        self.questions.append(url)
        self.asked_first.set()
        await asyncio.sleep(0)
        if not self.up:
            raise Unavailable(f"{url} does not answer")
        if isinstance(self.status, bytes):
            return self.status
        leaf = self.leaves[ocsp.load_der_ocsp_request(body).serial_number]
        return an_answer(leaf, status=self.status, **self.answers)


def a_leaf(*, crl=LIST, responders=(RESPONDER,), **changes):
    extensions = []
    if crl:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
        extensions.append((x509.CRLDistributionPoints([point]), False))
    if responders:
        places = [
            x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(each)
            )
            for each in responders
        ]
        extensions.append((x509.AuthorityInformationAccess(places), False))
    return a_certificate(extensions=extensions, **{"end": NOW + 30 * DAY, **changes})


@cache
def authorities():
    long = {"end": NOW + 90 * DAY}
    return Anchors.load(der(an_authority("A root", **long)), der(an_authority(**long)))


def trust_of(folder, books):
    return a_trust(folder, getter=books, asker=books, known=authorities())


async def told(trust, leaf, now=NOW):
    """What a message of *leaf* at *now* is told; the certificate is remembered as in a request."""
    return await trust.revocation(trust.check_signer(der(leaf), now), now)


def a_list(*serials, at=NOW - HOUR, days=1):
    return a_crl(*serials, this_update=at, next_update=at + days * DAY)
