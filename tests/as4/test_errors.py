"""The table of ebMS errors: complete, and as the specifications print it."""

import pytest

from as4 import errors
from as4.errors import CODES, As4Error, FailedDecryption, NotServed, Other, Unreadable

# [EBMS3 §6.7] and [AS4 §3.1, §3.2]: code, short description, severity, category, origin.
SPECIFIED = """\
EBMS:0001 ValueNotRecognized failure Content ebMS
EBMS:0002 FeatureNotSupported warning Content ebMS
EBMS:0003 ValueInconsistent failure Content ebMS
EBMS:0004 Other failure Content ebMS
EBMS:0005 ConnectionFailure failure Communication ebMS
EBMS:0006 EmptyMessagePartitionChannel warning Communication ebMS
EBMS:0007 MimeInconsistency failure Unpackaging ebMS
EBMS:0008 FeatureNotSupported failure Unpackaging ebMS
EBMS:0009 InvalidHeader failure Unpackaging ebMS
EBMS:0010 ProcessingModeMismatch failure Processing ebMS
EBMS:0011 ExternalPayloadError failure Content ebMS
EBMS:0101 FailedAuthentication failure Processing security
EBMS:0102 FailedDecryption failure Processing security
EBMS:0103 PolicyNoncompliance failure Processing security
EBMS:0201 DysfunctionalReliability failure Processing reliability
EBMS:0202 DeliveryFailure failure Communication reliability
EBMS:0301 MissingReceipt failure Communication reliability
EBMS:0302 InvalidReceipt failure Communication reliability
EBMS:0303 DecompressionFailure failure Communication reliability
"""


def test_the_table_is_that_of_the_specifications():
    """[EBMS3 §6.7.1] [EBMS3 §6.7.2] [EBMS3 §6.7.3]"""
    ours = "".join(
        f"{kind.code} {kind.short_description} {kind.severity} {kind.category} {kind.origin}\n"
        for kind in CODES.values()
    )
    assert ours == SPECIFIED


def test_every_code_has_one_class():
    assert len(CODES) == len(As4Error.__subclasses__()) == 19


def test_the_tree_in_the_docstring_is_complete():
    for kind in As4Error.__subclasses__():
        assert f"── {kind.__name__}" in errors.__doc__
        assert kind.code in errors.__doc__


@pytest.mark.parametrize("kind", CODES.values(), ids=lambda kind: kind.code)
def test_without_a_detail_the_docstring_speaks(kind):
    error = kind()
    assert error.detail.endswith(".")
    assert error.detail == str(error)
    assert kind.__doc__.startswith(error.detail)
    assert error.error_detail is None


def test_a_detail_replaces_the_sentence():
    error = Other("the receiver moved", error_detail="X:MOVED", ref_to_message_id="1@a")
    assert (
        error.detail,
        error.error_detail,
        error.ref_to_message_id,
    ) == ("the receiver moved", "X:MOVED", "1@a")


def test_an_error_names_its_message_once():
    assert Other().about("1@a").about("2@b").ref_to_message_id == "1@a"
    assert Other().about(None).ref_to_message_id is None


def test_not_served_is_other_with_the_detail_peers_look_for():
    error = NotServed("nobody here is 0208:0123456749")
    assert (error.code, error.error_detail) == ("EBMS:0004", "PEPPOL:NOT_SERVICED")
    assert CODES["EBMS:0004"] is Other


def test_a_failed_decryption_has_one_text():
    assert str(FailedDecryption()) == "The encrypted attachment could not be opened with our key."
    with pytest.raises(TypeError):
        FailedDecryption("the tag was wrong")


def test_unreadable_is_no_ebms_error():
    error = Unreadable(415, "text/plain")
    assert (error.status, error.detail, str(error)) == (415, "text/plain", "text/plain")
    assert not isinstance(error, As4Error)
