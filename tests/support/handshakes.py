"""The `openssl` program as the other side: somebody who did not write our code."""

import asyncio
import contextlib
import re
import subprocess

from cryptography import x509

from tests.support.web import free_port

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def openssl(*words, stdin=b""):
    """Run `openssl WORDS`; return stdout, fail with what it said on stderr."""
    command = ["openssl", *map(str, words)]
    ended = subprocess.run(command, check=False, input=stdin, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


async def handshake(port, *flags):
    """Connect with `openssl s_client`; return the server's certificate (or None) and the output."""
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", f"127.0.0.1:{port}", *map(str, flags),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    found = _PEM.search(out)
    return (x509.load_pem_x509_certificate(found[0]) if found else None), out.decode()


async def certificate_at(port, *flags):
    """The certificate that a handshake with *port* shows."""
    certificate, said = await handshake(port, *flags)
    assert certificate is not None, said
    return certificate


@contextlib.asynccontextmanager
async def s_server(certificate, key, *flags):
    """Run `openssl s_server` on a free port, and yield the port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(certificate),
        "-key", str(key), "-www", *flags,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(20):
            while b"ACCEPT" not in (line := await process.stdout.readline()):
                assert line, "openssl s_server did not start"
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def certify(request, folder, pki, *, days=700, usage="digitalSignature,keyEncipherment", ca=None):
    """Issue a certificate for the PKCS#10 file *request* with `openssl x509`; return its path."""
    issuer = ca or pki.ap_ca
    files = {"ca.cert.pem": issuer.certificate_pem, "ca.key.pem": issuer.key_pem}
    files["ext.cnf"] = (
        "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n"
        f"keyUsage=critical,{usage}\n"
    ).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    issued = folder / "issued.cert.pem"
    openssl(
        "x509", "-req", "-in", request, "-CA", folder / "ca.cert.pem", "-CAkey",
        folder / "ca.key.pem", "-days", days, "-sha256", "-extfile", folder / "ext.cnf",
        "-out", issued,
    )  # fmt: skip
    return issued
