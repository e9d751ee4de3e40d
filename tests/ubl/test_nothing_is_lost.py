"""Examples with random changes: what the reader does not list, the writer writes again."""

import random
from collections import Counter
from copy import deepcopy
from decimal import Decimal, InvalidOperation

import pytest
from lxml import etree

from tests.support.documents import official_examples
from ubl.errors import BadContent, UnknownDocument
from ubl.reader import read_document
from ubl.writer import write_document

SEEDS = range(400)
TEXTS = ("", " ", "NaN", "-1", "1e5", "2026-02-30", "2026-01-01Z", "true", "\u0663", "130", "GST")
SPACE = " \t\r\n"
SCHEMA_LOCATION = "schemaLocation"


def change(root, draw):
    """Remove, repeat, move, empty or rename one element, or change a text or an attribute."""
    element, other = draw.choices(list(root.iter("*"))[1:], k=2)
    match draw.randrange(7):
        case 0:
            element.getparent().remove(element)
        case 1:
            element.addnext(deepcopy(element))
        case 2:
            element.addnext(deepcopy(other))
        case 3:
            element.text = draw.choice(TEXTS)
        case 4:
            element.tail = draw.choice(TEXTS)
        case 5:
            element.set(draw.choice(("schemeID", "currencyID", "listID", "x")), "X")
        case 6:
            element.tag = other.tag


def number_or_text(text):
    """The text, or the number that it is: 1.0 and 1 say the same."""
    try:
        return Decimal(text) if text.isascii() else text
    except InvalidOperation:
        return text


def said(data):
    """Each value with its path and attributes, as often as it stands there."""
    values = []
    for element in etree.fromstring(data).iter("*"):
        text = "".join(element.xpath("text()")).strip(SPACE)
        names = [etree.QName(step).localname for step in (element, *element.iterancestors())]
        attributes = {n: v for n, v in element.attrib.items() if SCHEMA_LOCATION not in n}
        if text or attributes:
            if names[0] == "EmbeddedDocumentBinaryObject":
                text = "".join(text.split())
            elif names[0] == "ChargeIndicator":
                text = {"0": "false", "1": "true"}.get(text, text)
            values.append((*names, number_or_text(text), *sorted(attributes.items())))
    return Counter(values)


@pytest.mark.captured
def test_what_is_not_listed_is_written_again(test_data):
    examples = [path.read_bytes() for path in official_examples(test_data)]
    outcomes = Counter()
    for seed in SEEDS:
        draw = random.Random(seed)
        root = etree.fromstring(draw.choice(examples))
        for _ in range(draw.randint(1, 2)):
            change(root, draw)
        data = etree.tostring(root)
        try:
            reading = read_document(data)
        except (BadContent, UnknownDocument):
            outcomes["refused"] += 1
            continue
        written = write_document(reading.document)
        assert read_document(written).document == reading.document, seed
        if reading.unheld:
            outcomes["listed"] += 1
        else:
            outcomes["held"] += 1
            assert said(data) - said(written) == Counter(), seed
    assert min(outcomes["refused"], outcomes["listed"], outcomes["held"]) > 20, outcomes
