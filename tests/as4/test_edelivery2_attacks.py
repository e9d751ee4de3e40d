"""The second suite under attack: what the first refuses, it refuses, and what is its own."""

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from as4 import unpack, xmldsig
from as4.algorithms import is_ed25519_signature
from as4.certificates import (
    CURVE_KEYS,
    Anchors,
    FailedAuthentication,
    UnusableMaterial,
    Use,
    check_certificate,
    check_leaf,
)
from as4.envelope import open_envelope, parse_root
from as4.errors import As4Error
from as4.familiar import Familiars
from as4.pmode import FOUR_CORNERS, PEPPOL
from as4.receipt import build_receipt
from as4.signal import Receipt, read_signal
from as4.suites import EDELIVERY_1
from as4.usermessage import UserMessageKind
from tests.support import curves
from tests.support.certificates import an_authority, key, pem
from tests.support.curves import (
    NONCE,
    NOW,
    PEPPOL_NEXT,
    anchors,
    pair,
    read,
    refused_unopened,
    seal,
)
from tests.support.messages import a_sealed_message, cut, key_pair, swap
from tests.support.messages import read as read_first
from tests.support.pki import leaf

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
MORE21 = "http://www.w3.org/2021/04/xmldsig-more#"
XENC, XENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
ORDER = 2**252 + 27742317777372353535851937790883648493
PRF = f'<more:PRF Algorithm="{MORE}hmac-sha256"/>'
LENGTH = "<more:KeyLength>16</more:KeyLength>"
SALT, SALT_END = "<more:Salt>", "</more:Salt>"
ORIGIN, ORIGIN_END = "<xenc:OriginatorKeyInfo>", "</xenc:OriginatorKeyInfo>"
TOKEN = f"X509-R-{NONCE}"
NAMED = "<ds:KeyName>red</ds:KeyName>"


def test_a_message_of_the_first_suite_is_no_message_of_the_second():
    sealed = a_sealed_message()
    assert refused_unopened(sealed, pmode=PEPPOL_NEXT).code == "EBMS:0103"


def test_a_message_of_the_second_suite_is_no_message_of_the_first():
    sealed = seal(pmode=PEPPOL_NEXT)
    with pytest.raises(As4Error) as refused:
        read_first(sealed)
    assert refused.value.code == "EBMS:0103"
    assert refused.value.ref_to_message_id == sealed.message_id


def test_a_receipt_of_the_other_suite_is_not_authenticated():
    received = read(seal())
    made = {"message_id": "r@red.example", "now": NOW, "nonce": NONCE}
    soap = build_receipt(received, signer=key_pair("receiver"), pmode=PEPPOL, **made)
    receipt = read_signal(soap, check_signer=curves.check_signer, now=NOW, pmode=FOUR_CORNERS)
    assert isinstance(receipt, Receipt)
    assert not receipt.authenticated
    assert "SignatureMethod" in receipt.problem


DOWNGRADES = {
    "signed by RSA": swap(f"{MORE21}eddsa-ed25519", f"{MORE}rsa-sha256"),
    "signed by ECDSA": swap(f"{MORE21}eddsa-ed25519", f"{MORE}ecdsa-sha256"),
    "signed by Ed448": swap("eddsa-ed25519", "eddsa-ed448"),
    "a signature with a context": swap(
        'eddsa-ed25519">', 'eddsa-ed25519"><more:Context xmlns:more="urn:x"></more:Context>'
    ),
    "a digest by SHA-1": swap(f"{XENC}sha256", f"{DSIG}sha1"),
    "inclusive canonicalisation": swap(EXC, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    "canonicalisation with comments": swap(EXC, f"{EXC}WithComments"),
    "an enveloped signature": swap(
        f'Transform Algorithm="{EXC}"', f'Transform Algorithm="{DSIG}x"'
    ),
    "no reference": cut("<ds:Reference", "</ds:Reference></ds:SignedInfo>", "</ds:SignedInfo>"),
}


def repeated(start):
    """A hook that repeats the ds:Reference whose URI begins with *start*."""

    def hook(text):
        first = text.index(f'<ds:Reference URI="{start}')
        last = text.index("</ds:Reference>", first) + 15
        return text[:last] + text[first:last] + text[last:]

    return hook


def without(start):
    return cut(f'<ds:Reference URI="{start}', "</ds:Reference>")


COVERAGE = {
    "Messaging twice": repeated("#msg-"),
    "Body twice": repeated("#body-"),
    "the attachment twice": repeated("cid:"),
    "no Messaging": without("#msg-"),
    "no Body": without("#body-"),
    "no attachment": without("cid:"),
    "the token": swap("#body-", "#X509-"),
}


@pytest.mark.parametrize("hook", (DOWNGRADES | COVERAGE).values(), ids=DOWNGRADES | COVERAGE)
def test_a_signature_by_other_means_or_over_other_parts_is_noncompliant(hook):
    assert refused_unopened(seal(signed_info=hook)).code == "EBMS:0103"


RSA_METHOD = EDELIVERY_1.content_key.describe(
    f'<wsse:SecurityTokenReference><wsse:Reference URI="#{TOKEN}"/></wsse:SecurityTokenReference>',
    (),
)
ENCRYPTION = {
    "RSA in place of the agreement": cut(
        "<xenc:EncryptionMethod", "</ds:KeyInfo><xenc:CipherData", RSA_METHOD + "<xenc:CipherData"
    ),
    "wrapped under 256 bits": swap("kw-aes128", "kw-aes256"),
    "wrapped by 3DES": swap("kw-aes128", "kw-tripledes"),
    "a wrap with parameters": swap('kw-aes128"/>', 'kw-aes128"><x/></xenc:EncryptionMethod>'),
    "agreement on P-256": swap(f"{MORE21}x25519", f"{XENC11}ECDH-ES"),
    "agreement on X448": swap("#x25519", "#x448"),
    "agreement with a nonce": swap(
        "<xenc11:KeyDer", "<xenc:KA-Nonce>AAAA</xenc:KA-Nonce><xenc11:KeyDer"
    ),
    "derivation by ConcatKDF": swap(f"{MORE21}hkdf", f"{XENC11}ConcatKDF"),
    "derivation by PBKDF2": swap(f"{MORE21}hkdf", f"{XENC11}pbkdf2"),
    "no derivation": cut("<xenc11:KeyDerivationMethod", "</xenc11:KeyDerivationMethod>"),
    "no parameters": cut("<more:HKDFParams", "</more:HKDFParams>"),
    "HKDF over SHA-1": swap("#hmac-sha256", "#hmac-sha1"),
    "HKDF over SHA-512": swap("#hmac-sha256", "#hmac-sha512"),
    "HKDF of no function": swap(PRF, ""),
    "HKDF of a function with parameters": swap(PRF, PRF.replace("/>", "><x/></more:PRF>")),
    "two functions": swap(PRF, PRF * 2),
    "a key of 32 bytes": swap(LENGTH, LENGTH.replace("16", "32")),
    "a key of 15 bytes": swap(LENGTH, LENGTH.replace("16", "15")),
    "a key of 16 bytes, written oddly": swap(LENGTH, LENGTH.replace("16", "016")),
    "a key of no length": swap(LENGTH, ""),
    "a key of a length with a comment": swap(LENGTH, LENGTH.replace("16", "16<!---->")),
    "salt that is not base64": swap(SALT, f"{SALT}*"),
    "two salts": swap(SALT, f"{SALT}AAAA{SALT_END}{SALT}"),
    "salt without end": cut(SALT, SALT_END, f"{SALT}{b64encode(bytes(1025)).decode()}{SALT_END}"),
    "an originator without end": cut(
        'xmldsig11#">', "</dsig11", f'xmldsig11#">{b64encode(bytes(1025)).decode()}</dsig11'
    ),
    "info without end": swap(
        SALT_END, f"{SALT_END}<more:Info>{b64encode(bytes(1025)).decode()}</more:Info>"
    ),
    "parameters out of order": cut(PRF, SALT_END, f"{SALT}AAAA{SALT_END}{PRF}"),
    "no originator": cut(ORIGIN, ORIGIN_END),
    "an originator by name": cut(ORIGIN, ORIGIN_END, f"{ORIGIN}{NAMED}{ORIGIN_END}"),
    "an originator that is not base64": swap('xmldsig11#">', 'xmldsig11#">*'),
    "two originators": cut(
        ORIGIN, ORIGIN_END, ORIGIN + '<d:DEREncodedKeyValue xmlns:d="urn:x"/>' * 2 + ORIGIN_END
    ),
    "no recipient": cut("<xenc:RecipientKeyInfo>", "</xenc:RecipientKeyInfo>"),
    "a recipient by name": cut(
        "<xenc:RecipientKeyInfo>",
        "</xenc:RecipientKeyInfo>",
        f"<xenc:RecipientKeyInfo>{NAMED}</xenc:RecipientKeyInfo>",
    ),
    "a recipient that is no token": swap(f'URI="#{TOKEN}"', f'URI="#msg-{NONCE}"'),
    "a key beside the agreement": swap("<xenc:AgreementMethod", f"{NAMED}<xenc:AgreementMethod"),
    "two agreements": swap(
        "</xenc:AgreementMethod>", "</xenc:AgreementMethod><xenc:AgreementMethod/>"
    ),
    "content under CBC": swap(f"{XENC11}aes128-gcm", f"{XENC}aes128-cbc"),
    "content under 256 bits": swap(f"{XENC11}aes128-gcm", f"{XENC11}aes256-gcm"),
    "the key of other data": swap("#ED-", "#SIG-"),
    "unsigned": cut("<ds:Signature ", "</ds:Signature>"),
    "no encrypted key": cut("<xenc:EncryptedKey ", "</xenc:EncryptedKey>"),
    "no encrypted data": cut("<xenc:EncryptedData ", "</xenc:EncryptedData>"),
    "no encryption at all": cut("<xenc:EncryptedKey ", "</xenc:EncryptedData>"),
}


@pytest.mark.parametrize("hook", ENCRYPTION.values(), ids=ENCRYPTION)
@pytest.mark.parametrize("familiar", [False, True])
def test_an_encryption_by_other_means_is_noncompliant(hook, familiar, monkeypatch):
    """Whether or not envelopes of this shape were seen before.  [XMLENC §5.6] [RFC9231 §2.8.1]"""
    shapes = Familiars(UserMessageKind())
    monkeypatch.setattr(unpack, "_FAMILIARS", shapes)
    if familiar:
        shapes.learn(_soap(seal()), FOUR_CORNERS)
        assert shapes.read(_soap(seal()), FOUR_CORNERS) is not None
    assert refused_unopened(seal(soap=hook)).code == "EBMS:0103"


def test_what_peers_add_or_leave_out_does_no_harm():
    def lines(text):
        return text.replace(SALT, f"{SALT}\n").replace(LENGTH, f"\n{LENGTH}\n")

    assert read(seal(soap=lines)).payload


# Signatures and certificates.


def signature_value(change):
    """A hook that changes the bytes of the signature value."""

    def hook(text):
        before, after = "<ds:SignatureValue>", "</ds:SignatureValue>"
        start = text.index(before) + len(before)
        end = text.index(after)
        changed = change(b64decode(text[start:end]))
        return f"{text[:start]}{b64encode(changed).decode()}{text[end:]}"

    return hook


def add_order(value):
    """The other S that solves the same equation: a verifier that does not look takes it, too."""
    s = int.from_bytes(value[32:], "little") + ORDER
    return value[:32] + s.to_bytes(32, "little")


VALUES = {
    "S and the order of the group": add_order,
    "S with a bit above": lambda value: value[:-1] + bytes([value[-1] | 0x80]),
    "R with the other sign": lambda value: value[:31] + bytes([value[31] ^ 0x80]) + value[32:],
    "R alone": lambda value: value[:32],
    "a byte more": lambda value: value + b"\0",
    "nothing": lambda _: b"",
    "all zero": lambda value: bytes(len(value)),
    "a bit turned": lambda value: bytes([value[0] ^ 1]) + value[1:],
}


@pytest.mark.parametrize("change", VALUES.values(), ids=VALUES)
def test_a_signature_has_one_form(change):
    """Ed25519 compares R byte by byte and bounds S.  [RFC8032 §5.1.7]"""
    assert refused_unopened(seal(soap=signature_value(change))).code == "EBMS:0101"


SMALL_ORDER = [
    "01" + "00" * 31,
    "01" + "00" * 30 + "80",
    "ec" + "ff" * 30 + "7f",
    "00" * 32,
    "00" * 31 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ed" + "ff" * 30 + "7f",
    "ed" + "ff" * 31,
    "ee" + "ff" * 30 + "7f",
    "ee" + "ff" * 31,
]


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_key_of_small_order_signs_nothing(point):
    """[RFC8032 §5.1.7]"""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(point))
    except ValueError:
        return
    # R = B and S = 1: the equation holds wherever the digest is a multiple of the key's order.
    value = bytes.fromhex("58" + "66" * 31) + (1).to_bytes(32, "little")
    taken = 0
    for number in range(64):
        data = number.to_bytes(2)
        try:
            key.verify(value, data)
        except InvalidSignature:
            continue
        taken += 1
        assert not is_ed25519_signature(key, value, data)
    assert taken or point[:2] in ("ed", "ee")


SIGNERS = [
    "expired", "not yet valid", "foreign", "no seat", "may not sign", "agrees",
    "agrees and may sign", "authority", "third",
]  # fmt: skip


@pytest.mark.parametrize("name", SIGNERS)
def test_a_signer_that_may_not_sign_for_the_sender_fails_authentication(name):
    def hook(text):
        ours, theirs = (b64encode(pair(each).certificate.der).decode() for each in ("sender", name))
        assert ours in text
        return text.replace(ours, theirs)

    assert refused_unopened(seal(soap=hook)).code == "EBMS:0101"


@pytest.mark.parametrize("name", [each for each in SIGNERS if not each.startswith("agrees")])
def test_a_good_signature_by_a_bad_certificate_fails_authentication(name):
    assert refused_unopened(seal(signer=pair(name))).code == "EBMS:0101"


def test_the_certificate_of_the_other_suite_is_refused_by_kind():
    """[RFC8410 §3]"""
    rsa = leaf("sender").certificate_der
    with pytest.raises(FailedAuthentication, match="not an Ed25519 or X25519 key"):
        check_certificate(rsa, anchors=anchors(), now=NOW, use=Use.SIGN)
    with pytest.raises(FailedAuthentication, match="not an RSA key"):
        check_leaf(pair("sender").certificate.der, now=NOW, use=Use.SIGN)


@pytest.mark.parametrize(
    ("name", "use", "detail"),
    [
        ("agrees", Use.SIGN, "another kind"),
        ("sender", Use.ENCRYPT, "another kind"),
        ("signs for the receiver", Use.ENCRYPT, "another kind"),
        ("may not agree", Use.ENCRYPT, "does not allow keyAgreement"),
        ("may not sign", Use.SIGN, "does not allow digitalSignature"),
    ],
)
def test_each_key_serves_its_own_use(name, use, detail):
    """[RFC8410 §5]"""
    with pytest.raises(FailedAuthentication, match=detail):
        check_leaf(pair(name).certificate.der, now=NOW, use=use, kinds=CURVE_KEYS)


def test_an_algorithm_named_by_the_message_does_not_choose_the_verification():
    """The value is verified by the suite's function alone, whatever key the certificate has."""
    envelope = open_envelope(parse_root(_soap(seal())))
    (security,) = envelope.securities
    signature = xmldsig.parse_signature(security.find(f"{{{DSIG}}}Signature"), FOUR_CORNERS.suite)
    with pytest.raises(FailedAuthentication):
        xmldsig.verify_value(signature, key_pair("sender").certificate.public_key)


ALTERED = {
    "another receiver": swap("0208:0987654394", "0208:0987654395"),
    "another message id": swap("-000000000001@", "-000000000009@"),
    "a blank in Messaging": swap("<eb:PartyInfo>", " <eb:PartyInfo>"),
    "a blank in the Body": swap("></S12:Body>", "> </S12:Body>"),
    "a digest": swap(
        "<ds:DigestValue>", f"<ds:DigestValue>{b64encode(sha256(b'').digest()[:3]).decode()}"
    ),
}


@pytest.mark.parametrize("hook", ALTERED.values(), ids=ALTERED)
def test_what_was_altered_after_signing_fails_authentication(hook):
    with pytest.raises(As4Error) as caught:
        read(seal(soap=hook))
    assert caught.value.code == "EBMS:0101"


def _soap(sealed):
    start = sealed.body.index(b"<?xml")
    return sealed.body[start : sealed.body.index(b"</S12:Envelope>") + 15]


def test_authorities_of_the_first_suite_stay_rsa():
    files = [pem(each) for each in (*anchors().roots, *anchors().issuers)]
    with pytest.raises(UnusableMaterial, match="no RSA key"):
        Anchors.load(*files)


def test_an_authority_with_a_weak_key_certifies_no_curve():
    weak = an_authority("A root", public_key=key(bits=1024), signed_with=key(bits=1024))
    with pytest.raises(UnusableMaterial, match="Ed25519 key, nor an RSA key"):
        Anchors.load(pem(weak), kinds=CURVE_KEYS)
