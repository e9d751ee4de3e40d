"""Tie a signature to the elements that are used later, and prove it."""

from as4 import xmldsig
from as4.certificates import Certificate
from as4.contentmodel import local_name
from as4.envelope import Envelope, Ids
from as4.errors import FailedAuthentication, PolicyNoncompliance
from as4.wssec.reader import is_same_cid
from as4.wssec.tokens import resolve
from as4.xmldsig import Signature


def check_coverage(
    signature: Signature, envelope: Envelope, ids: Ids, *, href: str | None
) -> bytes | None:
    """Check that *signature* covers Messaging, Body and the attachment *href*, and nothing else.

    Returns the signed digest of the attachment, None without one.
    The referenced nodes must be those of *envelope* themselves, not others of the same name.
    Raises PolicyNoncompliance.  [PEPPOL-AS4 §2] [WSS-SWA §5.4]
    """
    attachment: bytes | None = None
    missing = {"Messaging": envelope.messaging, "Body": envelope.body}
    for reference in signature.references:
        if reference.uri.startswith("cid:"):
            if attachment is not None or href is None or not is_same_cid(reference.uri, href):
                raise PolicyNoncompliance(f"the signature covers {reference.uri[:200]} too")
            attachment = reference.digest_value
            continue
        element = resolve(reference.uri, ids)
        name = next((name for name, known in missing.items() if known is element), None)
        if name is None:
            raise PolicyNoncompliance(f"the signature covers another {local_name(element)}")
        del missing[name]
    if missing or (href is not None and attachment is None):
        names = [*missing, *(() if href is None or attachment else ("the attachment",))]
        raise PolicyNoncompliance(f"the signature does not cover {' and '.join(names)}")
    return attachment


def verify_signature(signature: Signature, ids: Ids, public_key: object) -> None:
    """Raise FailedAuthentication unless *signature* and the digests of its elements hold.

    The attachment's digest is compared by whoever decrypts it.  [XMLDSIG §3.2]
    """
    xmldsig.verify_value(signature, public_key)
    for reference in signature.references:
        if not reference.uri.startswith("cid:"):
            xmldsig.verify_reference(reference, resolve(reference.uri, ids))


def check_signer(certificate: Certificate, party: str) -> None:
    """Raise FailedAuthentication unless *certificate* was issued to *party*.

    [PEPPOL-AS4 §2.2]
    """
    if certificate.subject_cn != party:
        raise FailedAuthentication(f"the signer is {certificate.subject_cn}, not {party}")
