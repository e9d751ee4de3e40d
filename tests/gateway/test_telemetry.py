import io
import json
import logging
from datetime import datetime
from unittest.mock import Mock

import pytest

from gateway.telemetry import Sparingly, configure_logging, reference, with_reference


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def root_logger_is_put_back():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(capture=False)


def logged(message="hello", *, style="auto", stream=None, level="info", **fields):
    stream = stream or io.StringIO()
    configure_logging(level, style, stream)
    logging.getLogger("gateway.test").info(message, extra=fields)
    return stream.getvalue()


def test_in_a_pipe_a_line_is_one_json_object():
    line = json.loads(logged(document_id="d1", attempt=2, ok=True))
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info", "logger": "gateway.test", "message": "hello",
        "document_id": "d1", "attempt": 2, "ok": True,
    }  # fmt: skip


def test_on_a_terminal_a_line_is_readable():
    line = logged(stream=Terminal(), document_id="d1")
    assert "info" in line
    assert line.rstrip().endswith("hello  document_id=d1")


def test_the_style_can_be_forced():
    assert json.loads(logged(style="json", stream=Terminal()))["message"] == "hello"
    assert not logged(style="text").startswith("{")


def test_lines_below_the_level_are_dropped():
    assert logged(level="warning") == ""


@pytest.mark.parametrize(
    "name", ["key", "api_key", "as4_key_password", "secret", "token", "authorization"]
)
def test_fields_named_like_a_secret_are_hidden(name):
    text = logged(**{name: "gk_test_abc"})
    assert "gk_test_abc" not in text
    assert json.loads(text)[name] == "***"


def test_bytes_are_replaced_by_their_length():
    assert json.loads(logged(body=b"<Invoice/>"))["body"] == "<10 bytes>"


def test_a_field_is_cut_at_its_bound():
    assert len(json.loads(logged(detail="x" * 10_000))["detail"]) == 2000


def test_line_breaks_in_a_message_make_no_second_line():
    assert len(logged("one\ntwo").splitlines()) == 1
    assert len(logged("one\ntwo", style="text").splitlines()) == 1


def test_the_reference_in_hand_is_on_every_line():
    with with_reference("r-1"):
        assert reference() == "r-1"
        assert json.loads(logged())["reference"] == "r-1"
    assert reference() == ""
    assert "reference" not in json.loads(logged())


def test_an_exception_is_written_with_its_trace():
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    try:
        int("odd")
    except ValueError:
        logging.getLogger("gateway.test").exception("failed")
    assert "ValueError: invalid literal" in json.loads(stream.getvalue())["exception"]


@pytest.mark.parametrize("odd", ["half a character \ud83d", 2**70])
def test_what_json_can_hardly_say_is_logged_all_the_same(odd):
    assert json.loads(logged(odd=odd))["odd"] == odd


def test_a_line_that_would_come_every_second_is_due_at_once_and_then_once_a_minute():
    clock = Mock(monotonic=Mock(side_effect=(5, 6, 64.9, 65, 66, 125)))
    sparingly = Sparingly(clock)
    assert [sparingly.is_due() for _ in range(6)] == [True, False, False, True, False, True]


def test_the_instant_has_milliseconds():
    at = json.loads(logged())["at"]
    assert datetime.fromisoformat(at).isoformat(timespec="milliseconds") == at
