import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest

from smp.dnsanswer import Alias, read_answer
from smp.errors import SmpUnavailable
from smp.sml import Naptr
from tests.support.dns import naptr_text, reply

NAME = "x.old.test."
SOA = "old.test. 60 IN SOA ns.old.test. admin.old.test. 1 2 3 4 5"
NS = "old.test. 60 IN NS ns.old.test."
FOUND = (Naptr(100, 10, "U", "Meta:SMP", "!.*!https://smp.example!"),)


def read(*answers, **rest):
    query = dns.message.make_query(NAME, "NAPTR")
    # Through the wire: what a resolver reads is compressed and parsed anew.
    response = dns.message.from_wire(reply(query, *answers, **rest).to_wire())
    return read_answer(response, dns.name.from_text(NAME))


def test_records_of_the_name_are_read():
    assert read(naptr_text(NAME, "https://smp.example")) == FOUND


def test_name_compares_without_case():
    assert read(naptr_text(NAME.upper(), "https://smp.example")) == FOUND


def test_other_records_do_not_count():
    assert read("x.old.test. 60 IN TXT hello", "y.old.test. 60 IN TXT x") == ()


def test_escaped_and_foreign_characters_pass():
    record = naptr_text(NAME, "", regexp=r"!^(.*)$!https://smp.example/\\1\195\169!")
    assert read(record)[0].regexp == r"!^(.*)$!https://smp.example/\1é!"


@pytest.mark.parametrize(
    "aliases",
    [
        ["x.old.test. 60 IN CNAME x.new.test."],
        ["old.test. 60 IN DNAME new.test.", "x.old.test. 60 IN CNAME x.new.test."],
        ["old.test. 60 IN DNAME new.test."],
        ["x.old.test. 60 IN CNAME m.test.", "m.test. 60 IN CNAME x.new.test."],
    ],
)
def test_records_behind_aliases_are_read(aliases):
    assert read(*aliases, naptr_text("x.new.test.", "https://smp.example")) == FOUND


@pytest.mark.parametrize(
    "alias", ["x.old.test. 60 IN CNAME x.new.test.", "old.test. 60 IN DNAME new.test."]
)
def test_alias_without_records_is_to_be_asked_for(alias):
    assert read(alias) == Alias(dns.name.from_text("x.new.test."))


def test_dname_does_not_rename_its_own_owner():
    assert read("x.old.test. 60 IN DNAME new.test.") == ()


def test_dname_that_makes_a_name_too_long_is_no_answer():
    long_target = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert read(f"old.test. 60 IN DNAME {long_target}.") == ()


def test_circle_of_aliases_ends():
    answer = read("x.old.test. 60 IN CNAME y.test.", "y.test. 60 IN CNAME x.old.test.")
    assert answer == () or isinstance(answer, Alias)


def test_nxdomain_and_nodata_are_no_records():
    assert read(rcode=dns.rcode.NXDOMAIN) == ()
    assert read() == ()
    assert read(authority=[SOA], authoritative=False) == ()


def test_nxdomain_behind_an_alias_is_no_records():
    assert read("x.old.test. 60 IN CNAME y.test.", rcode=dns.rcode.NXDOMAIN) == ()


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"])
def test_failure_is_no_answer(rcode):
    with pytest.raises(SmpUnavailable, match=rcode):
        read(rcode=dns.rcode.from_text(rcode))


def test_referral_is_no_answer():
    with pytest.raises(SmpUnavailable):
        read(authority=[NS], authoritative=False)
    with pytest.raises(SmpUnavailable):
        read(authoritative=False)


def test_records_are_bounded():
    records = [naptr_text(NAME, f"https://s{n}.example", order=n) for n in range(100)]
    assert len(read(*records)) == 64
