"""TLS towards peers, who run `openssl s_server`: version, authority and name are checked."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from as4.client import TransportFailure
from gateway.app import check_settings, make_egress
from gateway.egress import Egress, EgressRules, Purpose, tls_context
from gateway.errors import Unavailable
from gateway.sandbox.pki import issue_tls, write_identity
from gateway.settings import BadSettings, Settings
from tests.support.gateways import write_settings
from tests.support.handshakes import openssl, s_server
from tests.support.pki import foreign_pki, pki

OLD = ("-cipher", "ALL:@SECLEVEL=0")


@pytest.fixture
def web_ca(tmp_path):
    path = tmp_path / "web-ca.pem"
    path.write_bytes(pki().tls_ca.certificate_pem)
    return path


def identity(folder, *, host="127.0.0.1", issuer=pki, days=700):
    issued = issue_tls(issuer(), [host], now=datetime.now(UTC) - timedelta(days=20), days=days)
    return write_identity(issued, folder, "peer")


@contextlib.asynccontextmanager
async def egress(*ca_files):
    async with Egress(
        EgressRules(sandbox=True), tls=tls_context(ca_files), post_timeout_seconds=10
    ) as made:
        yield made


async def check_refused(port, *ca_files, says):
    """Neither a message nor a look-up reaches the server on *port*."""
    async with egress(*ca_files) as client:
        with pytest.raises(TransportFailure) as failure:
            await client.post(f"https://127.0.0.1:{port}/as4", "text/plain", b"secret")
        assert (failure.value.phase, failure.value.sent) == ("tls", False)
        assert says in str(failure.value).lower()
        with pytest.raises(Unavailable):
            await client.get(
                f"https://127.0.0.1:{port}/", Purpose.SMP, bytes_max=10**6, timeout_seconds=10
            )


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_certificate_of_a_known_authority_for_the_right_name_is_taken(
    tmp_path, web_ca, version
):
    async with s_server(*identity(tmp_path), version) as port, egress(web_ca) as client:
        answer = await client.get(
            f"https://127.0.0.1:{port}/", Purpose.SMP, bytes_max=10**6, timeout_seconds=10
        )
    assert answer.status == 200


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
async def test_a_server_that_speaks_older_versions_alone_gets_nothing(tmp_path, web_ca, version):
    async with s_server(*identity(tmp_path), version, *OLD) as port:
        old = openssl(
            "s_client", "-connect", f"127.0.0.1:{port}", version, "-cipher", "ALL:@SECLEVEL=0"
        )
        assert b"BEGIN CERTIFICATE" in old  # it does serve who asks for no more
        await check_refused(port, web_ca, says="protocol")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"host": "other.example"}, "ip address mismatch"),
        ({"days": 10}, "expired"),
        ({"issuer": foreign_pki}, "issuer certificate"),
    ],
)
async def test_a_certificate_for_another_name_expired_or_of_a_stranger_is_refused(
    tmp_path, web_ca, how, says
):
    async with s_server(*identity(tmp_path, **how)) as port:
        await check_refused(port, web_ca, says=says)


async def test_a_self_signed_certificate_is_refused(tmp_path, web_ca):
    files = tmp_path / "self.cert.pem", tmp_path / "self.key.pem"
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 5, "-subj", "/CN=127.0.0.1",
        "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1],
    )  # fmt: skip
    async with s_server(*files) as port:
        await check_refused(port, web_ca, says="self")


async def test_by_default_the_public_authorities_count_and_no_other(tmp_path):
    async with s_server(*identity(tmp_path)) as port:
        await check_refused(port, says="issuer certificate")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_a_matter_of_the_settings(tmp_path, content):
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    settings = Settings.load({}, {}, write_settings(tmp_path, peer_tls_ca_files=[str(file)]))
    for use in (check_settings, make_egress):
        with pytest.raises(BadSettings, match="peer_tls_ca_files"):
            use(settings)
