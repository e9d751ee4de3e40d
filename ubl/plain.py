"""The tags and texts of a document that the parser has accepted, without its tree.

Walking a tree costs more than making it.  But where a well-formed document has no comment, no
processing instruction and no CDATA, each "<" starts a tag, for neither text nor attributes may have
one; and if there are as many ">", each of them ends one.  Then the tags and the texts between them
are found by cutting the text at both.  [XML §2.4] [XML §3.1]

What else may stand in place of a tag (``!--``, ``?pi``, ``![CDATA[``) comes out as a tag that has
no known name: before it everything is exact, so whoever meets it stops there and asks the tree.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ubl.binding.parts import NAMESPACES

__all__ = ["NotPlain", "Tags", "cut_tags", "read_attributes"]

# LIMIT: prefixes of a root; the text is searched for each.  Those who declare all of UBL have ten.
PREFIXES_MAX: Final = 32

# The text between two tags that is space for Python, but not for XML.
_ODD_SPACE: Final = re.compile(r">[ \t\n]*+[^\S \t\n]\s*+<")
# Comments in a row, and whether the start tag of an element follows.  A row is looked at once.
_COMMENTS: Final = re.compile(r"(?:<!--(?:[^-]++|-[^-])*+-->[ \t\n]*+)++(?=(?P<element><[^/!?])?)")
# An attribute without namespace or references, and without space that XML would change.
_ATTRIBUTE: Final = re.compile(
    r"""[ \t\n]++([A-Za-z]++)[ \t\n]*+=[ \t\n]*+(?:"([^"&\t\n]*+)"|'([^'&\t\n]*+)')"""
)
_ATTRIBUTES: Final = re.compile(rf"(?:{_ATTRIBUTE.pattern})*+[ \t\n]*+")
_USUAL: Final = {namespace: prefix for prefix, namespace in NAMESPACES.items()}
# The references that need no declaration; the one that makes others comes last.  [XML §4.6]
_REFERENCES: Final = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&apos;", "'"),
    ("&amp;", "&"),
)

Tags = Iterator[tuple[str, str]]


class NotPlain(Exception):  # noqa: N818 - it says what the document is, which is no error
    """The document has to be read from its tree."""


def cut_tags(data: bytes, root: str, namespaces: Mapping[str | None, str]) -> tuple[str, Tags]:
    """Return the text behind the root's start tag, and the tags of *data* after it.

    *data* is a document that the parser has accepted, *root* the name that its root is written
    with, and *namespaces* what the root declares.  Tags are without angle brackets, and their names
    have the prefixes of UBL, ``cac:`` and ``cbc:``; those bound anew further down are not plain, as
    no tag with a declaration is.  Space between tags is what `str.isspace` says.
    Raise NotPlain if the document has to be read from its tree.
    """
    text = _prepare(data.decode(), namespaces)
    parts = text.replace(">", "<").split("<")
    if len(parts) != 2 * text.count("<") + 1:
        raise NotPlain
    # Tags and texts take turns, after what stands before the first tag.
    rest = iter(parts)
    next(rest)
    tags: Tags = zip(rest, rest, strict=True)
    first, behind = next(tags)
    if first.startswith("?xml "):
        first, behind = next(tags)
    if first.split(None, 1)[0] != root:
        raise NotPlain
    if "&" in text:
        if "&#" in text:
            raise NotPlain
        # Tags with references are left as they are: no attribute with one is plain.
        tags = ((tag, _resolve(text) if "&" in text else text) for tag, text in tags)
    return behind, tags


def read_attributes(tag: str, name: str) -> dict[str, str]:
    """Return the attributes of *tag*, a start tag, or raise NotPlain if it is not of *name*."""
    written = tag.removeprefix(name)
    if len(written) == len(tag) or _ATTRIBUTES.fullmatch(written) is None:
        raise NotPlain
    return {key: quoted or other for key, quoted, other in _ATTRIBUTE.findall(written)}


def _prepare(text: str, namespaces: Mapping[str | None, str]) -> str:
    """Return *text* as `cut_tags` needs it: line ends, comments and prefixes are the usual ones."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # [XML §2.11]
    if "!" in text and "<!--" in text:
        # It is the start of a comment, unless it is inside of something else.
        if "<![" in text or "<?" in text[2:]:
            raise NotPlain
        # Before an element it says nothing; anywhere else it might stand inside of a value.
        text = _COMMENTS.sub(lambda row: row[0] if row["element"] is None else "", text)
    if not text.isascii() and _ODD_SPACE.search(text):
        raise NotPlain
    return _rename(text, namespaces)


def _rename(text: str, namespaces: Mapping[str | None, str]) -> str:
    """Return *text* with the usual prefixes instead of those that *namespaces* bind."""
    if len(namespaces) > PREFIXES_MAX:
        raise NotPlain
    for prefix, namespace in namespaces.items():
        if prefix is None:
            continue
        if prefix in NAMESPACES:
            if NAMESPACES[prefix] != namespace:
                raise NotPlain
        elif namespace in _USUAL:
            usual = _USUAL[namespace]
            text = text.replace(f"<{prefix}:", f"<{usual}:").replace(f"</{prefix}:", f"</{usual}:")
    return text


def _resolve(text: str) -> str:
    for reference, character in _REFERENCES:
        text = text.replace(reference, character)
    return text
