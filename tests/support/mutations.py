"""The changes that make a mutant of a document: each takes a tree and says what it did to it.

A change may make the tree invalid; whoever asks for it checks that and tries another.
"""

import re
from collections.abc import Callable
from copy import deepcopy
from random import Random

from lxml import etree

_VARIANTS_MAX = 60
# INTEROP(Saxon 13.1): a number that is minus zero is not equal to a text that is zero, although
# XPath has one zero.  That one difference is pinned by a test, and not made here again and again.
_MINUS_ZERO = re.compile(r"\s*-0*\.?0*\s*")
_DATE_LENGTH = len("2026-01-01")

ODD_TEXTS = (
    "", " ", "0", "-1", "1", "NaN", "INF", "1e3", "-0.00", "+5", ".5", "5.", "1 000", "12,50",
    "true", "false", "VAT", "vat", "S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B", "380", "381",
    "9999999999999999999999999999.99", "0.004999999999999999999", "2026-02-29", "0000-00-00",
    "2026-11-22Z", "2026-11-22+05:00", "\u00a0", "a\u00a0b", "\u3000", "x\ty\nz", "é", "\U0001f600",
    "=1+1", "@SUM(A1)", "<b>", "&amp;", "]]>", "%s", "{0}", "BE0123456749", "DE123456789",
    "SE123456789701", "NO987654325MVA", "EL094259216", "IT00743110157", "NL123456782B90", "0208",
    "1234567890", "0" * 40, "x" * 300, "#SKONTO#TAGE=14#PROZENT=2.25#\n", "1|22/11/2026|0|1.1|A|9",
)  # fmt: skip
COUNTRIES = ("BE", "DE", "DK", "FR", "GR", "EL", "IS", "IT", "NL", "NO", "SE", "AT", "XX", "1A")
CURRENCIES = ("EUR", "DKK", "NOK", "SEK", "ISK", "USD", "XXX", "XYZ")
SCHEMES = (
    "0002", "0007", "0060", "0088", "0106", "0130", "0151", "0183", "0184", "0188", "0190", "0192",
    "0195", "0201", "0208", "0210", "0211", "9906", "9907", "9925", "9930", "9933", "9999", "",
)  # fmt: skip
AMOUNTS = ("0", "0.00", "1", "100", "1000.005", "-0.01", "99999999999999999999", "0.3333333333")


class Parts:
    """What documents of one kind have where: children by parent, texts and attributes by tag."""

    def __init__(self, roots: list[etree._Element]) -> None:
        self.children: dict[str, dict[str, list[etree._Element]]] = {}
        self.texts: dict[str, list[str]] = {}
        self.attributes: dict[str, dict[str, list[str]]] = {}
        seen: set[tuple[str, bytes]] = set()
        for root in roots:
            for element in root.iter(etree.Element):
                self._learn(element, seen)

    def _learn(self, element: etree._Element, seen: set[tuple[str, bytes]]) -> None:
        if not len(element) and element.text:
            _add(self.texts.setdefault(element.tag, []), element.text)
        for name, value in element.attrib.items():
            _add(self.attributes.setdefault(element.tag, {}).setdefault(name, []), value)
        parent = element.getparent()
        if parent is None:
            return
        variants = self.children.setdefault(parent.tag, {}).setdefault(element.tag, [])
        written = parent.tag, etree.tostring(element, with_tail=False)
        if written not in seen and len(variants) < _VARIANTS_MAX:
            seen.add(written)
            variants.append(element)


Change = Callable[[Random, etree._Element, Parts, etree.XMLSchema], str]


def duplicate(random: Random, root: etree._Element, *_: object) -> str:
    element = _pick(random, root)
    if element is root:
        return ""
    copy = deepcopy(element)
    element.addnext(copy)
    return f"duplicate {_place(element)}"


def delete(random: Random, root: etree._Element, *_: object) -> str:
    element = _pick(random, root)
    if element is root:
        return ""
    words = f"delete {_place(element)}"
    _remove(element)
    return words


def swap(random: Random, root: etree._Element, *_: object) -> str:
    """Exchange two elements of the same name, wherever they stand."""
    one = _pick(random, root)
    twins = [other for other in root.iter(one.tag) if other is not one]
    if not twins:
        return ""
    other = random.choice(twins)
    if one in other.iterancestors() or other in one.iterancestors():
        return ""
    words = f"swap {_place(one)} and {_place(other)}"
    one_copy, other_copy = deepcopy(one), deepcopy(other)
    one.getparent().replace(one, other_copy)
    other.getparent().replace(other, one_copy)
    return words


def move(random: Random, root: etree._Element, _parts: Parts, schema: etree.XMLSchema) -> str:
    """Take an element to another parent of the same name as its own."""
    element = _pick(random, root)
    parent = element.getparent()
    if parent is None:
        return ""
    others = [other for other in root.iter(parent.tag) if other is not parent]
    if not others:
        return ""
    target, words = random.choice(others), _place(element)
    copy = deepcopy(element)
    _remove(element)
    return f"move {words} to {_place(target)}" if _insert(random, target, copy, schema) else ""


def graft(random: Random, root: etree._Element, parts: Parts, schema: etree.XMLSchema) -> str:
    """Add a child that some other document has at such a place."""
    parent = _pick(random, root, leaves=False)
    known = parts.children.get(parent.tag)
    if not known:
        return ""
    tag = random.choice(list(known))
    child = deepcopy(random.choice(known[tag]))
    return f"add {_name(tag)} to {_place(parent)}" if _insert(random, parent, child, schema) else ""


def replace(random: Random, root: etree._Element, parts: Parts, _schema: object) -> str:
    """Put in the place of an element what some other document has there."""
    element = _pick(random, root)
    parent = element.getparent()
    if parent is None:
        return ""
    words = f"replace {_place(element)}"
    copy = deepcopy(random.choice(parts.children.get(parent.tag, {}).get(element.tag, [element])))
    copy.tail = element.tail
    parent.replace(element, copy)
    return words


def retext(random: Random, root: etree._Element, parts: Parts, _schema: object) -> str:
    """Give a value that some other document has there."""
    leaf = _pick_leaf(random, root)
    return _set(leaf, random.choice(parts.texts.get(leaf.tag, [""])))


def odd_text(random: Random, root: etree._Element, *_: object) -> str:
    return _set(_pick_leaf(random, root), random.choice(ODD_TEXTS))


def pad(random: Random, root: etree._Element, *_: object) -> str:
    """Put blanks around or into a value."""
    leaf = _pick_leaf(random, root)
    text, blank = leaf.text or "", random.choice((" ", "\n  ", "\t", "\r\n", "\u00a0", "  "))
    middle = random.randint(0, len(text))
    choices = (
        blank + text,
        text + blank,
        blank + text + blank,
        text[:middle] + blank + text[middle:],
    )
    return _set(leaf, random.choice(choices))


def amount(random: Random, root: etree._Element, *_: object) -> str:
    leaf = _pick_by(random, root, lambda element: "currencyID" in element.attrib)
    if leaf is None:
        return ""
    text = (leaf.text or "").strip()
    changed = (
        "-" + text,
        text + "0",
        text + "1",
        "1" + text,
        text.lstrip("-"),
        text[:-1],
        *AMOUNTS,
    )
    return _set(leaf, random.choice(changed))


def number(random: Random, root: etree._Element, *_: object) -> str:
    leaf = _pick_by(random, root, lambda element: _is_number(element.text))
    if leaf is None:
        return ""
    text = (leaf.text or "").strip()
    changed = ("-" + text, text + ".5", text + "0", str(random.randint(0, 40)), *AMOUNTS)
    return _set(leaf, random.choice(changed))


def date(random: Random, root: etree._Element, *_: object) -> str:
    leaf = _pick_by(random, root, lambda element: _is_date(element.text))
    if leaf is None:
        return ""
    year, month, day = random.randint(1990, 2040), random.randint(1, 12), random.randint(1, 31)
    zone = random.choice(("", "", "", "Z", "+14:00", "-05:00"))
    return _set(leaf, f"{year}-{month:02}-{day:02}{zone}")


def everywhere(random: Random, root: etree._Element, parts: Parts, _schema: object) -> str:
    """Give all leaves of one name, or attributes of one name, the same value."""
    leaf = _pick_leaf(random, root)
    if leaf.attrib and random.random() < 0.5:
        name = random.choice(list(leaf.attrib))
        values = [*parts.attributes.get(leaf.tag, {}).get(name, []), *SCHEMES, *CURRENCIES]
        value = random.choice(values)
        for element in root.iter(etree.Element):
            if name in element.attrib:
                element.set(name, value)
        return f"every @{name} is {value!r}"
    odd = random.choice([text for text in ODD_TEXTS if not _MINUS_ZERO.fullmatch(text)])
    value = random.choice([*parts.texts.get(leaf.tag, [""]), odd])
    for element in root.iter(leaf.tag):
        element.text = value
    return f"every {_name(leaf.tag)} is {value!r}"


def country(random: Random, root: etree._Element, *_: object) -> str:
    """Let a party, or all, live in another country, with a VAT number of it."""
    code = random.choice(COUNTRIES)
    parties = [child for child in root if "Party" in str(child.tag)]
    chosen = parties if random.random() < 0.5 else random.sample(parties, min(1, len(parties)))
    for party in chosen:
        for element in party.iter("{*}IdentificationCode"):
            element.text = code
        for element in party.iter("{*}PartyTaxScheme"):
            company = element.find("{*}CompanyID")
            if company is not None and random.random() < 0.8:
                company.text = code + (company.text or "")[2:]
    return f"{len(chosen)} parties in {code}" if chosen else ""


def attribute(random: Random, root: etree._Element, parts: Parts, _schema: object) -> str:
    """Change, add or take away an attribute."""
    element = _pick_leaf(random, root)
    known = parts.attributes.get(element.tag)
    if not known:
        return ""
    name = random.choice(list(known))
    if name in element.attrib and random.random() < 0.25:
        del element.attrib[name]
        return f"delete @{name} of {_place(element)}"
    value = random.choice([*known[name], *random.sample(ODD_TEXTS, 2), *random.sample(SCHEMES, 2)])
    element.set(name, value)
    return f"@{name} of {_place(element)} is {value!r}"


def interrupt(random: Random, root: etree._Element, *_: object) -> str:
    """Put a comment or a processing instruction into a value, or between elements."""
    node = random.choice((etree.Comment(" 5 "), etree.ProcessingInstruction("odd", "x='1'")))
    element = _pick(random, root)
    if len(element):
        element.insert(random.randint(0, len(element)), node)
        return f"{type(node).__name__} inside {_place(element)}"
    text = element.text or ""
    cut = random.randint(0, len(text))
    element.text, node.tail = text[:cut], text[cut:]
    element.append(node)
    return f"{type(node).__name__} inside the value of {_place(element)}"


def empty(random: Random, root: etree._Element, *_: object) -> str:
    element = _pick(random, root)
    if element is root:
        return ""
    for child in list(element):
        element.remove(child)
    element.text = random.choice(("", None, " ", "\n"))
    return f"empty {_place(element)}"


def pad_dates(root: etree._Element) -> str:
    """Put blanks around all dates, which is valid, although libxml2 says otherwise."""
    for element in root.iter(etree.Element):
        if _is_date(element.text) and not len(element):
            element.text = f"\n  {element.text} "
    return "blanks around all dates"


CHANGES: tuple[Change, ...] = (
    duplicate, delete, swap, move, graft, replace, retext, odd_text, pad, amount, number, date,
    everywhere, country, attribute, interrupt, empty,
)  # fmt: skip
WEIGHTS = (6, 6, 3, 3, 14, 6, 10, 6, 4, 6, 4, 3, 8, 4, 8, 3, 3)


def _add(values: list[str], value: str) -> None:
    if value not in values and len(values) < _VARIANTS_MAX:
        values.append(value)


def _pick(random: Random, root: etree._Element, *, leaves: bool = True) -> etree._Element:
    elements = [one for one in root.iter(etree.Element) if leaves or len(one)]
    return random.choice(elements or [root])


def _pick_leaf(random: Random, root: etree._Element) -> etree._Element:
    return random.choice([one for one in root.iter(etree.Element) if not len(one)] or [root])


def _pick_by(
    random: Random, root: etree._Element, is_wanted: Callable[[etree._Element], bool]
) -> etree._Element | None:
    found = [one for one in root.iter(etree.Element) if not len(one) and is_wanted(one)]
    return random.choice(found) if found else None


def _insert(
    random: Random, parent: etree._Element, child: etree._Element, schema: etree.XMLSchema
) -> bool:
    """Put *child* at one of the places where the schema accepts it."""
    child.tail = None
    places = list(range(len(parent) + 1))
    random.shuffle(places)
    for place in places:
        parent.insert(place, child)
        if schema.validate(child.getroottree()):
            return True
        parent.remove(child)
    return False


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def _set(leaf: etree._Element, text: str) -> str:
    if _MINUS_ZERO.fullmatch(text):
        return ""
    for child in list(leaf):
        leaf.remove(child)
    leaf.text = text
    return f"{_place(leaf)} is {text[:60]!r}"


def _is_number(text: str | None) -> bool:
    return bool(text) and text.strip().replace(".", "", 1).lstrip("-").isdigit()


def _is_date(text: str | None) -> bool:
    text = (text or "").strip()
    return len(text) == _DATE_LENGTH and text[4] == text[7] == "-"


def _place(element: etree._Element) -> str:
    names = [_name(one.tag) for one in element.iterancestors()][::-1][1:]
    return "/".join([*names, _name(element.tag)])


def _name(tag: object) -> str:
    return etree.QName(str(tag)).localname
