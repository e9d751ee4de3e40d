"""The fixtures of this suite do what they promise."""

import pytest


def test_without_captured_data_a_test_is_skipped_with_the_reason(request, monkeypatch):
    monkeypatch.delenv("PEPPOL_TEST_DATA", raising=False)
    monkeypatch.delenv("PEPPOL_TEST_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="PEPPOL_TEST_DATA"):
        request.getfixturevalue("test_data")


def test_where_data_are_required_a_skip_is_a_failure(request, monkeypatch):
    monkeypatch.delenv("PEPPOL_TEST_DATA", raising=False)
    monkeypatch.setenv("PEPPOL_TEST_REQUIRE", "1")
    with pytest.raises(pytest.fail.Exception, match="PEPPOL_TEST_DATA"):
        request.getfixturevalue("test_data")


def test_with_captured_data_the_folder_is_given(request, monkeypatch, tmp_path):
    monkeypatch.setenv("PEPPOL_TEST_DATA", str(tmp_path))
    assert request.getfixturevalue("test_data") == tmp_path
