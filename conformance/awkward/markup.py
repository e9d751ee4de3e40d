"""Write a tree of XML in one of the many ways that mean the same.

Prefixes, places of declarations, order and quotes of attributes, white space, references to
characters, CDATA sections, comments: all of it is left to whoever writes, and a canonical form
hides most of it.  [XML §2.4] [XML §4.1] [EXC-C14N §3]
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from as4.namespaces import XML
from conformance.awkward.dice import Dice, often, stream

__all__ = ["PLACEHOLDER", "Style", "draw_style", "write"]

PLACEHOLDER: Final = "@@"
"""How a text begins that is put in later, and is written as it stands."""

_PREFIXES: Final = (
    "a", "b", "ns0", "ns1", "ns2", "eb", "eb3", "ebms", "S", "S11", "S12", "soap", "SOAP-ENV",
    "env", "wsse", "wsu", "ds", "dsig", "xenc", "e", "x", "_", "_1", "p.q", "p-q", "ns-\u00fc",
    "\u03a9", "cbc", "sh", "xs",
)  # fmt: skip
_GAPS: Final = ("\n", "\n  ", "\t", "\r\n\t", " ", "\n\n\n")
_DECLARATIONS: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<?xml version='1.0' encoding='utf-8'?>\n",
    '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>\r\n',
    '<?xml version="1.0"?>',
    "",
)
_COMMENTS: Final = ("<!---->", "<!-- awkward -->", "<!-- <eb:MessageId>not@this</eb:MessageId> -->")


@dataclass(frozen=True, slots=True)
class Style:
    """How a tree is written; *seed* decides what differs from place to place.

    *prefixes* are (namespace, prefix), "" being the default namespace; an attribute takes the
    prefix of *attribute_prefixes* then.  *spare* are declarations that nothing uses.
    *declare* says where the others stand: at the root, where they are first used, or again at
    every element.  *references* and *comments* are shares.
    """

    prefixes: tuple[tuple[str, str], ...]
    attribute_prefixes: tuple[tuple[str, str], ...]
    spare: tuple[tuple[str, str], ...]
    declare: str
    declaration: str
    quotes: str
    gap: str
    loose_tags: bool
    short_tags: bool
    references: float
    sections: float
    comments: float
    seed: str


def draw_style(dice: Dice, namespaces: tuple[str, ...], *, comments: bool = True) -> Style:
    """Return a style for trees that use *namespaces*; *comments* says whether there may be any."""
    names = dice.sample(_PREFIXES, 2 * len(namespaces) + 2)
    prefixes = [[space, names.pop()] for space in namespaces]
    if often(dice, 0.6):
        dice.choice(prefixes)[1] = ""
    if often(dice, 0.2):
        for each in prefixes:
            each[1] = ""
    attributes = [(space, prefix or names.pop()) for space, prefix in prefixes]
    spare = [(f"urn:example:spare:{n}", names.pop()) for n in range(dice.choice((0, 0, 1, 2)))]
    return Style(
        prefixes=tuple((space, prefix) for space, prefix in prefixes),
        attribute_prefixes=tuple(attributes),
        spare=tuple(spare),
        declare=dice.choice(("root", "first", "each")),
        declaration=dice.choice(_DECLARATIONS),
        quotes=dice.choice(('"', "'", "\"'")),
        gap=dice.choice(("", "", *_GAPS)),
        loose_tags=often(dice, 0.3),
        short_tags=often(dice, 0.5),
        references=dice.choice((0.0, 0.0, 0.02, 0.3)),
        sections=dice.choice((0.0, 0.0, 0.3)),
        comments=dice.choice((0.0, 0.1)) if comments else 0.0,
        seed=f"{dice.getrandbits(64):x}",
    )


def write(root: etree._Element, style: Style) -> str:
    """Return *root* and all below it as text, in *style*; texts stay what they are."""
    return style.declaration + _Writer(root, style).element(root, {"xml": XML})


class _Writer:
    """One tree being written."""

    def __init__(self, root: etree._Element, style: Style) -> None:
        self._root, self._style = root, style
        self._dice = stream(0, style.seed)
        self._of_elements = dict(style.prefixes)
        self._of_attributes = {**dict(style.attribute_prefixes), XML: "xml"}

    def element(self, element: etree._Element, scope: Mapping[str, str]) -> str:
        scope, words = dict(scope), []
        declared = self._declare(element, scope)
        name = self._name(element.tag, self._of_elements)
        for key, value in element.attrib.items():
            words.append((self._name(str(key), self._of_attributes), str(value)))
        self._dice.shuffle(words)
        at = self._dice.randrange(len(words) + 1)
        words[at:at] = declared
        start = name + "".join(self._attribute(*word) for word in words)
        content = self._content(element, scope)
        if not content and self._style.short_tags:
            return f"<{start}{self._space()}/>"
        return f"<{start}{self._space()}>{content}</{name}{self._space()}>"

    def _declare(self, element: etree._Element, scope: dict[str, str]) -> list[tuple[str, str]]:
        """Return the declarations that *element* gets, and put them into *scope*."""
        style, wanted = self._style, {}
        if element is self._root:
            wanted.update({prefix: space for space, prefix in style.spare})
            if style.declare == "root":
                known = (*style.prefixes, *style.attribute_prefixes)
                wanted.update({prefix: space for space, prefix in known if prefix})
        needed = {self._prefix(element.tag, self._of_elements): _space_of(element.tag)}
        for key in map(str, element.attrib):
            if _space_of(key):
                needed[self._prefix(key, self._of_attributes)] = _space_of(key)
        again = style.declare == "each"
        needed.pop("xml", None)
        unknown = {prefix for prefix, space in needed.items() if scope.get(prefix, "") != space}
        wanted.update({prefix: needed[prefix] for prefix in needed if again or prefix in unknown})
        scope.update(wanted)
        words = [(f"xmlns:{prefix}" if prefix else "xmlns", wanted[prefix]) for prefix in wanted]
        self._dice.shuffle(words)
        return words

    def _content(self, element: etree._Element, scope: Mapping[str, str]) -> str:
        children = list(element.iterchildren("*"))
        if not children:
            return self._text(element.text or "")
        gap = self._style.gap
        parts = []
        for child in children:
            parts += [gap, self._comment(), self.element(child, scope)]
        return "".join((*parts, gap))

    def _comment(self) -> str:
        if not often(self._dice, self._style.comments):
            return ""
        return self._dice.choice(_COMMENTS)

    def _text(self, text: str) -> str:
        if text.startswith(PLACEHOLDER):
            return text
        if (
            text
            and "]]>" not in text
            and "\r" not in text
            and often(self._dice, self._style.sections)
        ):
            return f"<![CDATA[{text}]]>"
        return "".join([self._character(each, "&<>\r") for each in text])

    def _attribute(self, name: str, value: str) -> str:
        quote = self._dice.choice(self._style.quotes)
        plain = "&<\t\n\r" + quote
        escaped = "".join([self._character(each, plain) for each in value])
        equals = self._dice.choice(("=", " =", "= ", "\n=\t")) if self._style.loose_tags else "="
        return f"{self._space() or ' '}{name}{equals}{quote}{escaped}{quote}"

    def _character(self, character: str, never: str) -> str:
        """Return *character*, as a reference if it is one of *never* or chance wants it."""
        if character not in never and not often(self._dice, self._style.references):
            return character
        number = ord(character)
        return self._dice.choice((f"&#{number};", f"&#x{number:X};", f"&#x{number:04x};"))

    def _space(self) -> str:
        return self._dice.choice(("", " ", "\n", "\t ")) if self._style.loose_tags else ""

    def _name(self, name: str, prefixes: Mapping[str, str]) -> str:
        prefix, local = self._prefix(name, prefixes), name.rpartition("}")[2]
        return f"{prefix}:{local}" if prefix else local

    def _prefix(self, name: str, prefixes: Mapping[str, str]) -> str:
        space = _space_of(name)
        return prefixes[space] if space else ""


def _space_of(name: str) -> str:
    return name[1:].partition("}")[0] if name.startswith("{") else ""
