"""What a file is, by its own bytes: never by what the document, or anybody else, says of it."""

import re
from typing import Final

__all__ = ["EXTENSIONS", "PDF", "SVG", "UNKNOWN", "file_name", "image_type", "media_type"]

PDF: Final = "application/pdf"
SVG: Final = "image/svg+xml"
UNKNOWN: Final = "application/octet-stream"
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
EXTENSIONS: Final = {
    PDF: ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "text/csv": ".csv",
    _XLSX: ".xlsx",
    _ODS: ".ods",
}
"""The types that a document may carry, each with the ending of its files.  [BIS3 §14]"""

_BEGINNINGS: Final = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)
_NOT_IN_NAMES: Final = frozenset('/\\:*?"<>|')
_NAME_CHARACTERS_MAX: Final = 100  # LIMIT: of a file's name, its end counts.
_ZIP: Final = b"PK\x03\x04"
# LIMIT: how far into a ZIP the name is looked for that tells which kind it is.
_ZIP_BYTES_MAX: Final = 64 * 1024
# LIMIT: how much of a text is looked at.
_TEXT_BYTES_MAX: Final = 64 * 1024
_NOT_CSV: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]|<[!?/a-zA-Z]")


def media_type(content: bytes) -> str:
    """Return the media type of *content*, one of EXTENSIONS; UNKNOWN for anything else.

    Whatever a browser could take for a page is UNKNOWN.
    """
    for beginning, kind in _BEGINNINGS:
        if content.startswith(beginning):
            return kind
    if content.startswith(_ZIP):
        return _kind_of_zip(content[:_ZIP_BYTES_MAX])
    return "text/csv" if _is_csv(content[:_TEXT_BYTES_MAX]) else UNKNOWN


def file_name(name: str, media_type: str) -> str:
    """Return *name* as that of a file of *media_type*, fit for any disk.

    It has no path, nothing that hides, and the ending that its content deserves: what nobody knows
    ends in ``.bin``.
    """
    kept = "".join(each for each in name if each.isprintable() and each not in _NOT_IN_NAMES)
    kept = kept.strip(" .")[-_NAME_CHARACTERS_MAX:] or "document"
    ending = EXTENSIONS.get(media_type, ".bin")
    endings = (ending, ".jpeg") if ending == ".jpg" else (ending,)
    return kept if kept.lower().endswith(endings) else kept + ending


def image_type(content: bytes) -> str:
    """Return the media type of an image of ours: PNG or JPEG, and SVG for anything else."""
    kind = media_type(content)
    return kind if kind.startswith("image/") else SVG


def _kind_of_zip(head: bytes) -> str:
    if head[30:].startswith(b"mimetype" + _ODS.encode()):
        return _ODS
    return _XLSX if b"[Content_Types].xml" in head and b"xl/" in head else UNKNOWN


def _is_csv(head: bytes) -> bool:
    """Say whether *head* is plain text in columns, without anything like a tag."""
    separated = any(each in head for each in (b",", b";", b"\t"))
    return bool(head) and separated and not _NOT_CSV.search(head)
