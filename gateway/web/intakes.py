"""How documents are taken in over the API: the parts of `Intake`, and the answer it gives."""

import msgspec

from gateway.clock import Clock
from gateway.exchange.checking import Checking
from gateway.exchange.forms import Forms
from gateway.exchange.holding import Limits
from gateway.exchange.intake import Intake
from gateway.settings import Settings
from gateway.store.archive import Archive
from gateway.store.documents import Document
from gateway.store.pool import Database
from gateway.web.answers import document_answer
from gateway.web.services import Services

__all__ = ["build_intake", "intake_of"]


def intake_of(services: Services) -> Intake:
    """Return where the API's documents come in."""
    return build_intake(
        services.settings,
        db=services.db,
        archive=services.archive,
        clock=services.clock,
        checking=services.checking,
        forms=services.forms,
    )


def build_intake(
    settings: Settings,
    *,
    db: Database,
    archive: Archive,
    clock: Clock,
    checking: Checking,
    forms: Forms,
) -> Intake:
    """Put the parts of taking documents in together."""
    return Intake(
        db=db,
        archive=archive,
        clock=clock,
        limits=Limits(settings.document_bytes_max, settings.inline_bytes_max),
        checking=checking,
        forms=forms,
        word=_word,
    )


def _word(document: Document) -> bytes:
    """Return the answer to whoever handed *document* in."""
    return msgspec.json.encode(document_answer(document, None))
