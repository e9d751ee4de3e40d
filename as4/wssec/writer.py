"""Write a wsse:Security header around references that are to be signed."""

from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache

from as4 import xmldsig
from as4.algorithms import (
    ATTACHMENT_CIPHERTEXT,
    ATTACHMENT_CONTENT_ONLY,
    BASE64_BINARY,
    ENCRYPTED_KEY_TOKEN,
    X509_V3,
    AlgorithmSuite,
)
from as4.certificates import Certificate, Signer
from as4.namespaces import DS, WSSE, WSSE11, WSU, XENC
from as4.xmldsig import Reference, attribute_text

# LIMIT: certificates whose text is remembered; ours, and those of the peers we send to.
CERTIFICATES_MAX = 64


def build_security(
    references: Sequence[Reference],
    *,
    signer: Signer,
    suite: AlgorithmSuite,
    nonce: str,
    encryption: str = "",
) -> str:
    """Return a Security header in which *signer* signs *references*, after *encryption*.

    The prefix S12 is bound by the envelope around it.
    """
    token_id = f"X509-{nonce}"
    signature = xmldsig.build_signature(
        references,
        f"<wsse:SecurityTokenReference>{_build_token_reference(token_id)}"
        "</wsse:SecurityTokenReference>",
        key=signer.key,
        suite=suite,
        signature_id=f"SIG-{nonce}",
    )
    return (
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" S12:mustUnderstand="true">'
        f"{encryption}{_build_token(signer.certificate, token_id)}{signature}</wsse:Security>"
    )


def build_encrypted_data(href: str, *, suite: AlgorithmSuite, nonce: str) -> str:
    """Return the EncryptedData that says how the attachment *href* is encrypted.

    [WSS-SWA §5.5]
    """
    return (
        f'<xenc:EncryptedData xmlns:xenc="{XENC}" Id="ED-{nonce}" MimeType="application/gzip"'
        f' Type="{ATTACHMENT_CONTENT_ONLY}">'
        f'<xenc:EncryptionMethod Algorithm="{suite.data_encryption}"/>'
        f'<ds:KeyInfo xmlns:ds="{DS}"><wsse:SecurityTokenReference xmlns:wsse11="{WSSE11}"'
        f' wsse11:TokenType="{ENCRYPTED_KEY_TOKEN}"><wsse:Reference URI="#EK-{nonce}"/>'
        "</wsse:SecurityTokenReference></ds:KeyInfo>"
        f'<xenc:CipherData><xenc:CipherReference URI="{attribute_text(href)}"><xenc:Transforms>'
        f'<ds:Transform xmlns:ds="{DS}" Algorithm="{ATTACHMENT_CIPHERTEXT}"/></xenc:Transforms>'
        "</xenc:CipherReference></xenc:CipherData></xenc:EncryptedData>"
    )


def build_encrypted_key(
    recipient: Certificate,
    wrapped: bytes,
    parameters: tuple[bytes, ...] = (),
    *,
    suite: AlgorithmSuite,
    nonce: str,
) -> str:
    """Return the token of *recipient* and the EncryptedKey with the *wrapped* key for it.

    *wrapped* and *parameters* are what the suite's `KeyMethod` made.
    """
    token_id = f"X509-R-{nonce}"
    reference = (
        f"<wsse:SecurityTokenReference>{_build_token_reference(token_id)}"
        "</wsse:SecurityTokenReference>"
    )
    return (
        f"{_build_token(recipient, token_id)}"
        f'<xenc:EncryptedKey xmlns:xenc="{XENC}" Id="EK-{nonce}">'
        f"{suite.content_key.describe(reference, parameters)}"
        f"<xenc:CipherData><xenc:CipherValue>{b64encode(wrapped).decode()}</xenc:CipherValue>"
        f'</xenc:CipherData><xenc:ReferenceList><xenc:DataReference URI="#ED-{nonce}"/>'
        "</xenc:ReferenceList></xenc:EncryptedKey>"
    )


def _build_token(certificate: Certificate, token_id: str) -> str:
    return (
        f'<wsse:BinarySecurityToken EncodingType="{BASE64_BINARY}" ValueType="{X509_V3}"'
        f' wsu:Id="{token_id}">{_encode(certificate.der)}</wsse:BinarySecurityToken>'
    )


@lru_cache(CERTIFICATES_MAX)
def _encode(der: bytes) -> str:
    return b64encode(der).decode()


def _build_token_reference(token_id: str) -> str:
    return f'<wsse:Reference URI="#{token_id}" ValueType="{X509_V3}"/>'
