"""What captured files of others hold: certificates of the real PKI, official examples."""

import base64
import re
from contextlib import suppress

from cryptography import x509

from ubl.errors import UblError
from ubl.routing import read_routing

_TOKEN = re.compile(rb"BinarySecurityToken[^>]*>([^<]+)<")


def bearer_token(test_data, name, *, issued_by):
    """Return the DER of the token in a captured message whose issuer's name has *issued_by*."""
    content = (test_data / "as4-captured" / name).read_bytes()
    for found in _TOKEN.findall(content):
        der = base64.b64decode(found)
        if issued_by in x509.load_der_x509_certificate(der).issuer.rfc4514_string():
            return der
    raise LookupError(f"{name} has no token issued by {issued_by}")


def g3_authority(test_data, role, stage):
    """Return the file of an authority of the Peppol PKI, generation 3."""
    words = f"PEPPOL {role} {'TEST ' if stage == 'test' else ''}CA"
    return test_data / "pki" / f"{words.replace(' ', '_')}-G3.pem"


def official_documents(test_data):
    """Yield the path, bytes and routing of each official example that is a document."""
    for path in sorted((test_data / "rules").glob("*/*examples/**/*")):
        if path.suffix.lower() != ".xml":
            continue
        data = path.read_bytes()
        with suppress(UblError):
            yield path, data, read_routing(data)
