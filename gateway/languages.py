"""The languages in which the gateway speaks to people: hints, pages and PDFs."""

from typing import Final

LANGUAGES: Final = ("en", "nl", "fr", "de")
"""The first is that of whoever asks for none."""
