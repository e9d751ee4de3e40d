"""What may be wrong with an AS4 message, each with the code that travels in an eb:Error.

The tree (codes of ebMS 3.0, then those the AS4 profile adds):

    As4Error
    ├── ValueNotRecognized            EBMS:0001
    ├── FeatureNotSupported           EBMS:0002
    ├── ValueInconsistent             EBMS:0003
    ├── Other                         EBMS:0004
    │   └── NotServed                 EBMS:0004 with ErrorDetail PEPPOL:NOT_SERVICED
    ├── ConnectionFailure             EBMS:0005
    ├── EmptyMessagePartitionChannel  EBMS:0006
    ├── MimeInconsistency             EBMS:0007
    ├── UnpackagingNotSupported       EBMS:0008
    ├── InvalidHeader                 EBMS:0009
    ├── ProcessingModeMismatch        EBMS:0010
    ├── ExternalPayloadError          EBMS:0011
    ├── FailedAuthentication          EBMS:0101
    ├── FailedDecryption              EBMS:0102
    ├── PolicyNoncompliance           EBMS:0103
    ├── DysfunctionalReliability      EBMS:0201
    ├── DeliveryFailure               EBMS:0202
    ├── MissingReceipt                EBMS:0301
    ├── InvalidReceipt                EBMS:0302
    └── DecompressionFailure          EBMS:0303

    Unreadable                        refused at the HTTP level, before anything of ebMS is known
    UnusableMaterial                  a key, certificate or revocation list given to us is no good

How an error becomes a signed signal is the business of `as4.errorsignal`.
"""

# ruff: noqa: N818 - an error class bears the short description of its code, which is what peers log.

from enum import StrEnum
from typing import ClassVar, Self


class Severity(StrEnum):
    """Whether the message was stopped by the error.  [EBMS3 §6.2.5]"""

    FAILURE = "failure"
    WARNING = "warning"


class Category(StrEnum):
    """The kind of trouble, for people who read the error.  [EBMS3 §6.2.4]"""

    CONTENT = "Content"
    COMMUNICATION = "Communication"
    UNPACKAGING = "Unpackaging"
    PROCESSING = "Processing"


class Origin(StrEnum):
    """The module that found the error.  [EBMS3 §6.2.1]"""

    EBMS = "ebMS"
    SECURITY = "security"
    RELIABILITY = "reliability"


class As4Error(Exception):
    """A message, receipt or signal breaks the protocol; the class says how.

    *detail* is the text for people that goes into eb:Description; without it the first
    sentence of the class's docstring stands.
    *error_detail* goes verbatim into eb:ErrorDetail, where programs look.
    *ref_to_message_id* names the message in error, as soon as its MessageId was read.
    """

    code: ClassVar[str]
    short_description: ClassVar[str]
    category: ClassVar[Category]
    severity: ClassVar[Severity] = Severity.FAILURE
    origin: ClassVar[Origin] = Origin.EBMS
    default_error_detail: ClassVar[str | None] = None

    def __init__(
        self,
        detail: str | None = None,
        *,
        error_detail: str | None = None,
        ref_to_message_id: str | None = None,
    ) -> None:
        self.detail = detail or _first_sentence(type(self))
        self.error_detail = error_detail or self.default_error_detail
        self.ref_to_message_id = ref_to_message_id
        super().__init__(self.detail)

    def about(self, message_id: str | None) -> Self:
        """Return this error, now naming *message_id* unless it already names a message."""
        self.ref_to_message_id = self.ref_to_message_id or message_id
        return self


class ValueNotRecognized(As4Error):
    """A value in the message is not one that was agreed.  [EBMS3 §6.7.1]"""

    code = "EBMS:0001"
    short_description = "ValueNotRecognized"
    category = Category.CONTENT


class FeatureNotSupported(As4Error):
    """The message asks for a feature that is not supported.  [EBMS3 §6.7.1]"""

    code = "EBMS:0002"
    short_description = "FeatureNotSupported"
    category = Category.CONTENT
    severity = Severity.WARNING


class ValueInconsistent(As4Error):
    """A value contradicts another value or the circumstances.  [EBMS3 §6.7.1]"""

    code = "EBMS:0003"
    short_description = "ValueInconsistent"
    category = Category.CONTENT


class Other(As4Error):
    """The message is refused for a reason that has no code of its own.  [EBMS3 §6.7.1]"""

    code = "EBMS:0004"
    short_description = "Other"
    category = Category.CONTENT


class NotServed(Other):
    """This access point does not serve the receiver, document type or process.  [PEPPOL-AS4 §2]"""

    default_error_detail = "PEPPOL:NOT_SERVICED"


class ConnectionFailure(As4Error):
    """The other side could not be reached.  [EBMS3 §6.7.1]"""

    code = "EBMS:0005"
    short_description = "ConnectionFailure"
    category = Category.COMMUNICATION


class EmptyMessagePartitionChannel(As4Error):
    """There is no message to pull from the channel.  [EBMS3 §6.7.1]"""

    code = "EBMS:0006"
    short_description = "EmptyMessagePartitionChannel"
    category = Category.COMMUNICATION
    severity = Severity.WARNING


class MimeInconsistency(As4Error):
    """The MIME packaging contradicts itself or cannot be read.  [EBMS3 §6.7.1]"""

    code = "EBMS:0007"
    short_description = "MimeInconsistency"
    category = Category.UNPACKAGING


class UnpackagingNotSupported(As4Error):
    """The packaging uses a feature that is not supported.  [EBMS3 §6.7.1]

    The specification gives EBMS:0008 the same short description as EBMS:0002.
    """

    code = "EBMS:0008"
    short_description = "FeatureNotSupported"
    category = Category.UNPACKAGING


class InvalidHeader(As4Error):
    """The ebMS header is not well formed or does not follow its schema.  [EBMS3 §6.7.1]"""

    code = "EBMS:0009"
    short_description = "InvalidHeader"
    category = Category.UNPACKAGING


class ProcessingModeMismatch(As4Error):
    """The message does not fit the processing mode.  [EBMS3 §6.7.1]"""

    code = "EBMS:0010"
    short_description = "ProcessingModeMismatch"
    category = Category.PROCESSING


class ExternalPayloadError(As4Error):
    """The payload is not the one MIME part that the header names.  [EBMS3 §6.7.1]"""

    code = "EBMS:0011"
    short_description = "ExternalPayloadError"
    category = Category.CONTENT


class FailedAuthentication(As4Error):
    """The signature or the certificate behind it does not hold.  [EBMS3 §6.7.2]"""

    code = "EBMS:0101"
    short_description = "FailedAuthentication"
    category = Category.PROCESSING
    origin = Origin.SECURITY


class FailedDecryption(As4Error):
    """The encrypted attachment could not be opened with our key.  [EBMS3 §6.7.2]

    Whatever failed (key transport, tag, digest), the text is the same: a peer must not learn
    which step our private key reached.  It therefore takes no detail; *step* names what failed,
    in one word, and is for our own log alone.
    """

    code = "EBMS:0102"
    short_description = "FailedDecryption"
    category = Category.PROCESSING
    origin = Origin.SECURITY

    def __init__(self, *, step: str = "", ref_to_message_id: str | None = None) -> None:
        super().__init__(ref_to_message_id=ref_to_message_id)
        self.step = step


class PolicyNoncompliance(As4Error):
    """The message is not secured as the profile demands.  [EBMS3 §6.7.2]"""

    code = "EBMS:0103"
    short_description = "PolicyNoncompliance"
    category = Category.PROCESSING
    origin = Origin.SECURITY


class DysfunctionalReliability(As4Error):
    """The reliability function broke down.  [EBMS3 §6.7.3]"""

    code = "EBMS:0201"
    short_description = "DysfunctionalReliability"
    category = Category.PROCESSING
    origin = Origin.RELIABILITY


class DeliveryFailure(As4Error):
    """The message could not be delivered, or not yet.  [EBMS3 §6.7.3]"""

    code = "EBMS:0202"
    short_description = "DeliveryFailure"
    category = Category.COMMUNICATION
    origin = Origin.RELIABILITY


class MissingReceipt(As4Error):
    """No receipt came back for a message that was sent.  [AS4 §3.2]"""

    code = "EBMS:0301"
    short_description = "MissingReceipt"
    category = Category.COMMUNICATION
    origin = Origin.RELIABILITY


class InvalidReceipt(As4Error):
    """A receipt came back that does not prove the receipt of what was sent.  [AS4 §3.2]"""

    code = "EBMS:0302"
    short_description = "InvalidReceipt"
    category = Category.COMMUNICATION
    origin = Origin.RELIABILITY


class DecompressionFailure(As4Error):
    """The compressed payload could not be decompressed.  [AS4 §3.1]"""

    code = "EBMS:0303"
    short_description = "DecompressionFailure"
    category = Category.COMMUNICATION
    origin = Origin.RELIABILITY


CODES: dict[str, type[As4Error]] = {kind.code: kind for kind in As4Error.__subclasses__()}
"""Every code with its class; a subclass that shares its parent's code is not listed."""


class Unreadable(Exception):
    """What came in is refused before it can be called an ebMS message.

    *status* is the HTTP status to answer with: 400 nothing readable, 413 too large,
    415 not a media type that AS4 uses.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class UnusableMaterial(ValueError):
    """A key, an authority's certificate or a revocation list cannot be used; the text says why.

    It is about what the operator or an authority gave us, never about a message.
    """


def _first_sentence(kind: type[As4Error]) -> str:
    """Return the first sentence of *kind*'s docstring, without its citation."""
    return (kind.__doc__ or kind.__name__).split(".", 1)[0] + "."
