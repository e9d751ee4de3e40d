"""A program of edits: a few bytes that say how a genuine message is to be spoiled.

    spoil(message, program)

Each edit takes six bytes: which one, which element (two), where in it (two), and with what.  A
place is named by its element and not by its offset, so that a program finds it again in a message
signed with other keys.  Every program means something, and the empty one changes nothing.
"""

import re
from typing import NamedTuple

EDIT_BYTES = 6
# LIMIT: edits of one program; more of them only hide each other.
EDITS_MAX = 8

_TAG = re.compile(rb"<(/?)([\w:.-]+)[^<>]*?(/?)>")
_ATTRIBUTE = re.compile(rb"""[\w:.-]+=("[^"<>]*"|'[^'<>]*')""")
_END = b"Envelope>"
WORDS = (
    b"<!---->", b"<!--", b"-->", b"<?x?>", b"<![CDATA[", b"]]>", b"&#65;", b"&amp;", b"&lt;",
    b"\r\n", b"\n", b"\t", b" ", b"\0", b"=", b"'", b'"', b"/", b"--", b"\r\n--", b"\r\n\r\n",
    b"\xef\xbb\xbf", b"\xc3\xa9", b"<x/>", b"<x>", b"</x>", b' Id="x"', b' wsu:Id="x"',
    b' xml:id="x"', b' xmlns:x="y"', b' xmlns="y"', b' xml:space="preserve"', b"#", b"%41", b"cid:",
    b"<!DOCTYPE x>", b"Content-ID: <x>\r\n", b"Content-Transfer-Encoding: base64\r\n", b"A", b"0",
)  # fmt: skip


class Element(NamedTuple):
    """Where an element stands: its start tag, and its end behind the end tag."""

    start: int
    content: int
    stop: int


def spoil(message, program):
    """Return *message* after the edits of *program*, as far as they find something to edit."""
    for at in range(0, min(len(program), EDITS_MAX * EDIT_BYTES), EDIT_BYTES):
        kind, *rest = program[at : at + EDIT_BYTES].ljust(EDIT_BYTES, b"\0")
        elements = elements_of(message)
        if not elements:
            break
        chosen = elements[(rest[0] << 8 | rest[1]) % len(elements)]
        edit = EDITS[kind % len(EDITS)]
        message = edit(message, elements, chosen, rest[2] << 8 | rest[3], rest[4])
    return message


def elements_of(message):
    """Return the elements of the first XML document in *message*, in the order of their tags."""
    stop = message.rfind(_END)
    open_ones, found = [], []
    for tag in _TAG.finditer(message, 0, stop + len(_END) if stop >= 0 else len(message)):
        if tag[3]:
            found.append(Element(tag.start(), tag.end(), tag.end()))
        elif not tag[1]:
            open_ones.append(tag)
        elif open_ones:
            start = open_ones.pop()
            found.append(Element(start.start(), start.end(), tag.end()))
    return sorted(found)


def change_byte(message, _elements, element, where, value):
    """Another byte, in the element or anywhere behind it."""
    place = element.start + where
    if place >= len(message):
        return message
    return message[:place] + bytes([value]) + message[place + 1 :]


def insert_word(message, _elements, element, where, value):
    """A word that means something to XML or MIME, in the element or behind it."""
    place = element.start + where
    return message[:place] + WORDS[value % len(WORDS)] + message[place:]


def insert_in_content(message, _elements, element, where, value):
    """Such a word right in the content of the element."""
    place = element.content + where % 8
    return message[:place] + WORDS[value % len(WORDS)] + message[place:]


def cut(message, _elements, element, where, value):
    """Some bytes less."""
    place = element.start + where
    return message[:place] + message[place + 1 + value :]


def remove(message, _elements, element, _where, _value):
    """The element is gone."""
    return message[: element.start] + message[element.stop :]


def repeat(message, _elements, element, _where, value):
    """The element is there once more, before or after itself; a byte of the copy may differ."""
    copy = bytearray(message[element.start : element.stop])
    if value > 1:
        copy[value % len(copy)] ^= 1
    place = element.start if value % 2 else element.stop
    return message[:place] + bytes(copy) + message[place:]


def move(message, elements, element, where, value):
    """The element stands somewhere else, alone or as a copy: inside, before or after another."""
    other = elements[where % len(elements)]
    place = (other.start, other.content, other.stop)[value % 3]
    text = message[element.start : element.stop]
    if value & 4:
        return message[:place] + text + message[place:]
    if element.start < place < element.stop:
        return message
    if place <= element.start:
        return message[:place] + text + message[place : element.start] + message[element.stop :]
    return message[: element.start] + message[element.stop : place] + text + message[place:]


def wrap(message, _elements, element, _where, value):
    """The element stands inside another, of a new name or of its own."""
    start = message[element.start : element.content]
    name = b"x" if value % 2 or start.endswith(b"/>") else _name(start)
    before = b"<x>" if name == b"x" else start
    inner = message[element.start : element.stop]
    return b"".join(
        [message[: element.start], before, inner, b"</", name, b">", message[element.stop :]]
    )


def take_attribute(message, elements, element, where, value):
    """An attribute has the value that another one has."""
    other = elements[where % len(elements)]
    ours = list(_ATTRIBUTE.finditer(message, element.start, element.content))
    theirs = list(_ATTRIBUTE.finditer(message, other.start, other.content))
    if not ours or not theirs:
        return message
    mine, its = ours[value % len(ours)], theirs[(value >> 4) % len(theirs)]
    return message[: mine.start(1)] + its[1] + message[mine.end(1) :]


def take_content(message, elements, element, where, _value):
    """The element has the content that another one has."""
    other = elements[where % len(elements)]
    end = message.rfind(b"</", element.content, element.stop)
    its_end = message.rfind(b"</", other.content, other.stop)
    if end < 0 or its_end < 0:
        return message
    return message[: element.content] + message[other.content : its_end] + message[end:]


def write_as_reference(message, _elements, element, where, value):
    """A character of the content is written as a reference: the same text in other bytes."""
    place = element.content + where % max(1, element.stop - element.content)
    if place >= len(message) or not message[place : place + 1].isalnum():
        return message
    form = b"&#x%x;" if value % 2 else b"&#%d;"
    return message[:place] + form % message[place] + message[place + 1 :]


def _name(tag):
    found = _TAG.match(tag)
    assert found is not None
    return found[2]


EDITS = (
    change_byte, insert_word, insert_in_content, cut, remove, repeat, move, wrap, take_attribute,
    take_content, write_as_reference,
)  # fmt: skip
