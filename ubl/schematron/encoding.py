"""Parses the bytes of rule files, some of which are not in UTF-8."""

import re
from typing import Final

from lxml import etree

from ubl.xml import parse

__all__ = ["parse_rules"]

# LIMIT: bytes of one rule file; the largest official one has 2 MB.
FILE_BYTES_MAX: Final = 32 << 20

_LATIN: Final = re.compile(rb"""\A(<\?xml[^>]*?encoding=["'])iso-8859-1(["'])""", re.IGNORECASE)


def parse_rules(data: bytes) -> etree._Element:
    """Return the root element of the rule file *data*, or raise MalformedXml.

    The official rules of statistics reports declare ISO 8859-1, so they are written anew in UTF-8.
    """
    if _LATIN.match(data):
        data = _LATIN.sub(rb"\1utf-8\2", data).decode("iso-8859-1").encode()
    return parse(data, bytes_max=FILE_BYTES_MAX)
