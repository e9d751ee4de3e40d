"""The table of all settings, what each may be, and what they may not be together."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Self, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from gateway.settings.sources import PREFIX, BadSettings, Sources
from gateway.settings.values import Key, Row, Stage, host_and_port, shown
from ubl.identifiers import is_seat_id

_MIB = 1024 * 1024
_SML_ZONES = {
    Stage.TEST: "participant.sml.test.tech.peppol.org",
    Stage.PRODUCTION: "participant.sml.prod.tech.peppol.org",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of the gateway; this table is also where its documentation comes from."""

    stage: Annotated[Stage, Row("the Peppol network: sandbox, test or production")] = (
        Stage.PRODUCTION
    )
    data_dir: Annotated[Path, Row("folder of archive, embedded database and API key")] = Path(
        "gateway-data"
    )
    rules_dir: Annotated[Path | None, Row("folder of rule packs; by default data_dir/rules")] = None
    database_url: Annotated[
        str | None,
        Row(
            "PostgreSQL to use; without it the gateway runs its own in data_dir",
            secret=True,
            address=True,
        ),
    ] = None
    seat_id: Annotated[
        str | None, Row("our Peppol seat id, the CN of our certificate (POP000123)")
    ] = None
    country: Annotated[
        str | None, Row("country of the default dossier, two letters (COUNTRY_C1)")
    ] = None
    dossier_name: Annotated[str, Row("name of the default dossier")] = "default"
    public_url: Annotated[str | None, Row("address peers reach us at, without /as4 or /smp")] = None
    public_listen: Annotated[str, Row("host:port of AS4 and SMP")] = "0.0.0.0:8443"
    public_tls_certificate_file: Annotated[Path | None, Row("TLS certificate chain, PEM")] = None
    public_tls_key_file: Annotated[Path | None, Row("TLS private key, PEM")] = None
    api_listen: Annotated[str, Row("host:port of the API")] = "127.0.0.1:8080"
    api_requests_per_minute: Annotated[
        int,
        Row("requests of one dossier that each process answers in a minute", low=60, high=10**6),
    ] = 6000
    as4_key_file: Annotated[Path | None, Row("private key of our AP certificate, PEM")] = None
    as4_certificate_file: Annotated[Path | None, Row("our AP certificate, PEM or DER")] = None
    as4_pkcs12_file: Annotated[Path | None, Row("key and certificate in one PKCS#12 file")] = None
    as4_key_password: Annotated[str | None, Row("password of key or PKCS#12 file", secret=True)] = (
        None
    )
    previous_key_files: Annotated[
        tuple[Path, ...],
        Row("retired AP keys with certificate, PEM or PKCS#12, that still open messages"),
    ] = ()
    as4_keys_dir: Annotated[
        Path | None,
        Row("folder of the next and the previous AP keys; by default data_dir/keys"),
    ] = None
    trust_root_files: Annotated[tuple[Path, ...], Row("root CA certificates")] = ()
    trust_ap_ca_files: Annotated[
        tuple[Path, ...], Row("CA certificates that issue access points")
    ] = ()
    trust_smp_ca_files: Annotated[tuple[Path, ...], Row("CA certificates that issue SMPs")] = ()
    smp_key_file: Annotated[
        Path | None, Row("private key that signs what our SMP publishes, PEM")
    ] = None
    smp_certificate_file: Annotated[Path | None, Row("certificate of our SMP, PEM or DER")] = None
    sml_zone: Annotated[str | None, Row("DNS zone of the SML; by default that of the stage")] = None
    dns_servers: Annotated[
        tuple[str, ...], Row("resolvers as host:port; by default the machine's")
    ] = ()
    peer_tls_ca_files: Annotated[
        tuple[Path, ...], Row("CA certificates for TLS to peers, instead of the public ones")
    ] = ()
    as4_ports: Annotated[
        tuple[int, ...], Row("ports that AS4 addresses may have", low=1, high=65535)
    ] = (443,)
    revocation_without_address: Annotated[
        str | None,
        Row(
            "a certificate without CRL or OCSP address: accept or refuse; by default as the stage",
            choices=("accept", "refuse"),
        ),
    ] = None
    revocation_stale_grace_seconds: Annotated[
        int,
        Row(
            "how long a CRL or OCSP answer past its next update still counts",
            low=0,
            high=30 * 86_400,
        ),
    ] = 86_400
    processes: Annotated[int, Row("processes that share the ports", low=1, high=256)] = 1
    worker: Annotated[bool, Row("run jobs in this gateway")] = True
    document_bytes_max: Annotated[
        int, Row("largest UBL document, in bytes", low=1024, high=2048 * _MIB)
    ] = 128 * _MIB
    message_bytes_max: Annotated[
        int, Row("largest AS4 message on the wire, in bytes", low=64 * 1024, high=4096 * _MIB)
    ] = 192 * _MIB
    uncovered_documents: Annotated[
        str,
        Row(
            "outgoing documents that no installed rules of Peppol cover",
            choices=("accept", "refuse"),
        ),
    ] = "accept"
    inline_bytes_max: Annotated[
        int, Row("what is larger is streamed through files, in bytes", low=1024, high=16 * _MIB)
    ] = _MIB
    send_give_up_seconds: Annotated[
        int, Row("how long a document is tried", low=1, high=60 * 86_400)
    ] = 3 * 86_400
    send_timeout_seconds: Annotated[
        float, Row("how long one attempt may take", low=0.1, high=3600)
    ] = 60.0
    retry_first_seconds: Annotated[
        float, Row("pause after the first failure", low=0.01, high=86_400)
    ] = 60.0
    retry_max_seconds: Annotated[
        float, Row("longest pause between attempts", low=0.01, high=604_800)
    ] = 3600.0
    webhook_timeout_seconds: Annotated[
        float, Row("how long a webhook may take to answer", low=0.1, high=30)
    ] = 15.0
    webhook_keep_days: Annotated[
        int, Row("how long the log of webhook deliveries is kept", low=1, high=3650)
    ] = 30
    webhook_tls_ca_files: Annotated[
        tuple[Path, ...], Row("CA certificates for TLS to webhooks, instead of the public ones")
    ] = ()
    clock_at: Annotated[datetime | None, Row("instant at which the clock starts; sandbox only")] = (
        None
    )
    log_level: Annotated[str, Row("least level", choices=("debug", "info", "warning", "error"))] = (
        "info"
    )
    log_format: Annotated[
        str, Row("auto is text on a terminal", choices=("auto", "json", "text"))
    ] = "auto"
    url: Annotated[str | None, Row("API that commands talk to; by default http at api_listen")] = (
        None
    )
    api_key: Annotated[
        str | None, Row("API key of commands; by default what data_dir/api-key holds", secret=True)
    ] = None
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Fill in what depends on the stage, and drop the slash that ends an address."""
        fill = object.__setattr__
        if self.sml_zone is None:
            fill(self, "sml_zone", _SML_ZONES.get(self.stage))
        if self.revocation_without_address is None:
            accepts = self.stage is Stage.SANDBOX
            fill(self, "revocation_without_address", "accept" if accepts else "refuse")
        if self.public_url is not None:
            fill(self, "public_url", self.public_url.rstrip("/"))

    @property
    def rules_folder(self) -> Path:
        """The folder of rule packs."""
        return self.rules_dir or self.data_dir / "rules"

    def required(self, *names: str) -> None:
        """Raise BadSettings unless every key in *names* has a value."""
        missing = [name for name in names if getattr(self, name) in (None, "", ())]
        if missing:
            raise BadSettings(
                f"{name} is not set: {key.row.text} (in gateway.toml, or {PREFIX}{name.upper()})"
                for name in missing
                for key in keys()
                if key.name == name
            )

    def shown(self) -> dict[str, Any]:
        """Return every key with its value as plain JSON, secrets hidden."""
        return {key.name: shown(key, getattr(self, key.name)) for key in keys()}

    @classmethod
    def load(
        cls,
        flags: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        toml_path: Path | None = None,
    ) -> Self:
        """Return the settings of *flags* over *environ* over the file, or raise BadSettings.

        *environ* is the process's own unless given; a flag that is None counts as not given.
        """
        given = dict(os.environ) if environ is None else environ  # noqa: TID251 - read here alone
        source = Sources(keys(), given)
        source.read_file(toml_path)
        source.read_environ()
        source.read_flags(flags or {})
        if source.problems:
            raise BadSettings(source.problems)
        settings = cls(**source.values, origins=source.origins)
        if problems := list(_contradictions(settings)):
            raise BadSettings(problems)
        return settings


@cache
def keys() -> tuple[Key, ...]:
    """Return the table of all keys, in the order of the class."""
    hints = get_type_hints(Settings, include_extras=True)
    return tuple(
        Key(each.name, _kind(hint.__origin__), each.default, hint.__metadata__[0])
        for each in fields(Settings)
        if get_origin(hint := hints[each.name]) is Annotated
    )


def _kind(annotation: Any) -> str:
    """Return the name of a field's type, as the table shows it and `_READERS` knows it."""
    inner = [part for part in get_args(annotation) if part not in (NoneType, Ellipsis)]
    name: str = (inner[0] if inner else annotation).__name__.lower()
    return f"list of {name}" if get_origin(annotation) is tuple else name


def _contradictions(settings: Settings) -> Iterator[str]:
    """Yield what is wrong about values that are each fine alone, or need more than a range."""
    if settings.clock_at is not None and settings.stage is not Stage.SANDBOX:
        yield "clock_at is for the sandbox stage alone"
    if settings.seat_id is not None and not is_seat_id(settings.seat_id):
        yield f"seat_id must look like POP000123, not {settings.seat_id!r}"
    if settings.country is not None and not re.fullmatch("[A-Z]{2}", settings.country):
        yield f"country must be two capital letters, not {settings.country!r}"
    if settings.public_url is not None:
        yield from _address_problems(settings, settings.public_url)
    yield from _listen_problems(settings)
    if (settings.public_tls_key_file is None) != (settings.public_tls_certificate_file is None):
        yield "public_tls_certificate_file and public_tls_key_file go together"
    if settings.as4_pkcs12_file is not None and settings.as4_key_file is not None:
        yield "as4_pkcs12_file and as4_key_file are both set: one of them holds the key"
    if settings.retry_first_seconds > settings.retry_max_seconds:
        yield "retry_first_seconds is more than retry_max_seconds"


def _listen_problems(settings: Settings) -> Iterator[str]:
    """Yield which host:port values are none."""
    for name in ("public_listen", "api_listen", "dns_servers"):
        value = getattr(settings, name)
        for text in (value,) if isinstance(value, str) else value:
            try:
                host_and_port(text)
            except ValueError as exc:
                yield f"{name}: {exc}"


def _address_problems(settings: Settings, address: str) -> Iterator[str]:
    """Yield what forbids to publish *address* as ours.  [PEPPOL-SMP §4.1]"""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("https", "http"):
        yield f"public_url must be an https address, not {address!r}"
        return
    if settings.stage is not Stage.SANDBOX and parts.scheme != "https":
        yield "public_url must be https: http is for the sandbox stage alone"
    elif settings.stage is not Stage.SANDBOX and port not in settings.as4_ports:
        yield f"public_url has port {port}: peers use 443; as4_ports can allow another"
    if parts.query or parts.fragment or parts.username or parts.path.endswith(("/as4", "/smp")):
        yield "public_url must end before /as4, without query, fragment or user name"
