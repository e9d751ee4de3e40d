"""What is known of one certificate's revocation, weighed: lists first, a responder's answer second.

UNKNOWN is neither good nor revoked: a message waits for its sender's next try, and nobody is
called revoked because a server is down.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from as4.certificates import (
    Certificate,
    Crl,
    OcspAnswer,
    Revocation,
    ocsp_revocation_of,
    revocation_of,
)
from as4.certificates.revocation import speaks_of


def weigh(
    certificate: Certificate,
    lists: Iterable[Crl],
    answer: OcspAnswer | None,
    now: datetime,
    *,
    stale_grace: timedelta,
) -> Revocation:
    """Return what *lists* and *answer* together say of *certificate* at *now*.

    Of several lists the newest decides. What is revoked is, until somebody says otherwise later.
    Else the list comes first, then the answer; both count until *stale_grace* past their next
    update.
    """
    crl = newest(lists, certificate)
    if answer is not None and crl is not None and _is_overruled(answer, crl):
        answer = None
    if answer is not None and answer.status is Revocation.REVOKED:
        return Revocation.REVOKED
    if crl is not None:
        listed = revocation_of(certificate, crl, now, stale_grace=stale_grace)
        if listed is not Revocation.UNKNOWN:
            return listed
    if answer is not None:
        return ocsp_revocation_of(answer, now, stale_grace=stale_grace)
    return Revocation.UNKNOWN


def newest(lists: Iterable[Crl], certificate: Certificate) -> Crl | None:
    """Return the newest of *lists* that is about *certificate*, if there is one."""
    found: Crl | None = None
    for each in lists:
        if speaks_of(each, certificate) and (found is None or found.is_older_than(each)):
            found = each
    return found


def is_listed_in_time(lists: Iterable[Crl], certificate: Certificate, now: datetime) -> bool:
    """Say whether a list within its time speaks of *certificate*: then nobody else is asked."""
    crl = newest(lists, certificate)
    return crl is not None and now <= crl.next_update


def _is_overruled(answer: OcspAnswer, crl: Crl) -> bool:
    """Say whether *crl* took back what *answer* says, or revoked who gave it.

    [RFC6960 §4.2.2.2.1]
    """
    responder = answer.responder
    if responder is not None:
        serial = responder.serial_number
        if crl.x509.get_revoked_certificate_by_serial_number(serial) is not None:
            return True
    return answer.status is Revocation.REVOKED and answer.this_update < crl.this_update
