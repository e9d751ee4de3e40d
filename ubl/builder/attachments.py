"""The files and links of a form: which types may be attached, and whether they are what they say.

Peppol takes six types; a Word document, for one, has to be made a PDF first.  [BIS3]
"""

import re
from collections.abc import Iterator
from typing import Final

from ubl.builder.problems import Problems
from ubl.codelists import MEDIA_TYPES
from ubl.form import AttachmentForm, InvoiceForm, LinkForm
from ubl.invoice import Attachment, SupportingDocument

__all__ = ["build_supporting_documents"]

_PDF: Final = "application/pdf"
_CSV: Final = "text/csv"
_ZIP: Final = b"PK\x03\x04"
_SIGNATURES: Final = {"PDF": b"%PDF-", "PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff"}
_URL: Final = re.compile(r"https?://[!-~]+")
_NOT_IN_NAME: Final = re.compile(r"[^0-9A-Za-z._-]+")


def build_supporting_documents(
    form: InvoiceForm, problems: Problems
) -> tuple[SupportingDocument, ...]:
    """Return the documents that go with the invoice, its own PDF first."""
    return (
        *_own_pdf(form, problems),
        *(
            _attachment(each, f"/attachments/{at}", problems)
            for at, each in enumerate(form.attachments)
        ),
        *(_link(each, f"/links/{at}", problems) for at, each in enumerate(form.links)),
    )


def _own_pdf(form: InvoiceForm, problems: Problems) -> Iterator[SupportingDocument]:
    if form.pdf is None:
        return
    _check_content(form.pdf, _PDF, "/pdf", problems)
    name = _NOT_IN_NAME.sub("-", form.number).strip("-.") or "invoice"
    yield SupportingDocument(
        id=form.number,
        attachment=Attachment(content=form.pdf, media_type=_PDF, filename=f"{name}.pdf"),
    )


def _attachment(form: AttachmentForm, pointer: str, problems: Problems) -> SupportingDocument:
    if form.media_type not in MEDIA_TYPES:
        allowed = ", ".join(MEDIA_TYPES.values())
        problems.add(
            f"{pointer}/media_type",
            f"{form.media_type} cannot go through Peppol: make it one of {allowed}",
        )
    else:
        _check_content(form.content, form.media_type, f"{pointer}/content", problems)
    return SupportingDocument(
        id=form.id or form.filename,
        description=form.description,
        attachment=Attachment(
            content=form.content, media_type=form.media_type, filename=form.filename
        ),
    )


def _link(form: LinkForm, pointer: str, problems: Problems) -> SupportingDocument:
    if _URL.fullmatch(form.url) is None:
        problems.add(f"{pointer}/url", "is not a URL: write it with https:// and without spaces")
    return SupportingDocument(id=form.id, description=form.description, url=form.url)


def _check_content(content: bytes, media_type: str, pointer: str, problems: Problems) -> None:
    """Add a problem if *content* is empty, or plainly not of *media_type*."""
    name = MEDIA_TYPES[media_type]
    if not content:
        problems.add(pointer, "is empty")
    elif media_type == _CSV:
        if b"\0" in content:
            problems.add(pointer, "is not text, as a CSV is")
    elif not content.startswith(_SIGNATURES.get(name, _ZIP)):
        problems.add(pointer, f"does not look like {name}")
