"""A new AP key, from the request to its use; `openssl` is the authority."""

import shutil
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from as4.certificates import KeyPair
from gateway.errors import Fault
from gateway.sandbox.pki import make_pki
from gateway.settings import BadSettings, Settings
from gateway.trust import check_own_certificate, load_ap_anchors, load_key_ring
from gateway.trust.keyfolder import KeyFolder, retired_at
from gateway.trust.keyring import key_folder, load_current_pair
from gateway.trust.renewal import install_certificate, request_certificate, rotate_keys
from gateway.trust.rollover import plan_rollover
from tests.support.gateways import write_settings
from tests.support.handshakes import certify, openssl
from tests.support.pki import NOW, foreign_pki, leaf, pki

TODAY = datetime.now(UTC) + timedelta(hours=6)
"""`openssl x509 -req` issues from the machine's clock, not from that of the tests, and a run of
all tests takes a while."""


def settings_of(folder, **changed):
    return Settings.load({}, {}, write_settings(folder, **changed))


@pytest.fixture
def settings(tmp_path):
    return settings_of(tmp_path)


def install(settings, content, password=None, now=TODAY):
    anchors = load_ap_anchors(settings)
    return install_certificate(settings, content, password, anchors=anchors, now=now)


def rotate(settings, now=TODAY):
    return rotate_keys(settings, anchors=load_ap_anchors(settings), now=now)


def requested_and_certified(settings, folder, **how):
    made = request_certificate(settings, None)
    return certify(made.request_file, folder, pki(), **how)


def snapshot(folder):
    return {f: f.read_bytes() for f in folder.rglob("*.pem") if "keys" not in f.parts}


def test_a_request_has_the_subject_of_the_peppol_pki_and_a_key_that_nobody_else_reads(settings):
    made = request_certificate(settings, None)
    said = openssl("req", "-in", made.request_file, "-noout", "-verify", "-subject", "-text")
    assert b"subject=C = BE, O = Sandbox, OU = PEPPOL SANDBOX AP, CN = PBE000001" in said
    assert b"Public-Key: (2048 bit)" in said
    assert b"sha256WithRSAEncryption" in said
    assert stat.S_IMODE(made.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.key_file.parent.stat().st_mode) == 0o700
    ours = openssl("pkey", "-in", made.key_file, "-pubout")
    assert openssl("req", "-in", made.request_file, "-noout", "-pubkey") == ours


@pytest.mark.parametrize(
    ("stage", "unit"), [("test", "PEPPOL TEST AP"), ("production", "PEPPOL PRODUCTION AP")]
)
def test_a_request_names_the_stage_and_the_organisation_that_was_given(tmp_path, stage, unit):
    public = {"clock_at": None, "public_url": "https://ap.example", "stage": stage}
    settings = settings_of(tmp_path, **public, as4_key_file="none", as4_certificate_file="none")
    with pytest.raises(BadSettings, match="organisation"):
        request_certificate(settings, None)
    made = request_certificate(settings, "Voorbeeld & Zonen")
    request = x509.load_pem_x509_csr(made.request_file.read_bytes())
    assert request.subject.rfc4514_string() == f"CN=PBE000001,OU={unit},O=Voorbeeld & Zonen,C=BE"


def test_a_request_never_overwrites_a_key(settings):
    made = request_certificate(settings, None)
    before = made.key_file.read_bytes()
    with pytest.raises(Fault) as refused:
        request_certificate(settings, None)
    assert refused.value.code == "request-under-way"
    assert made.key_file.read_bytes() == before


def test_where_our_keys_are_encrypted_a_new_one_is_too(tmp_path):
    settings = settings_of(tmp_path, as4_key_password="secret")
    made = request_certificate(settings, None)
    assert b"ENCRYPTED" in made.key_file.read_bytes()
    openssl("pkey", "-in", made.key_file, "-passin", "pass:secret", "-noout")
    install(settings, certify(made.request_file, tmp_path, pki()).read_bytes())
    rotate(settings)
    assert b"ENCRYPTED" in settings.as4_key_file.read_bytes()
    (previous,) = key_folder(settings).previous()
    assert b"ENCRYPTED" in previous.read_bytes()
    assert load_key_ring(settings).find_key(leaf("sender").certificate_der)


def as_der(issued, _folder):
    return openssl("x509", "-in", issued, "-outform", "DER")


def as_pem_with_chain(issued, _folder):
    return pki().ap_ca.certificate_pem + issued.read_bytes() + pki().root.certificate_pem


def as_pkcs7(issued, folder):
    chain = folder / "ca.cert.pem"
    return openssl("crl2pkcs7", "-nocrl", "-certfile", issued, "-certfile", chain)


def as_pkcs7_der(issued, folder):
    return openssl("pkcs7", "-outform", "DER", stdin=as_pkcs7(issued, folder))


def as_pkcs12(issued, folder):
    chain = folder / "ca.cert.pem"
    return openssl(
        "pkcs12", "-export", "-nokeys", "-in", issued, "-certfile", chain, "-passout", "pass:pw"
    )


@pytest.mark.parametrize(
    "form", [as_der, as_pem_with_chain, as_pkcs7, as_pkcs7_der, as_pkcs12], ids=lambda f: f.__name__
)
def test_a_certificate_is_installed_in_whatever_form_it_comes(settings, tmp_path, form):
    issued = requested_and_certified(settings, tmp_path)
    before = snapshot(tmp_path)
    pair = install(settings, form(issued, tmp_path), "pw" if form is as_pkcs12 else None)
    wanted = x509.load_pem_x509_certificate(issued.read_bytes())
    assert pair.certificate.x509 == wanted
    kept = key_folder(settings).next_certificate.read_bytes()
    assert x509.load_pem_x509_certificate(kept) == wanted
    assert snapshot(tmp_path) == before


def test_a_pkcs12_may_bring_its_key_where_none_was_requested(settings, tmp_path):
    made = leaf("sender")
    pair = install(settings, made.pkcs12("pw"), "pw", now=NOW)
    assert isinstance(pair, KeyPair)
    assert stat.S_IMODE(key_folder(settings).next_key.stat().st_mode) == 0o600
    with pytest.raises(Fault, match="password"):
        install(settings, made.pkcs12("pw"), "wrong", now=NOW)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"days": 1, "now": TODAY + timedelta(days=2)}, "expired"),
        ({"usage": "keyEncipherment"}, "digitalSignature"),
        ({"usage": "digitalSignature"}, "keyEncipherment"),
        ({"ca": "smp_ca"}, "not issued by a trusted authority"),
        ({"ca": "root"}, "issued by the root itself"),
        ({"ca": "foreign"}, "not issued by a trusted authority"),
    ],
)
def test_a_certificate_that_peers_would_refuse_is_not_installed(settings, tmp_path, how, says):
    how = dict(how)
    now = how.pop("now", TODAY)
    if "ca" in how:
        ca = how["ca"]
        how["ca"] = foreign_pki().ap_ca if ca == "foreign" else getattr(pki(), ca)
    issued = requested_and_certified(settings, tmp_path, **how)
    with pytest.raises(Fault, match=says) as refused:
        install(settings, issued.read_bytes(), now=now)
    assert refused.value.code == "certificate-unfit"
    assert not key_folder(settings).next_certificate.exists()


@pytest.mark.parametrize("field", ["seat", "stage"])
def test_a_certificate_of_another_seat_or_stage_is_not_installed(settings, tmp_path, field):
    request_certificate(settings, None)
    key, request = key_folder(settings).next_key, tmp_path / "other.csr"
    unit, seat = ("PEPPOL PRODUCTION AP", "PBE000001")
    if field == "seat":
        unit, seat = ("PEPPOL SANDBOX AP", "PBE000777")
    openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/C=BE/O=S/OU={unit}/CN={seat}")
    with pytest.raises(Fault, match="seat_id is PBE000001" if field == "seat" else "stage is"):
        install(settings, certify(request, tmp_path, pki()).read_bytes())


def test_what_does_not_belong_to_the_requested_key_is_not_installed(settings):
    with pytest.raises(Fault, match="gateway pki request"):
        install(settings, leaf("sender").certificate_pem, now=NOW)
    request_certificate(settings, None)
    for content in (leaf("sender").certificate_pem, leaf("sender").pkcs12("pw")):
        with pytest.raises(Fault, match="belongs to the key"):
            install(settings, content, "pw", now=NOW)
    for junk in (b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(Fault, match="no certificate in PEM"):
            install(settings, junk)


def test_after_a_rotation_the_new_pair_signs_and_both_open(settings, tmp_path):
    issued = requested_and_certified(settings, tmp_path)
    old = load_current_pair(settings)
    pair = install(settings, issued.read_bytes())
    assert load_key_ring(settings).signing.certificate.der == old.certificate.der
    assert load_key_ring(settings).find_key(pair.certificate.der) is not None

    done = rotate(settings)

    ring = load_key_ring(settings)
    check_own_certificate(settings, load_ap_anchors(settings), ring, TODAY)
    assert ring.signing.certificate.der == done.current.certificate.der == pair.certificate.der
    assert ring.find_key(old.certificate.der) is not None
    assert stat.S_IMODE(done.previous_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.as4_key_file.stat().st_mode) == 0o600
    assert retired_at(done.previous_file) == TODAY
    assert not key_folder(settings).next_key.exists()
    with pytest.raises(Fault, match="gateway pki request"):
        rotate(settings)
    assert request_certificate(settings, None).key_file.exists()


def test_a_pkcs12_is_rotated_too(tmp_path):
    bundle = tmp_path / "as4.p12"
    bundle.write_bytes(leaf("sender").pkcs12("pw"))
    settings = settings_of(
        tmp_path,
        as4_key_file=None,
        as4_certificate_file=None,
        as4_pkcs12_file=str(bundle),
        as4_key_password="pw",
    )
    issued = requested_and_certified(settings, tmp_path)
    install(settings, issued.read_bytes())
    rotate(settings)
    shown = openssl("pkcs12", "-in", bundle, "-passin", "pass:pw", "-nokeys")
    assert x509.load_pem_x509_certificate(shown) == x509.load_pem_x509_certificate(
        issued.read_bytes()
    )
    assert load_key_ring(settings).find_key(leaf("sender").certificate_der) is not None


def test_the_first_key_of_all_has_none_before_it(tmp_path):
    new = {"as4_key_file": str(tmp_path / "a/key"), "as4_certificate_file": str(tmp_path / "a/crt")}
    settings = settings_of(tmp_path, **new)
    made = request_certificate(settings, "Sandbox")
    install(settings, certify(made.request_file, tmp_path, pki()).read_bytes())
    assert rotate(settings).previous_file is None
    assert load_current_pair(settings).certificate.subject_cn == "PBE000001"
    assert stat.S_IMODE((tmp_path / "a/key").stat().st_mode) == 0o600


class Crashed(Exception):  # noqa: N818 - it says what happened
    pass


def test_a_rotation_that_is_cut_off_anywhere_leaves_keys_that_work_and_can_be_run_again(
    tmp_path, monkeypatch
):
    steps = 0
    before = tmp_path / "before"
    before.mkdir()
    settings = settings_of(before)
    old = load_current_pair(settings).certificate.der
    new = install(settings, requested_and_certified(settings, before).read_bytes())
    for limit in range(1, 20):
        settings = copied(before, tmp_path / str(limit))
        with monkeypatch.context() as patch:
            steps = crash_at(patch, limit)
            try:
                rotate(settings)
                break
            except Crashed:
                pass
        ring = load_key_ring(settings)
        assert ring.signing.certificate.der in (old, new.certificate.der)
        assert ring.find_key(old) is not None
        assert ring.find_key(new.certificate.der) is not None

        if key_folder(settings).has_next():
            rotate(settings)
        ring = load_key_ring(settings)
        assert ring.signing.certificate.der == new.certificate.der
        assert ring.find_key(old) is not None
        assert len(key_folder(settings).previous()) == 1
    assert limit >= 7
    assert steps is not None


def copied(before, folder):
    """Copy a gateway's keys and settings, which name their folder; return the settings."""
    shutil.copytree(before, folder)
    config = folder / "gateway.toml"
    config.write_text(config.read_text().replace(str(before), str(folder)))
    return Settings.load({}, {}, config)


def crash_at(patch, limit):
    """Let the *limit*-th change of a file be the last one that does not happen."""
    from gateway.trust import renewal

    done = [0]

    def counted(real):
        def call(*args, **named):
            done[0] += 1
            if done[0] == limit:
                raise Crashed
            return real(*args, **named)

        return call

    patch.setattr(renewal, "write_whole", counted(renewal.write_whole))
    patch.setattr(renewal.Path, "unlink", counted(renewal.Path.unlink))
    return done


def test_a_plan_changes_nothing_and_says_when_the_old_key_may_go(settings, tmp_path):
    old = load_current_pair(settings)
    plan = plan_rollover(settings, current=old, fresh=None, now=NOW)
    assert plan.latest_at == old.certificate.not_after - timedelta(days=3)
    assert [step.what.split(" FILE")[0] for step in plan.steps[:3]] == [
        "gateway pki request", "gateway pki install", "gateway pki rotate",
    ]  # fmt: skip
    assert plan.steps[1].at == old.certificate.not_after - timedelta(days=30)

    pair = install(settings, requested_and_certified(settings, tmp_path).read_bytes())
    before = {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()}
    plan = plan_rollover(settings, current=old, fresh=pair, now=TODAY)
    assert {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()} == before
    assert (plan.steps[0].at, plan.steps[0].what) == (TODAY, "gateway pki rotate")
    done = rotate(settings)
    (removal,) = [step for step in plan.steps if step.what.startswith("remove")]
    assert removal.what == f"remove {done.previous_file}"
    assert removal.at == TODAY + timedelta(days=14)


def test_too_many_previous_keys_are_refused(settings):
    folder = KeyFolder(settings.data_dir / "keys")
    folder.make()
    pair = leaf("sender").key_pem + leaf("sender").certificate_pem
    for number in range(17):
        folder.previous_file(number).write_bytes(pair)
    with pytest.raises(BadSettings, match="17 previous keys"):
        load_key_ring(settings)


def test_a_key_folder_that_cannot_be_read_is_named(settings):
    settings.data_dir.mkdir()
    (settings.data_dir / "keys").write_text("a file where the folder should be")
    with pytest.raises(BadSettings, match="as4_keys_dir"):
        load_key_ring(settings)


def test_authorities_of_another_sandbox_do_not_matter(settings, tmp_path):
    strange = make_pki(now=NOW, revocation_url=None)
    made = request_certificate(settings, None)
    issued = certify(made.request_file, tmp_path, strange)
    with pytest.raises(Fault, match="not issued by a trusted authority"):
        install(settings, issued.read_bytes())
