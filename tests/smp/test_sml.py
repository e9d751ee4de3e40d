import pytest

from smp.address import PUBLIC, SANDBOX
from smp.errors import BadSmpAddress, NotOnThisSmp
from smp.sml import Naptr, choose_smp_url, dns_name
from ubl.identifiers import ParticipantId

PARTICIPANT = ParticipantId.parse("0208:0987654394")


def naptr(regexp="!.*!https://smp.example/!", *, order=100, preference=10, flags="U", service=None):
    return Naptr(order, preference, flags, service or "Meta:SMP", regexp)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("0088:123abc", "y7dzfxaf3d4cjz4kcgrxtec6twvcga4ky7zwa5boif6mswd4tdrq"),
        ("0088:123ABC", "y7dzfxaf3d4cjz4kcgrxtec6twvcga4ky7zwa5boif6mswd4tdrq"),
        ("0010:5798000000001", "xukhfqabqziki3ykvr2fhr4snfa3pf5vpq6k4tonv3lmvsy5arvq"),
        ("9915:test", "eh5boavaktmbgzyh2a63dz4qov33fvp5nsdvqklucfraayoodw6a"),
        ("0088:1234567890123", "sjsyvccmqyjxk3weuapffq4x3umcrf4qryherj4vovhmonh7gccq"),
        ("0208:0677424046", "yrudm3nqrm76uobzh4griobewmqd4mx574cfdtm75zphrex4ydya"),
    ],
)
def test_name_is_the_base32_sha256_of_the_lower_case_value(value, label):
    """[PEPPOL-SML §3] [RFC4648 §6]"""
    name = dns_name(ParticipantId.parse(value), "participant.sml.test.tech.peppol.org.")
    assert name == f"{label}.iso6523-actorid-upis.participant.sml.test.tech.peppol.org."


def test_zone_may_lack_its_last_dot():
    assert dns_name(PARTICIPANT, "a.example") == dns_name(PARTICIPANT, "a.example.")


def test_lowest_order_wins_then_lowest_preference():
    records = [
        naptr("!.*!https://c.example!", order=20, preference=1),
        naptr("!.*!https://b.example!", order=10, preference=20),
        naptr("!.*!https://a.example!", order=10, preference=10),
    ]
    assert choose_smp_url(records, PARTICIPANT, PUBLIC) == "https://a.example"


def test_other_services_and_flags_do_not_count_whatever_their_order():
    records = [
        naptr("!.*!https://wrong.example!", order=1, service="Meta:CPA"),
        naptr("!.*!https://wrong.example!", order=1, flags="S"),
        naptr("!.*!https://wrong.example!", order=1, flags=""),
        naptr("!.*!https://right.example!", order=9),
    ]
    assert choose_smp_url(records, PARTICIPANT, PUBLIC) == "https://right.example"


def test_flag_and_service_compare_without_case():
    record = naptr(flags="u", service="meta:smp")
    assert choose_smp_url([record], PARTICIPANT, PUBLIC) == "https://smp.example"


def test_records_without_the_service_mean_not_on_this_smp():
    with pytest.raises(NotOnThisSmp) as failed:
        choose_smp_url([naptr(service="Meta:CPA")], PARTICIPANT, PUBLIC)
    assert (failed.value.code, failed.value.permanent) == ("not-on-this-smp", True)


@pytest.mark.parametrize(
    "regexp",
    [
        "!.*!https://smp.example/p!",
        "!^.*$!https://smp.example/p!",
        "/.*/https:\\/\\/smp.example\\/p/",
    ],
)
def test_any_delimiter_and_usual_pattern_gives_the_address(regexp):
    assert choose_smp_url([naptr(regexp)], PARTICIPANT, PUBLIC) == "https://smp.example/p"


def test_pattern_is_applied_to_the_lower_case_participant():
    record = naptr(r"#^0088:(.*)$#https://smp.example/\1#")
    participant = ParticipantId.parse("0088:12ABC")
    assert choose_smp_url([record], participant, PUBLIC) == "https://smp.example/12abc"


def test_record_that_does_not_apply_is_passed_over():
    records = [
        naptr("!^0088:.*$!https://other.example!", order=1),
        naptr("!^0208:.*$!https://smp.example!", order=2),
    ]
    assert choose_smp_url(records, PARTICIPANT, PUBLIC) == "https://smp.example"


def test_no_record_that_applies_is_said():
    with pytest.raises(BadSmpAddress, match="does not match"):
        choose_smp_url([naptr("!^0088!https://smp.example!")], PARTICIPANT, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "http://smp.example",
        "https://smp.example:8443",
        "https://user@smp.example",
        "https://user:secret@smp.example",
        "https://smp.example?x=1",
        "https://smp.example/?",
        "https://smp.example/#x",
        "ftp://smp.example",
        "https:///path",
        "smp.example",
        "https://smp.example:99999",
        "https://smp.example/a b",
        "https://smp.example\\x",
        "https://smp.exämple/",
    ],
)
def test_address_that_is_not_plain_https_on_443_is_refused(url):
    with pytest.raises(BadSmpAddress):
        choose_smp_url([naptr("!.*!{}!".format(url.replace("\\", "\\\\")))], PARTICIPANT, PUBLIC)


def test_sandbox_allows_http_and_any_port():
    record = naptr("!.*!http://127.0.0.1:8086/smp/!")
    assert choose_smp_url([record], PARTICIPANT, SANDBOX) == "http://127.0.0.1:8086/smp"


@pytest.mark.parametrize("url", ["http://user@h", "http://h?q", "http://h#f", "file:///etc/passwd"])
def test_sandbox_allows_nothing_else(url):
    with pytest.raises(BadSmpAddress):
        choose_smp_url([naptr(f"!.*!{url}!")], PARTICIPANT, SANDBOX)
