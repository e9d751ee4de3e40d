from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.settings import BadSettings, Settings, Stage, host_and_port, keys


def loaded(*, environ=None, flags=None, toml=None, folder=None):
    path = None
    if toml is not None:
        path = folder / "gateway.toml"
        path.write_text(toml)
    return Settings.load(flags or {}, environ or {}, path)


def problems_of(**given):
    with pytest.raises(BadSettings) as caught:
        loaded(**given)
    return caught.value.problems


@pytest.fixture(autouse=True)
def empty_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_without_anything_the_defaults_hold_and_the_stage_is_the_strictest():
    settings = loaded()
    assert settings.stage is Stage.PRODUCTION
    assert settings.revocation_without_address == "refuse"
    assert settings.sml_zone == "participant.sml.prod.tech.peppol.org"
    assert settings.document_bytes_max >= 100_000_000
    assert settings.origins == {}


def test_each_source_wins_over_the_one_before(tmp_path):
    toml = "processes = 2\nlog_level = 'debug'\nretry_max_seconds = 100\nstage = 'test'"
    settings = loaded(
        toml=toml,
        folder=tmp_path,
        environ={"GATEWAY_PROCESSES": "3", "GATEWAY_LOG_LEVEL": "warning"},
        flags={"processes": "4", "stage": None},
    )
    assert (settings.processes, settings.log_level, settings.stage) == (4, "warning", Stage.TEST)
    assert settings.retry_max_seconds == 100.0
    assert settings.origins == {
        "processes": "--processes",
        "log_level": "GATEWAY_LOG_LEVEL",
        "retry_max_seconds": str(tmp_path / "gateway.toml"),
        "stage": str(tmp_path / "gateway.toml"),
    }


def test_the_file_in_the_working_folder_is_found(tmp_path):
    (tmp_path / "gateway.toml").write_text("processes = 2")
    assert loaded().processes == 2


def test_gateway_config_names_the_file(tmp_path):
    path = tmp_path / "other.toml"
    path.write_text("processes = 2")
    assert loaded(environ={"GATEWAY_CONFIG": str(path)}).processes == 2


def test_a_named_file_must_be_there():
    assert "none.toml cannot be read" in problems_of(environ={"GATEWAY_CONFIG": "none.toml"})[0]


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    assert "cannot be read" in problems_of(toml="processes = = 2", folder=tmp_path)[0]


def test_database_url_is_read_without_prefix_and_gateway_database_url_wins():
    plain = {"DATABASE_URL": "postgresql://one/db"}
    both = {**plain, "GATEWAY_DATABASE_URL": "postgresql://two/db"}
    assert loaded(environ=plain).database_url == "postgresql://one/db"
    assert loaded(environ=both).database_url == "postgresql://two/db"


def test_a_value_can_come_from_a_file(tmp_path):
    (tmp_path / "password").write_text("pa ss\n")
    settings = loaded(environ={"GATEWAY_AS4_KEY_PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.as4_key_password == "pa ss"
    assert settings.origins == {"as4_key_password": "GATEWAY_AS4_KEY_PASSWORD_FILE"}


def test_a_key_that_ends_in_file_is_a_path_not_a_file_to_read():
    settings = loaded(environ={"GATEWAY_AS4_KEY_FILE": "as4.key.pem"})
    assert settings.as4_key_file == Path("as4.key.pem")


def test_value_and_file_of_the_same_key_are_refused(tmp_path):
    given = {"GATEWAY_API_KEY": "a", "GATEWAY_API_KEY_FILE": str(tmp_path)}
    assert problems_of(environ=given) == ("GATEWAY_API_KEY_FILE and GATEWAY_API_KEY are both set",)


@pytest.mark.parametrize("content", [None, b"\xff", b"x" * 70_000])
def test_a_value_file_that_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / "value"
    if content is not None:
        path.write_bytes(content)
    assert "cannot be read" in problems_of(environ={"GATEWAY_API_KEY_FILE": str(path)})[0]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"environ": {"GATEWAY_PROCESES": "2"}},
         "GATEWAY_PROCESES: unknown key proceses; did you mean processes?"),
        ({"environ": {"GATEWAY_XQ": "2"}}, "GATEWAY_XQ: unknown key xq"),
        ({"environ": {"GATEWAY_SEAT_FILE": "2"}},
         "GATEWAY_SEAT_FILE: unknown key seat_file; did you mean seat_id?"),
        ({"flags": {"stages": "2"}}, "--stages: unknown key stages; did you mean stage?"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_refused_with_the_nearest_known(given, problem):
    assert problems_of(**given) == (problem,)


def test_an_unknown_key_or_table_in_the_file_is_refused(tmp_path):
    toml = "proceses = 2\n[as4]\nport = 1"
    first, second = problems_of(toml=toml, folder=tmp_path)
    assert first.endswith("gateway.toml: unknown key proceses; did you mean processes?")
    assert "unknown key as4" in second


def test_an_empty_variable_counts_as_not_set():
    assert loaded(environ={"GATEWAY_PROCESSES": "", "GATEWAY_XQ": ""}).processes == 1


def test_variables_of_others_are_left_alone():
    assert loaded(environ={"PATH": "/bin", "MY_GATEWAY_STAGE": "x"}) == loaded()


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("stage", "prod", "must be sandbox, test or production"),
        ("processes", "0", "must be from 1 to 256, not 0"),
        ("processes", "two", "must be a whole number"),
        ("processes", "1.5", "must be a whole number"),
        ("worker", "maybe", "must be true or false"),
        ("send_timeout_seconds", "nan", "must be a number"),
        ("send_timeout_seconds", "9999", "must be from 0.1 to 3600, not 9999.0"),
        ("log_level", "loud", "must be one of debug, info, warning, error, not 'loud'"),
        ("clock_at", "2026-01-01T00:00:00", "must name its time zone, as in 2026-01-31T12:00:00Z"),
        ("clock_at", "noon", "must be an instant like 2026-01-31T12:00:00Z"),
        ("as4_ports", "443,0", "must be from 1 to 65535, not 0"),
        ("data_dir", "a\0b", "must be text"),
    ],
)
def test_a_value_of_the_wrong_kind_or_out_of_range_is_refused(name, text, problem):
    variable = "GATEWAY_" + name.upper()
    assert problems_of(environ={variable: text}) == (f"{variable}: {name} {problem}",)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("processes = true", "must be a whole number"),
        ("processes = 2.0", "must be a whole number"),
        ("worker = 1", "must be true or false"),
        ("seat_id = 7", "must be text"),
        ("dns_servers = 7", "must be a list"),
        ("dns_servers = [7]", "must be text"),
        ("retry_max_seconds = false", "must be a number"),
    ],
)
def test_toml_values_have_the_type_of_their_key(tmp_path, line, problem):
    assert problems_of(toml=line, folder=tmp_path)[0].endswith(problem)


def test_all_that_is_wrong_is_said_at_once():
    assert len(problems_of(environ={"GATEWAY_STAGE": "x", "GATEWAY_PROCESSES": "x"})) == 2


def test_lists_come_from_commas_or_from_arrays(tmp_path):
    environ = {"GATEWAY_TRUST_ROOT_FILES": "a.pem, b.pem", "GATEWAY_AS4_PORTS": "443,8443"}
    settings = loaded(environ=environ)
    assert settings.trust_root_files == (Path("a.pem"), Path("b.pem"))
    assert settings.as4_ports == (443, 8443)
    toml = 'dns_servers = ["127.0.0.1:5353"]'
    assert loaded(toml=toml, folder=tmp_path).dns_servers == ("127.0.0.1:5353",)


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    toml = "data_dir = 'data'\nas4_key_file = '/keys/as4.pem'\ntrust_root_files = ['root.pem']"
    settings = loaded(toml=toml, folder=folder)
    assert settings.data_dir == folder / "data"
    assert settings.as4_key_file == Path("/keys/as4.pem")
    assert settings.trust_root_files == (folder / "root.pem",)


def test_the_clock_can_be_set_in_the_sandbox_alone():
    environ = {"GATEWAY_CLOCK_AT": "2026-03-01T13:00:00+01:00"}
    assert problems_of(environ=environ) == ("clock_at is for the sandbox stage alone",)
    settings = loaded(environ={**environ, "GATEWAY_STAGE": "sandbox"})
    assert settings.clock_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stage", "address", "problem"),
    [
        ("sandbox", "http://127.0.0.1:8080", None),
        ("sandbox", "https://127.0.0.1:8443/", None),
        ("test", "https://ap.example", None),
        ("production", "https://ap.example:443/peppol", None),
        ("test", "http://ap.example",
         "public_url must be https: http is for the sandbox stage alone"),
        ("production", "https://ap.example:8443",
         "public_url has port 8443: peers use 443; as4_ports can allow another"),
        ("sandbox", "ftp://ap.example", "public_url must be an https address, not 'ftp://ap.example'"),
        ("test", "https://ap.example/as4",
         "public_url must end before /as4, without query, fragment or user name"),
        ("test", "https://u:p@ap.example",
         "public_url must end before /as4, without query, fragment or user name"),
        ("test", "https://ap.example:99999",
         "public_url must be an https address, not 'https://ap.example:99999'"),
    ],
)  # fmt: skip
def test_the_public_address_fits_the_stage(stage, address, problem):
    """[PEPPOL-SMP §4.1] [PEPPOL-AS4 §2.2.2]"""
    environ = {"GATEWAY_STAGE": stage, "GATEWAY_PUBLIC_URL": address}
    if problem is None:
        assert loaded(environ=environ).public_url == address.rstrip("/")
    else:
        assert problems_of(environ=environ) == (problem,)


def test_a_setting_can_allow_another_port():
    environ = {"GATEWAY_PUBLIC_URL": "https://ap.example:8443", "GATEWAY_AS4_PORTS": "443,8443"}
    assert loaded(environ=environ).public_url == "https://ap.example:8443"


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"GATEWAY_SEAT_ID": "POP12"}, "seat_id must look like POP000123, not 'POP12'"),
        ({"GATEWAY_COUNTRY": "be"}, "country must be two capital letters, not 'be'"),
        ({"GATEWAY_API_LISTEN": "8080"}, "api_listen: '8080' is not host:port"),
        ({"GATEWAY_DNS_SERVERS": "::1:53"}, "dns_servers: '::1:53' is not host:port"),
        ({"GATEWAY_PUBLIC_TLS_KEY_FILE": "k"},
         "public_tls_certificate_file and public_tls_key_file go together"),
        ({"GATEWAY_AS4_KEY_FILE": "k", "GATEWAY_AS4_PKCS12_FILE": "p"},
         "as4_pkcs12_file and as4_key_file are both set: one of them holds the key"),
        ({"GATEWAY_RETRY_FIRST_SECONDS": "9", "GATEWAY_RETRY_MAX_SECONDS": "8"},
         "retry_first_seconds is more than retry_max_seconds"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(environ, problem):
    assert problems_of(environ=environ) == (problem,)


def test_the_sandbox_accepts_certificates_without_address_unless_told_otherwise():
    sandbox = {"GATEWAY_STAGE": "sandbox"}
    told = {**sandbox, "GATEWAY_REVOCATION_WITHOUT_ADDRESS": "refuse"}
    assert loaded(environ=sandbox).revocation_without_address == "accept"
    assert loaded(environ=told).revocation_without_address == "refuse"
    assert loaded(environ=sandbox).sml_zone is None


def test_secrets_are_not_shown():
    environ = {
        "GATEWAY_AS4_KEY_PASSWORD": "https://hunter2",
        "GATEWAY_API_KEY": "gk_test_x",
        "DATABASE_URL": "postgresql://user:hunter2@db.example:5432/peppol?password=hunter2",
    }
    shown = loaded(environ=environ).shown()
    assert shown["as4_key_password"] == "***"
    assert shown["api_key"] == "***"
    assert shown["database_url"] == "postgresql://user:***@db.example:5432/peppol"


def test_every_key_that_may_hold_a_secret_is_marked():
    secret = {key.name for key in keys() if key.row.secret}
    assert secret == {"database_url", "as4_key_password", "api_key"}


def test_what_a_command_needs_can_be_demanded():
    settings = loaded(environ={"GATEWAY_SEAT_ID": "POP000123"})
    settings.required("seat_id", "data_dir")
    with pytest.raises(BadSettings) as caught:
        settings.required("seat_id", "country", "trust_root_files")
    where = "(in gateway.toml, or GATEWAY_{})".format
    country, roots = caught.value.problems
    assert country.startswith("country is not set: country of the default dossier")
    assert country.endswith(where("COUNTRY"))
    assert roots == f"trust_root_files is not set: root CA certificates {where('TRUST_ROOT_FILES')}"


def test_every_key_has_a_line_of_help_and_a_default_of_its_own_kind():
    for key in keys():
        assert key.row.text
        assert key.kind.removeprefix("list of ") in {
            "str", "path", "bool", "int", "float", "stage", "datetime",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:53", ("::1", 53)), ("host:0", ("host", 0))],
)
def test_host_and_port_are_split(text, expected):
    assert host_and_port(text) == expected


@pytest.mark.parametrize("text", ["host", ":80", "host:", "host:x", "host:70000", "::1:53", "h:²"])
def test_what_is_no_host_and_port_is_refused(text):
    with pytest.raises(ValueError, match="is not"):
        host_and_port(text)
