"""A new key for our access point: requested, certified, installed, and taken into use.

    request   makes the key and a PKCS#10 request for the authority; nothing else changes
    install   puts the certificate that came back beside that key, if it would be accepted
    rotate    lets the installed pair sign, and keeps the one before it to open messages

No step touches a file that is in use but the last, and there each file is replaced in one step and
the pair on disk fits together at every moment.  What is interrupted can be run again.
[PEPPOL-PKI] [RFC5280 §4.2]
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from as4.certificates import Anchors, KeyPair, load_certificate, load_key
from as4.errors import FailedAuthentication, UnusableMaterial
from gateway.errors import Fault, Kind
from gateway.settings import BadSettings, Settings, Stage
from gateway.trust.anchors import check_own_certificate
from gateway.trust.keyfolder import RETIRED_MARK, KeyFolder, write_first, write_whole
from gateway.trust.keyring import (
    KeyRing,
    current_key_files,
    key_folder,
    load_current_pair,
    load_next_pair,
)

KEY_BITS = 2048
"""What generation 3 issues leaves for.  [PEPPOL-PKI]"""
ANSWER_BYTES_MAX = 1 << 20  # LIMIT: what an authority sends back: a chain of some KB.

_UNITS = {
    Stage.SANDBOX: "PEPPOL SANDBOX AP",
    Stage.TEST: "PEPPOL TEST AP",
    Stage.PRODUCTION: "PEPPOL PRODUCTION AP",
}


@dataclass(frozen=True, slots=True)
class Requested:
    """A key that waits for its certificate, and the *subject* it was requested for."""

    key_file: Path
    request_file: Path
    subject: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """The pair now in use, and where the one before it is kept; None when there was none."""

    current: KeyPair
    previous_file: Path | None


def request_certificate(settings: Settings, organisation: str | None) -> Requested:
    """Make a key and the request for its certificate, and write both into the key folder.

    The subject is that of the Peppol PKI: seat id, stage, *organisation* (by default that of the
    certificate in use) and country.  Raises BadSettings when one is missing, Fault when a request
    is under way already: its key is never overwritten.
    """
    settings.required("seat_id", "country")
    folder = key_folder(settings)
    if folder.next_key.exists():
        raise Fault(
            Kind.CONFLICT,
            "request-under-way",
            f"{folder.next_key} exists: install its certificate, or move the file away",
        )
    name = _subject(settings, organisation or _organisation(settings))
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    folder.make()
    # Without its key neither is of any use: an earlier end left them.
    folder.next_request.unlink(missing_ok=True)
    folder.next_certificate.unlink(missing_ok=True)
    _keep_key(settings, folder, key)
    write_first(folder.next_request, request.public_bytes(Encoding.PEM))
    return Requested(folder.next_key, folder.next_request, name.rfc4514_string())


def install_certificate(
    settings: Settings, data: bytes, password: str | None, *, anchors: Anchors, now: datetime
) -> KeyPair:
    """Put the certificate in *data* beside the key it was requested for; return the pair.

    *data* is PEM, DER, PKCS#7 or PKCS#12 (opened with *password*), with or without its chain; a
    PKCS#12 may bring a key of its own when none was requested.  Raises Fault when it does not fit,
    or when peers would refuse it now: seat id, authority of the stage, dates, key usage.
    """
    folder = key_folder(settings)
    key, candidates = _read_answer(data, password)
    brought = key is not None and not folder.next_key.exists()
    if not brought:
        key = _requested_key(settings, folder)
    assert key is not None
    pair = _pair_of(key, candidates)
    try:
        check_own_certificate(settings, anchors, KeyRing(pair), now)
    except BadSettings as error:
        raise _unfit(str(error)) from error
    folder.make()
    if brought:
        _keep_key(settings, folder, key)
    write_whole(folder.next_certificate, _pem(pair))
    return pair


def rotate_keys(settings: Settings, *, anchors: Anchors, now: datetime) -> Rotated:
    """Let the installed pair sign and be published, and keep the one before it to open messages.

    Running gateways notice within seconds.  Raises Fault when nothing is installed or it would be
    refused now, BadSettings when the files in use cannot be read.
    """
    folder = key_folder(settings)
    fresh = next_pair(settings, anchors=anchors, now=now)
    current = _current_or_none(settings)
    previous = None
    if current is not None and current.certificate.der != fresh.certificate.der:
        previous = folder.previous_file(current.certificate.serial)
        head = f"{RETIRED_MARK}{now.isoformat()}\n".encode()
        content = head + _key_pem(settings, current.key) + _pem(current)
        write_whole(previous, content, secret=True)
    _put_into_use(settings, fresh)
    for file in (folder.next_request, folder.next_key, folder.next_certificate):
        file.unlink(missing_ok=True)
    return Rotated(fresh, previous)


def next_pair(settings: Settings, *, anchors: Anchors, now: datetime) -> KeyPair:
    """Return the installed pair, checked as at its installation; raises Fault."""
    folder = key_folder(settings)
    if not folder.has_next():
        raise Fault(
            Kind.CONFLICT,
            "nothing-installed",
            f"no key waits in {folder.folder}: `gateway pki request`, then `gateway pki install`",
        )
    pair = load_next_pair(settings)
    try:
        check_own_certificate(settings, anchors, KeyRing(pair), now)
    except BadSettings as error:
        raise _unfit(str(error)) from error
    return pair


def _put_into_use(settings: Settings, pair: KeyPair) -> None:
    """Replace the files in use; a reader finds a key with its certificate at every moment.

    In two files that takes three steps: while the certificate's file is the old one, the key's file
    holds both.
    """
    key, certificate = _key_pem(settings, pair.key), _pem(pair)
    files = current_key_files(settings)
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    if len(files) == 1:
        write_whole(files[0], _bundle(settings, pair), secret=True)
        return
    write_whole(files[0], key + certificate, secret=True)
    write_whole(files[1], certificate)
    write_whole(files[0], key, secret=True)


def _current_or_none(settings: Settings) -> KeyPair | None:
    """Return the pair in use, None before the first one; raises BadSettings."""
    if not any(file.exists() for file in current_key_files(settings)):
        return None
    return load_current_pair(settings)


def _subject(settings: Settings, organisation: str) -> x509.Name:
    """Return the subject as the Peppol PKI has it."""
    parts = (
        (NameOID.COUNTRY_NAME, settings.country or ""),
        (NameOID.ORGANIZATION_NAME, organisation),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, _UNITS[settings.stage]),
        (NameOID.COMMON_NAME, settings.seat_id or ""),
    )
    try:
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])
    except ValueError as error:
        raise BadSettings([f"no such subject can be asked for: {error}"]) from error


def _organisation(settings: Settings) -> str:
    """Return the organisation of the certificate in use; raises BadSettings without one."""
    try:
        current = load_current_pair(settings)
    except BadSettings as error:
        raise BadSettings(["no certificate in use names our organisation: say which"]) from error
    named = current.certificate.x509.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if not named:
        raise BadSettings(["the certificate in use names no organisation: say which"])
    return str(named[0].value)


def _requested_key(settings: Settings, folder: KeyFolder) -> RSAPrivateKey:
    try:
        content = folder.next_key.read_bytes()
        return load_key(content, _password(settings))[0]
    except FileNotFoundError as error:
        raise Fault(
            Kind.CONFLICT,
            "nothing-requested",
            f"no key waits in {folder.folder}: `gateway pki request` makes one",
        ) from error
    except (OSError, UnusableMaterial) as error:
        raise BadSettings([f"{folder.next_key}: {error}"]) from error


def _read_answer(
    data: bytes, password: str | None
) -> tuple[RSAPrivateKey | None, list[x509.Certificate]]:
    """Return what an authority sent: certificates, and a key where a PKCS#12 holds one."""
    if b"-----BEGIN PKCS7" in data:
        return None, _first_that_reads(data, pkcs7.load_pem_pkcs7_certificates)
    if b"-----BEGIN" in data:
        return None, _first_that_reads(data, x509.load_pem_x509_certificates)
    try:
        secret = None if password is None else password.encode()
        key, leaf, chain = pkcs12.load_key_and_certificates(data, secret)
    except (ValueError, TypeError):
        readers = (_load_der, pkcs7.load_der_pkcs7_certificates)
        return None, _first_that_reads(data, *readers)
    if key is not None and not isinstance(key, RSAPrivateKey):
        raise _unfit("the PKCS#12 file holds a key that is no RSA key")
    return key, [*([leaf] if leaf else []), *chain]


def _load_der(data: bytes) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(data)]


def _first_that_reads(
    data: bytes, *readers: Callable[[bytes], list[x509.Certificate]]
) -> list[x509.Certificate]:
    for read in readers:
        try:
            return list(read(data))
        except (ValueError, TypeError):
            continue
    raise _unfit("it is no certificate in PEM, DER, PKCS#7 or PKCS#12, or the password is wrong")


def _pair_of(key: RSAPrivateKey, candidates: list[x509.Certificate]) -> KeyPair:
    """Return *key* with its certificate out of *candidates*; raises Fault when it is not there."""
    ours = key.public_key()
    for each in candidates:
        if each.public_key() == ours:
            try:
                return KeyPair(key, load_certificate(each.public_bytes(Encoding.DER)))
            except FailedAuthentication as error:
                raise _unfit(error.detail) from error
    raise _unfit("none of its certificates belongs to the key that was requested")


def _unfit(why: str) -> Fault:
    return Fault(Kind.INVALID, "certificate-unfit", f"the certificate is not installed: {why}")


def _keep_key(settings: Settings, folder: KeyFolder, key: RSAPrivateKey) -> None:
    write_first(folder.next_key, _key_pem(settings, key), secret=True)


def _pem(pair: KeyPair) -> bytes:
    return pair.certificate.x509.public_bytes(Encoding.PEM)


def _key_pem(settings: Settings, key: RSAPrivateKey) -> bytes:
    """Return *key* as PEM, encrypted where our keys are."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(settings))


def _bundle(settings: Settings, pair: KeyPair) -> bytes:
    name = pair.certificate.subject_cn.encode()
    encryption = _encryption(settings)
    return pkcs12.serialize_key_and_certificates(
        name, pair.key, pair.certificate.x509, None, encryption
    )


def _encryption(settings: Settings) -> KeySerializationEncryption:
    password = _password(settings)
    return NoEncryption() if password is None else BestAvailableEncryption(password)


def _password(settings: Settings) -> bytes | None:
    password = settings.as4_key_password
    return None if password is None else password.encode()
