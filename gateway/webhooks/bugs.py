"""What is logged of an error of our own: where it comes from, without its values."""

import logging
import traceback

from gateway.store.webhooks.reading import EndpointRef

__all__ = ["log_bug"]

_LOG = logging.getLogger(__name__)


def log_bug(exc: Exception, ref: EndpointRef | None = None) -> None:
    """Log where *exc* comes from; it may carry what a document says."""
    frames = "".join(traceback.format_tb(exc.__traceback__))
    about = {} if ref is None else {"endpoint": str(ref.id)}
    _LOG.error("webhooks failed: %s at\n%s", type(exc).__name__, frames, extra=about)
