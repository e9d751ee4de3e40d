"""Which authorities a gateway takes from its files: those of its stage, each in its own role."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Revocation, load_certificate
from as4.errors import FailedAuthentication
from gateway.sandbox.pki import write_identity
from gateway.settings import BadSettings, Settings
from gateway.trust import (
    KeyRing,
    check_own_certificate,
    load_ap_anchors,
    load_key_ring,
    load_smp_anchors,
)
from tests.support.captured import bearer_token, g3_authority
from tests.support.certificates import a_certificate, an_authority, key, name_of, pem
from tests.support.messages import key_pair
from tests.support.pki import NOW, SENDER, leaf
from tests.support.reception import a_trust

THEN = datetime(2026, 1, 29, tzinfo=UTC)
ROLES = {"root": "Root", "ap": "ACCESS POINT", "smp": "SERVICE METADATA PUBLISHER"}


def g3_settings(folder, test_data, *, stage, root=None, ap=None, smp=None):
    files = {}
    for setting, role, of in (
        ("trust_root_files", "root", root or stage),
        ("trust_ap_ca_files", "ap", ap or stage),
        ("trust_smp_ca_files", "smp", smp or stage),
    ):
        files[setting] = str(g3_authority(test_data, ROLES[role], of))
    certificate, key_file = write_identity(leaf("receiver"), folder, "as4")
    own = {"as4_key_file": str(key_file), "as4_certificate_file": str(certificate)}
    return Settings.load({"stage": stage, "seat_id": "PBE000002", **own, **files}, {})


def named(common_name, **changes):
    """An authority of this name, as a file: a root unless it has an *issuer*."""
    issuer = changes.pop("issuer", common_name)
    return an_authority(common_name, issuer, **changes)


def settings_of(folder, *, root, ap, smp=None, stage="sandbox"):
    values = {"stage": stage, "seat_id": SENDER}
    given = (("trust_root_files", root), ("trust_ap_ca_files", ap), ("trust_smp_ca_files", smp))
    for setting, certificates in given:
        if certificates is not None:
            file = folder / f"{setting}.pem"
            file.write_bytes(b"".join(pem(each) for each in certificates))
            values[setting] = str(file)
    return Settings.load(values, {})


def refusal(load, settings):
    with pytest.raises(BadSettings) as refused:
        load(settings)
    return str(refused.value)


@pytest.mark.captured
@pytest.mark.parametrize("stage", ["test", "production"])
def test_the_authorities_of_generation_3_are_taken_as_they_are(tmp_path, test_data, stage):
    settings = g3_settings(tmp_path, test_data, stage=stage)
    aps, smps = load_ap_anchors(settings), load_smp_anchors(settings)
    assert [len(each) for each in (aps.roots, aps.issuers, smps.roots, smps.issuers)] == [1] * 4
    assert "ACCESS POINT" in aps.issuers[0].subject.rfc4514_string()
    assert "METADATA" in smps.issuers[0].subject.rfc4514_string()
    # The authority's own certificate can be asked for in both ways.
    authority = load_certificate(aps.issuers[0].public_bytes(Encoding.DER))
    assert authority.crl_urls
    assert authority.ocsp_urls


@pytest.mark.captured
def test_a_genuine_access_point_counts_in_its_own_stage_and_role_alone(tmp_path, test_data):
    token = bearer_token(test_data, "dump-raw.as4out", issued_by="G3")
    test = g3_settings(tmp_path, test_data, stage="test")
    production = g3_settings(tmp_path, test_data, stage="production")
    own = KeyRing(key_pair("receiver"))
    trust = a_trust(tmp_path, known=load_ap_anchors(test), keys=own, accept=False)
    assert trust.check_signer(token, THEN).subject_cn == "POP000306"
    assert trust.check_recipient(token, THEN).subject_cn == "POP000306"
    for other in (load_ap_anchors(production), load_smp_anchors(test)):
        elsewhere = a_trust(tmp_path, known=other, keys=own, accept=False)
        with pytest.raises(FailedAuthentication, match="not issued by a trusted authority"):
            elsewhere.check_signer(token, THEN)


@pytest.mark.captured
async def test_while_nobody_answers_a_genuine_access_point_is_unknown_and_never_revoked(
    tmp_path, test_data
):
    token = bearer_token(test_data, "dump-raw.as4out", issued_by="G3")
    settings = g3_settings(tmp_path, test_data, stage="test")
    trust = a_trust(tmp_path, known=load_ap_anchors(settings), accept=False)
    assert await trust.revocation(trust.check_signer(token, THEN), THEN) is Revocation.UNKNOWN


@pytest.mark.captured
@pytest.mark.parametrize(
    ("name", "then"),
    [
        ("helger.as4in", datetime(2022, 1, 1, tzinfo=UTC)),
        ("governikus.as4in", datetime(2022, 1, 1, tzinfo=UTC)),
        ("dataport1.as4in", datetime(2022, 1, 1, tzinfo=UTC)),
        ("dump-raw.as4out", THEN),
    ],
)
def test_an_access_point_of_generation_2_is_refused(tmp_path, test_data, name, then):
    token = bearer_token(test_data, name, issued_by="G2")
    certificate = load_certificate(token)
    assert certificate.not_before <= then <= certificate.not_after
    anchors = load_ap_anchors(g3_settings(tmp_path, test_data, stage="test"))
    with pytest.raises(FailedAuthentication, match=r"not issued .* TEST CA - G2"):
        a_trust(tmp_path, known=anchors).check_signer(token, then)


@pytest.mark.captured
def test_authorities_of_two_stages_do_not_go_together(tmp_path, test_data):
    mixed = g3_settings(tmp_path, test_data, stage="test", root="production")
    assert "not issued by a given root" in refusal(load_ap_anchors, mixed)
    both = g3_settings(tmp_path, test_data, stage="production", smp="test")
    assert "not issued by a given root" in refusal(load_smp_anchors, both)


@pytest.mark.captured
@pytest.mark.parametrize(
    ("stage", "given", "says"),
    [
        ("production", "test", "is of tests"),
        ("test", "production", "is not of tests"),
        ("sandbox", "production", "is not of tests"),
    ],
)
def test_a_gateway_does_not_start_with_the_authorities_of_another_stage(
    tmp_path, test_data, stage, given, says, monkeypatch
):
    # Nobody but OpenPeppol can issue a leaf below these: what is looked at comes after that.
    monkeypatch.setattr("gateway.trust.anchors.check_certificate", lambda *_, **__: None)
    settings = g3_settings(tmp_path, test_data, stage=stage, root=given, ap=given, smp=given)
    with pytest.raises(BadSettings) as refused:
        check_own_certificate(settings, load_ap_anchors(settings), load_key_ring(settings), NOW)
    told = [each for each in refused.value.problems if says in each]
    assert len(told) == 3
    assert all(f"stage is {stage}" in each for each in told)


@pytest.mark.captured
def test_a_publishers_authority_among_those_of_access_points_is_refused(tmp_path, test_data):
    stage = "production"
    settings = g3_settings(tmp_path, test_data, stage=stage)
    swapped = Settings.load(
        {
            "stage": stage,
            "seat_id": SENDER,
            "trust_root_files": str(settings.trust_root_files[0]),
            "trust_ap_ca_files": str(settings.trust_smp_ca_files[0]),
            "trust_smp_ca_files": str(settings.trust_ap_ca_files[0]),
        },
        {},
    )
    assert "METADATA PUBLISHER CA - G3" in refusal(load_ap_anchors, swapped)
    assert "ACCESS POINT CA - G3" in refusal(load_smp_anchors, swapped)


def test_the_files_of_roots_pin_no_issuing_authority(tmp_path):
    """Else a bundle of the whole PKI there would make access points of publishers."""
    root, ap, smp = named("A root"), named("A CA", issuer="A root"), named("B", issuer="A root")
    settings = settings_of(tmp_path, root=[root, smp], ap=[ap])
    assert "trust_root_files: CN=B is no root" in refusal(load_ap_anchors, settings)


def test_an_issuing_authority_of_several_is_pinned(tmp_path):
    root, ap, new = named("A root"), named("A CA", issuer="A root"), named("B", issuer="A root")
    anchors = load_ap_anchors(settings_of(tmp_path, root=[root], ap=[ap, new]))
    assert anchors.issuers == (ap, new)


@pytest.mark.parametrize("where", ["root", "ap"])
def test_the_authorities_of_generation_2_are_refused(tmp_path, where):
    old = {"root": "PEPPOL Root CA - G2", "ap": "PEPPOL ACCESS POINT CA - G2"}
    names = {"root": "A root", "ap": "A CA", where: old[where]}
    root = named(names["root"])
    ap = named(names["ap"], issuer=names["root"])
    settings = settings_of(tmp_path, root=[root], ap=[ap])
    assert "has ended; take generation 3" in refusal(load_ap_anchors, settings)


def test_a_leaf_in_place_of_an_authority_is_refused(tmp_path):
    issued = a_certificate(issuer=name_of("A root"), signed_with=key("A root"))
    settings = settings_of(tmp_path, root=[named("A root")], ap=[issued])
    assert "is not a certificate of an authority" in refusal(load_ap_anchors, settings)
