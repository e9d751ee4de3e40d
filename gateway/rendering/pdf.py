"""A view as a PDF for archives, with the document itself inside: PDF/A-3b, made by Typst.

[ISO19005-3 §6.8]  The layout is `templates/document.typ`; what the document says reaches it as
JSON, so that text cannot become markup.  Typst reads no file but those it is handed here, asks no
network and no clock: the same view gives the same bytes.

Typst is the extra `pdf`; whoever calls this is told when it is missing.
"""

import json
import re
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from gateway.rendering.media import EXTENSIONS, image_type
from gateway.rendering.qr import draw
from gateway.rendering.text import REPLACEMENT
from gateway.rendering.view import NO_LAYOUT, Layout, View
from gateway.rendering.wording import Wording

__all__ = ["render_pdf"]

_STANDARD: Final = "a-3b"
_COLUMNS: Final = ("number", "description", "quantity", "price", "vat", "amount")
# LIMIT: how often a document is set anew because no font has some of its characters; after that
# everything but Western letters is replaced.
_ATTEMPTS_MAX: Final = 4
_STRANGE: Final = re.compile("[^\n -~\u00a0-\u017f\u2010-\u2026\u202f\u20ac\ufffd]")
_ESCAPED: Final = re.compile(r"\\u\{([0-9a-f]{1,6})\}")


def render_pdf(view: View, document: bytes, *, at: datetime, layout: Layout = NO_LAYOUT) -> bytes:
    """Return *view* as a PDF in *layout*, made *at* a time, that carries *document*, byte for byte.

    Characters that no font on this machine has are replaced, and the PDF says so.
    ModuleNotFoundError where Typst is not installed.
    """
    import typst  # noqa: PLC0415 - an extra, and slow to load

    handed = _files(view, document, layout)
    said = json.dumps(_data(view, layout), ensure_ascii=False)
    inputs: dict[str, str] = {}
    for attempt in range(_ATTEMPTS_MAX + 1):
        handed["data.json"] = said.encode()
        try:
            made: bytes = typst.compile(
                handed,  # type: ignore[call-overload]  # files by name: its stubs know one alone
                format="pdf",
                pdf_standards=[_STANDARD],
                sys_inputs=inputs,
                timestamp=int(at.timestamp()),
            )
        except typst.TypstError as error:
            missing = _missing(error.diagnostic, said, last=attempt == _ATTEMPTS_MAX - 1)
            if not missing:
                raise
            said = said.translate(dict.fromkeys(missing, REPLACEMENT))
            inputs = {"replaced": REPLACEMENT}
        else:
            return made
    raise AssertionError("Western letters are in the fonts that Typst brings along")


def _files(view: View, document: bytes, layout: Layout) -> dict[str, bytes]:
    """Return the files that Typst sees."""
    handed = {"main": _template(), "document.xml": document}
    codes = (payment.code for payment in view.payments)
    handed |= {f"code-{at}.svg": draw(code) for at, code in enumerate(codes) if code}
    if layout.logo is not None:
        handed[_logo_name(layout.logo)] = layout.logo
    return handed


def _data(view: View, layout: Layout) -> dict[str, Any]:
    """Return what `templates/document.typ` shows, as plain JSON."""
    shown = asdict(view)
    for at, payment in enumerate(shown["payments"]):
        payment["code"] = f"code-{at}.svg" if payment["code"] else ""
    house = asdict(layout) | {"logo": _logo_name(layout.logo) if layout.logo else None}
    return {"view": shown, "layout": house, "words": _words(view)}


def _words(view: View) -> dict[str, Any]:
    """Return the words around the values."""
    word = Wording.of(view.language).word
    columns = [word(f"line.{name}") for name in _COLUMNS]
    return {
        "adjustments": word("note.allowances"),
        "attached": word("page.attached"),
        "attachments": word("attachment.table"),
        "columns": [*columns[:-1], f"{columns[-1]} {view.currency}"],
        "made_from": word("page.made_from"),
        "notes": word("note.table"),
        "own_pdf": word("attachment.own_pdf"),
        "page": word("page.of"),
        "payment": word("payment.table"),
        "replaced": word("page.replaced", sign=REPLACEMENT),
        "scan": word("payment.scan"),
        "totals": word("total.table"),
        "vat": word("vat.table"),
        "vat_columns": [word(f"vat.{name}") for name in ("category", "base", "amount")],
    }


def _missing(diagnostic: str, said: str, *, last: bool) -> set[int]:
    """Return the characters of *said* that *diagnostic* says no font has; the *last* time, all."""
    used = {each for each in said if _STRANGE.match(each)}
    named = set(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), diagnostic))
    return {ord(each) for each in (used if last else used & named)}


@cache
def _template() -> bytes:
    return files(__package__).joinpath("templates", "document.typ").read_bytes()


def _logo_name(logo: bytes) -> str:
    return "logo" + EXTENSIONS.get(image_type(logo), ".svg")
