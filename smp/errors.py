"""What can go wrong when we ask the network where a participant receives.

    SmpError
    ├── ParticipantAbsent             permanent  participant-absent
    ├── NotOnThisSmp                  permanent  not-on-this-smp
    ├── DocumentTypeAbsent            permanent  document-type-absent
    ├── ProcessAbsent                 permanent  process-absent
    ├── EndpointAbsent                permanent  endpoint-absent
    │   ├── EndpointInactive                     endpoint-inactive
    │   ├── EndpointAddressRefused               endpoint-address-refused
    │   └── EndpointCertificateUnreadable        endpoint-certificate-unreadable
    ├── BadRequestToSmp               permanent  malformed
    ├── BadSmpAddress                 permanent  bad-smp-address
    ├── InvalidMetadata               permanent  invalid-metadata
    │   └── UntrustedSigner                      untrusted-signer
    └── SmpUnavailable                retry      smp-unavailable

`permanent` decides about a retry, `code` is the stable word for people and programs; neither the
class name nor the message text is ever looked at.
"""

# ruff: noqa: N818 - the names are results that people and programs read, not mishaps of ours.

from typing import ClassVar


class SmpError(Exception):
    """A look-up did not end in an endpoint."""

    code: ClassVar[str]
    permanent: ClassVar[bool] = True

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ParticipantAbsent(SmpError):
    """The participant is not registered: no DNS name, or its SMP does not know it."""

    code = "participant-absent"


class NotOnThisSmp(SmpError):
    """The DNS name exists, but offers no `Meta:SMP` service.  [PEPPOL-SML §3]"""

    code = "not-on-this-smp"


class DocumentTypeAbsent(SmpError):
    """The participant is registered, but not for this document type."""

    code = "document-type-absent"


class ProcessAbsent(SmpError):
    """The participant takes this document type, but not in this process."""

    code = "process-absent"


class EndpointAbsent(SmpError):
    """The process has no endpoint that speaks our transport profile."""

    code = "endpoint-absent"


class EndpointInactive(EndpointAbsent):
    """Every endpoint of our transport profile is outside its activation window."""

    code = "endpoint-inactive"


class EndpointAddressRefused(EndpointAbsent):
    """The endpoint's address is one we may not send to."""

    code = "endpoint-address-refused"


class EndpointCertificateUnreadable(EndpointAbsent):
    """The endpoint's certificate is not a base64 DER certificate."""

    code = "endpoint-certificate-unreadable"


class BadRequestToSmp(SmpError):
    """The SMP calls our request malformed."""

    code = "malformed"


class BadSmpAddress(SmpError):
    """The SML or a redirect names an SMP address that we may not or cannot use."""

    code = "bad-smp-address"


class InvalidMetadata(SmpError):
    """The SMP's answer cannot be trusted: signature, form or identifiers are wrong."""

    code = "invalid-metadata"


class UntrustedSigner(InvalidMetadata):
    """The answer is signed by a certificate that no SMP authority of ours stands behind."""

    code = "untrusted-signer"


class SmpUnavailable(SmpError):
    """DNS or the SMP could not answer now; asking again later may help."""

    code = "smp-unavailable"
    permanent = False
