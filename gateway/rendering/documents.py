"""From the bytes of a document to what is shown of it: a page, a PDF, a file that came along.

Every function here takes bytes and gives bytes, so that a process of its own can do the work
(`gateway.rendering.press`); who only asks for it loads none of what the work needs.  What cannot
be shown raises Fault.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.errors import Fault, Kind
from gateway.rendering.media import PDF, file_name, media_type
from gateway.rendering.text import clean_all, length_of
from gateway.rendering.view import View
from ubl.errors import UblError
from ubl.invoice import Attachment, Invoice
from ubl.reader import Reading, read_document

__all__ = [
    "BYTES_MAX",
    "File",
    "Source",
    "make_html",
    "make_pdf",
    "take_attachment",
    "too_large",
    "view_document",
]

BYTES_MAX: Final = 32 << 20  # LIMIT: a document that is shown; its attachments count in Base64.
# LIMIT: what a person is shown at once: some 300 pages. They take seven seconds and 1 GB.
_ITEMS_MAX: Final = 5_000
_CHARACTERS_MAX: Final = 1_000_000
_PREFIX_OR_POSITION: Final = re.compile(r"\w+:|\[\d+\]")
_UNHELD_MAX: Final = 5  # LIMIT: places that are named; the rest is counted.


class Source(StrEnum):
    """Where the PDF of a document comes from."""

    OWN = "own"
    """Its sender put it in."""
    RENDERED = "rendered"
    """We make it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to hand over: *media_type* is what its bytes say it is.

    *own_pdf* is the name of the PDF inside the document, where there is one.
    """

    name: str
    media_type: str
    content: bytes
    source: Source
    own_pdf: str = ""


def view_document(data: bytes, language: str) -> View:
    """Return the view of the document in *data*; raises Fault (CONFLICT, TOO_LARGE)."""
    return _view(_read(data), language)


def make_html(data: bytes, language: str, attachments_at: str = "") -> bytes:
    """Return the document in *data* as a page; raises Fault as `view_document` does."""
    from gateway.rendering.html import render_html  # noqa: PLC0415 - loaded where the work is done

    page = render_html(view_document(data, language), attachments_at=attachments_at)
    return page.encode()


def make_pdf(data: bytes, language: str, at: datetime, source: Source | None = None) -> File:
    """Return the PDF of the document in *data*: the one inside it, else ours, made *at* a time.

    With *source* it is from there and nowhere else.  Raises Fault as `view_document` does, and
    NOT_FOUND for an own PDF that is not there, NOT_INSTALLED without the extra `pdf`.
    """
    from gateway.rendering.pdf import render_pdf  # noqa: PLC0415 - loaded where the work is done

    reading = _read(data)
    own = next((_file(each) for each in _attachments(reading) if _is_pdf(each)), None)
    if own is not None and source is not Source.RENDERED:
        return own
    if source is Source.OWN:
        raise Fault(Kind.NOT_FOUND, "no-own-pdf", "the document has no PDF of its own")
    view = _view(reading, language)
    try:
        made = render_pdf(view, data, at=at)
    except ModuleNotFoundError as error:
        if error.name != "typst":
            raise
        detail = 'making PDFs needs the extra pdf: pip install "peppol-gateway[pdf]"'
        raise Fault(Kind.NOT_INSTALLED, "not-installed", detail) from error
    name = file_name(f"{view.title} {view.number}", PDF)
    own_pdf = "" if own is None else own.name
    return File(name=name, media_type=PDF, content=made, source=Source.RENDERED, own_pdf=own_pdf)


def take_attachment(data: bytes, number: int) -> File:
    """Return the file of that *number*, from 1, inside the document in *data*.

    Raises Fault: NOT_FOUND where there is none, else as `view_document` does.
    """
    found = _attachments(_read(data))
    if not 0 < number <= len(found):
        raise Fault(Kind.NOT_FOUND, "attachment-not-found", f"there is no attachment {number}")
    return _file(found[number - 1])


def too_large(why: str) -> Fault:
    """Return the refusal to show a document, for what *why* says."""
    return Fault(Kind.TOO_LARGE, "too-large-to-show", f"the document is too large to show: {why}")


def _read(data: bytes) -> Reading:
    if len(data) > BYTES_MAX:
        raise too_large(f"it has {len(data)} bytes, and {BYTES_MAX} are shown at most")
    try:
        return read_document(data)
    except UblError as error:
        detail = f"the document cannot be shown: {error}"
        raise Fault(Kind.CONFLICT, "not-showable", detail) from error


def _view(reading: Reading, language: str) -> View:
    from gateway.rendering import invoices, responses  # noqa: PLC0415 - as above
    from gateway.rendering.wording import Wording  # noqa: PLC0415 - as above

    document, words = reading.document, Wording.of(language)
    if isinstance(document, Invoice):
        if len(document.lines) > _ITEMS_MAX:
            raise too_large(f"it has {len(document.lines)} lines, more than {_ITEMS_MAX}")
        view = invoices.view_invoice(document, words)
    else:
        view = responses.view_response(document, words)
    if (length := length_of(view)) > _CHARACTERS_MAX:
        raise too_large(f"it has {length} characters, more than {_CHARACTERS_MAX}")
    places = _name_some(reading.unheld)
    unheld = words.word("page.unheld", places=places) if places else ""
    return clean_all(replace(view, unheld=unheld))


def _name_some(paths: tuple[str, ...]) -> str:
    """Return the names of the elements at *paths*; when they are many, of the first."""
    names = list(dict.fromkeys(_PREFIX_OR_POSITION.sub("", path) for path in paths))
    more = f" (+{len(names) - _UNHELD_MAX})" if len(names) > _UNHELD_MAX else ""
    return ", ".join(names[:_UNHELD_MAX]) + more


def _attachments(reading: Reading) -> list[Attachment]:
    document = reading.document
    if not isinstance(document, Invoice):
        return []
    return [each.attachment for each in document.supporting_documents if each.attachment]


def _is_pdf(attachment: Attachment) -> bool:
    return media_type(attachment.content) == PDF


def _file(attachment: Attachment) -> File:
    kind = media_type(attachment.content)
    name = file_name(attachment.filename or "", kind)
    return File(name=name, media_type=kind, content=attachment.content, source=Source.OWN)
