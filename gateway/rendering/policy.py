"""What a page may do in a browser: show itself, in its own style.  Nothing else.  [CSP3 §6]"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

__all__ = ["FOLDER", "page_policy", "read_style", "stated_policy"]

FOLDER: Final = "templates"


def page_policy() -> str:
    """Return the Content-Security-Policy that every page is served with."""
    return f"{stated_policy()}; frame-ancestors 'none'"


@cache
def stated_policy() -> str:
    """Return the policy as a page states it itself, where frame-ancestors has no meaning."""
    digest = base64.b64encode(hashlib.sha256(read_style().encode()).digest()).decode()
    allowed = f"style-src 'sha256-{digest}'; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


@cache
def read_style() -> str:
    """Return the style sheet that is in every page."""
    return files(__package__).joinpath(FOLDER, "document.css").read_text("utf-8")
