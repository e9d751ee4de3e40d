"""Security headers that are not the profile's: refused before a key is even looked for."""

import re

import pytest

from as4.algorithms import (
    ATTACHMENT_CONTENT_ONLY,
    SHA256,
)
from tests.support.messages import (
    NONCE,
    a_ping,
    a_sealed_message,
    cut,
    read,
    refused_unopened,
    swap,
)

WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
TOKEN, TOKEN_END = "<wsse:BinarySecurityToken", "</wsse:BinarySecurityToken>"
STR = "<wsse:SecurityTokenReference>{}</wsse:SecurityTokenReference>"
OAEP_DIGEST = f'<ds:DigestMethod xmlns:ds="{DSIG}" Algorithm="{SHA256}"/>'
X509 = f"{WSS}x509-token-profile-1.0#"
ID = f"msg-{NONCE}"
ISSUER_SERIAL = (
    "<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>CN=x</ds:X509IssuerName>"
    "<ds:X509SerialNumber>1</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>"
)
KEY_VALUE = (
    "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB"
    "</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
)
KEY_IDENTIFIER = (
    f'<wsse:KeyIdentifier ValueType="{X509}X509SubjectKeyIdentifier">AAAA</wsse:KeyIdentifier>'
)


def key_info(content):
    """A hook that lets *content* name the signer's key."""
    start, end = "<ds:KeyInfo>", "</ds:KeyInfo></ds:Si"
    return cut(f"{start}<wsse:S", end, f"{start}{content}{end}")


def recipient_info(content):
    """A hook that lets *content* name the recipient's key."""
    return cut(
        f'<ds:KeyInfo xmlns:ds="{DSIG}"><wsse:S',
        "</ds:KeyInfo><xenc:CipherData><xenc:CipherV",
        f'<ds:KeyInfo xmlns:ds="{DSIG}">{content}</ds:KeyInfo><xenc:CipherData><xenc:CipherV',
    )


def repeated(start, end, **attributes):
    """A hook that repeats a stretch, its ids made different."""

    def hook(text):
        first = text.index(start)
        last = text.index(end, first) + len(end)
        return text[:last] + re.sub(r'(Id="[^"]+)"', r'\1-2"', text[first:last]) + text[last:]

    return hook


HEADERS = {
    "no Security": cut("<wsse:Security", "</wsse:Security>"),
    "two Security": repeated("<wsse:Security", "</wsse:Security>"),
    "Security for somebody else": swap("<wsse:Security", '<wsse:Security S12:role="urn:x"'),
    "unsigned": cut("<ds:Signature ", "</ds:Signature>"),
    "signed twice": repeated("<ds:Signature ", "</ds:Signature>"),
    "no encrypted key": cut("<xenc:EncryptedKey ", "</xenc:EncryptedKey>"),
    "two encrypted keys": repeated("<xenc:EncryptedKey ", "</xenc:EncryptedKey>"),
    "no encrypted data": cut("<xenc:EncryptedData ", "</xenc:EncryptedData>"),
    "two encrypted data": repeated("<xenc:EncryptedData ", "</xenc:EncryptedData>"),
    "no encryption at all": cut("<xenc:EncryptedKey ", "</xenc:EncryptedData>"),
    "no token of the signer": cut(TOKEN, f"{TOKEN_END}<ds:S", "<ds:S"),
    "no token of the recipient": cut(TOKEN, TOKEN_END),
    "a user name": swap(
        "<ds:Signature ", "<wsse:UsernameToken></wsse:UsernameToken><ds:Signature "
    ),
    "many tokens": swap("<ds:Signature ", f"{TOKEN}>{TOKEN_END}" * 9 + "<ds:Signature "),
    "an Object": swap(
        "</ds:KeyInfo></ds:Signature>", "</ds:KeyInfo><ds:Object></ds:Object></ds:Signature>"
    ),
    "no KeyInfo": cut("<ds:KeyInfo><wsse:S", "</ds:KeyInfo>"),
    "a signature value that is not base64": swap("<ds:SignatureValue>", "<ds:SignatureValue>*"),
    "a signature value with a comment": swap("<ds:SignatureValue>", "<ds:SignatureValue><!---->"),
    "key by issuer and serial": key_info(STR.format(ISSUER_SERIAL)),
    "key by key identifier": key_info(STR.format(KEY_IDENTIFIER)),
    "key by value": key_info(KEY_VALUE),
    "key by name": key_info("<ds:KeyName>blue</ds:KeyName>"),
    "key by retrieval": key_info(f'<ds:RetrievalMethod URI="#X509-{NONCE}"></ds:RetrievalMethod>'),
    "key by X509Data": key_info(
        "<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>"
    ),
    "key by a name beside the token": swap(
        "<ds:KeyInfo><wsse:S", "<ds:KeyInfo><ds:KeyName>x</ds:KeyName><wsse:S"
    ),
    "key by a reference outside": swap(f'URI="#X509-{NONCE}"', 'URI="https://example.com/key"'),
    "key by a reference to nothing": swap(f'URI="#X509-{NONCE}"', 'URI="#nothing"'),
    "key by a reference to no token": swap(f'URI="#X509-{NONCE}"', f'URI="#{ID}"'),
    "a token that is a chain": lambda text: text.replace("#X509v3", "#X509PKIPathv1"),
    "a token of another type": swap('ValueType="', 'ValueType="urn:x'),
    "a token without type": lambda text: text.replace(f' ValueType="{X509}X509v3"', ""),
    "a token in hexadecimal": lambda text: text.replace("#Base64Binary", "#HexBinary"),
    "a token with a comment": swap(f"{TOKEN_END}<ds:S", f"<!---->{TOKEN_END}<ds:S"),
    "recipient by issuer and serial": recipient_info(STR.format(ISSUER_SERIAL)),
    "recipient by key identifier": recipient_info(STR.format(KEY_IDENTIFIER)),
    "recipient by name": recipient_info("<ds:KeyName>red</ds:KeyName>"),
    "RSA 1.5": swap(f"{XENC11}rsa-oaep", f"{XENC}rsa-1_5"),
    "the older OAEP": swap(f"{XENC11}rsa-oaep", f"{XENC}rsa-oaep-mgf1p"),
    "OAEP over SHA-1": swap(OAEP_DIGEST, OAEP_DIGEST.replace(SHA256, f"{DSIG}sha1")),
    "OAEP without digest": swap(OAEP_DIGEST, ""),
    "OAEP without mask": cut("<xenc11:MGF", "/>"),
    "a mask over SHA-1": swap("mgf1sha256", "mgf1sha1"),
    "OAEP with parameters": swap('rsa-oaep">', 'rsa-oaep"><xenc:OAEPparams>AAAA</xenc:OAEPparams>'),
    "AES-256": swap("aes128-gcm", "aes256-gcm"),
    "AES in CBC": swap(f"{XENC11}aes128-gcm", f"{XENC}aes128-cbc"),
    "triple DES": swap(f"{XENC11}aes128-gcm", f"{XENC}tripledes-cbc"),
    "a key size": swap(
        'aes128-gcm"/>', 'aes128-gcm"><xenc:KeySize>128</xenc:KeySize></xenc:EncryptionMethod>'
    ),
    "an attachment with its headers": swap("#Attachment-Content-Only", "#Attachment-Complete"),
    "an encrypted element": swap(ATTACHMENT_CONTENT_ONLY, f"{XENC}Content"),
    "another attachment encrypted": swap(
        '<xenc:CipherReference URI="cid:att', '<xenc:CipherReference URI="cid:other'
    ),
    "another transform of the ciphertext": swap(
        "#Attachment-Ciphertext-Transform", "#Attachment-Content-Signature-Transform"
    ),
    "no transform of the ciphertext": cut("<xenc:Transforms>", "</xenc:Transforms>"),
    "data under another key": swap(
        f'<wsse:Reference URI="#EK-{NONCE}"/>', f'<wsse:Reference URI="#X509-{NONCE}"/>'
    ),
    "a key for other data": swap(
        f'<xenc:DataReference URI="#ED-{NONCE}"/>', f'<xenc:DataReference URI="#EK-{NONCE}"/>'
    ),
    "a key for two data": swap(
        "<xenc:DataReference ", f'<xenc:DataReference URI="#ED-{NONCE}"/><xenc:DataReference '
    ),
    "a ciphertext in the header": cut(
        "<xenc:CipherReference",
        "</xenc:CipherReference>",
        "<xenc:CipherValue>AAAA</xenc:CipherValue>",
    ),
    "a cipher inside the name of its key": lambda text: swap(
        "</xenc:CipherData><xenc:ReferenceList>",
        "</xenc:CipherData></ds:KeyInfo><xenc:ReferenceList>",
    )(swap("</ds:KeyInfo><xenc:CipherData>", "<xenc:CipherData>")(text)),
    "a reference inside the method": swap(
        'aes128-gcm"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">',
        'aes128-gcm"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></xenc:EncryptionMethod>'
        '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">',
    ),
    "duplicate ids": swap(f'wsu:Id="body-{NONCE}"', f'wsu:Id="{ID}"'),
    "duplicate ids of two kinds": swap("<xenc:EncryptedData ", f'<xenc:EncryptedData ID="{ID}" '),
    "duplicate ids in lower case": swap("<wsse:Security ", f'<wsse:Security id="{ID}" '),
    "duplicate ids by xml:id": swap("<wsse:Security ", f'<wsse:Security xml:id="{ID}" '),
    "duplicate ids on one element": swap(f'wsu:Id="{ID}"', f'wsu:Id="{ID}" Id="{ID}"'),
}


@pytest.mark.parametrize("hook", HEADERS.values(), ids=HEADERS.keys())
def test_a_message_not_secured_as_the_profile_demands_is_noncompliant(hook):
    """Each row breaks a clause: of ids [WSS §4.2], of tokens [WSS §6.3] [WSS-X509 §3.1] and how
    they are named [WSS-X509 §3.3], of the encrypted data [XMLENC §3.4] [WSS-SWA §5.5] and of its
    key [XMLENC §3.5.1] [XMLENC §5.5.2].
    """
    assert refused_unopened(a_sealed_message(soap=hook)).code == "EBMS:0103"


def test_a_ping_without_payload_must_be_signed_over_messaging_and_body():
    """[PEPPOL-AS4 §2.4]"""
    sealed = a_ping()
    soap = sealed.body.decode()
    for name in ("ds:Signature", "wsse:Security"):
        hook = cut(f"<{name} ", f"</{name}>")
        body = hook(soap).encode()
        spoiled = type(sealed)(sealed.content_type, body, sealed.message_id, (), b"", 0, 0)
        assert refused_unopened(spoiled).code == "EBMS:0103"


def test_a_ping_without_payload_has_nothing_to_decrypt():
    sealed, other = a_ping(), a_sealed_message().body.decode("latin-1")
    key = other[other.index("<xenc:EncryptedKey") : other.index("<xenc:EncryptedData")]
    body = sealed.body.replace(b"<ds:Signature ", key.encode() + b"<ds:Signature ")
    spoiled = type(sealed)(sealed.content_type, body, sealed.message_id, (), b"", 0, 0)
    assert refused_unopened(spoiled).code == "EBMS:0103"


HARMLESS = {
    "an extra token": swap(
        "<ds:Signature ",
        '<wsse:BinarySecurityToken wsu:Id="extra">AAAA</wsse:BinarySecurityToken><ds:Signature ',
    ),
    "a timestamp": swap(
        "<ds:Signature ", '<wsu:Timestamp wsu:Id="ts"></wsu:Timestamp><ds:Signature '
    ),
    "no list of references": cut("<xenc:ReferenceList>", "</xenc:ReferenceList>"),
    "a reference without type": lambda text: text.replace(f'" ValueType="{X509}X509v3"/>', '"/>'),
    "a token without encoding": lambda text: text.replace(
        f' EncodingType="{WSS}soap-message-security-1.0#Base64Binary"', ""
    ),
    "a comment between elements": swap("<ds:Signature ", "<!-- signed --><ds:Signature "),
    "lines in base64": lambda text: re.sub(
        r"(<(?:ds:SignatureValue|xenc:CipherValue)>)([^<]{76})", "\\1\n\\2\r\n", text
    ),
}


@pytest.mark.parametrize("hook", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_peers_add_or_leave_out_does_no_harm(hook):
    """What WS-Security leaves free.  [WSS §4]"""
    sealed = a_sealed_message(soap=hook)
    assert read(sealed).payload == sealed.payload
