"""Revocation lists and OCSP answers that we did not write: those of the openssl command.

It keeps its own time, so certificates and questions are of the machine's present.
"""

import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests.support.certificates import a_certificate, an_authority, key, pem
from tests.support.responder import a_responder

OPENSSL = shutil.which("openssl")
DAY = timedelta(days=1)
_CONFIGURATION = """
[ca]
default_ca = this
[this]
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
default_md = sha256
crl_extensions = extensions
[extensions]
{extensions}
[point]
fullname = URI:http://crl.example/part.crl
{point}
"""


def instant():
    """The machine's present, in whole seconds as certificates have them."""
    return datetime.now(UTC).replace(microsecond=0)


class OpensslAuthority:
    """An authority whose books openssl keeps: "A CA", with a responder that it certified."""

    def __init__(self, folder, *, crl_url=None, ocsp_url=None, **responder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.now = instant()
        self.valid = {"start": self.now - DAY, "end": self.now + DAY}
        self.root = an_authority("A root", **self.valid)
        self.certificate = an_authority(**self.valid)
        self.responder = a_responder(**{**self.valid, **responder})
        self._addresses = _addresses(crl_url, ocsp_url)
        self._write("ca.pem", pem(self.certificate))
        self._write("ca.key", _private(key("A CA")))
        self._write("responder.pem", pem(self.responder))
        self._write("responder.key", _private(key("responder")))
        self._write("index.txt", b"")
        self._write("crlnumber", b"01\n")

    def issue(self, status="V", **changes):
        """Issue a leaf and enter it: V is valid, R revoked; None leaves it out of the books."""
        leaf = a_certificate(extensions=self._addresses, **{**self.valid, **changes})
        if status is not None:
            self.enter(leaf, status)
        return leaf

    def enter(self, leaf, status):
        """Write *leaf*'s line, in place of an earlier one."""
        serial = f"{leaf.serial_number:X}"
        serial = serial.zfill(len(serial) + len(serial) % 2)
        revoked = f"{self.now:%y%m%d%H%M%SZ}" if status == "R" else ""
        ends = f"{self.valid['end']:%y%m%d%H%M%SZ}"
        line = f"{status}\t{ends}\t{revoked}\t{serial}\tunknown\t/CN={serial}\n"
        index = self.folder / "index.txt"
        others = [each for each in index.read_text().splitlines(True) if serial not in each]
        index.write_text("".join([*others, line]))

    def crl(self, *, seconds=86_400, extensions="", point=""):
        """Return a list that openssl signed, due again after *seconds*."""
        text = _CONFIGURATION.format(folder=self.folder, extensions=extensions, point=point)
        self._write("openssl.cnf", text.encode())
        self._run("ca", "-gencrl", "-config", "openssl.cnf", "-cert", "ca.pem", "-keyfile",
                  "ca.key", "-crlsec", str(seconds), "-out", "list.pem")  # fmt: skip
        return (self.folder / "list.pem").read_bytes()

    def answer(self, request, *options):
        """Return the answer of openssl to *request*."""
        self._write("request.der", request)
        self._run("ocsp", *self._books(), "-reqin", "request.der", "-respout", "answer.der",
                  *(options or ("-ndays", "1")))  # fmt: skip
        return (self.folder / "answer.der").read_bytes()

    @contextmanager
    def responding(self, port):
        """Run openssl's own responder on *port*, with the books as they are now."""
        command = [OPENSSL, "ocsp", *self._books(), "-port", str(port), "-ndays", "1"]
        with subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            try:
                # A connection that asks nothing would make it wait for ever: it says when it is
                # ready.
                while b"ACCEPT" not in (line := process.stdout.readline()):
                    assert line, "the responder of openssl does not start"
                yield
            finally:
                process.terminate()

    def _books(self):
        return ("-index", "index.txt", "-CA", "ca.pem", "-rsigner", "responder.pem",
                "-rkey", "responder.key", "-rmd", "sha256")  # fmt: skip

    def _run(self, *arguments):
        done = subprocess.run(
            [OPENSSL, *arguments], cwd=self.folder, capture_output=True, check=False, timeout=30
        )
        assert done.returncode == 0, done.stderr.decode()

    def _write(self, name, content):
        (self.folder / name).write_bytes(content)


def _addresses(crl_url, ocsp_url):
    found = []
    if crl_url:
        name = x509.UniformResourceIdentifier(crl_url)
        point = x509.DistributionPoint([name], None, None, None)
        found.append((x509.CRLDistributionPoints([point]), False))
    if ocsp_url:
        place = x509.UniformResourceIdentifier(ocsp_url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
        found.append((x509.AuthorityInformationAccess([access]), False))
    return found


def _private(private_key):
    return private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
