"""The narrow schema beside the whole one: official documents, as they are and spoilt."""

from collections import Counter
from copy import deepcopy
from pathlib import Path
from random import Random

import pytest
from lxml import etree

from gateway.rules.catalogue import CREDIT_NOTE_ROOT, INVOICE_ROOT, RESPONSE_ROOT
from gateway.rules.rulebook import Rulebook
from tests.support.mutations import CHANGES, WEIGHTS, Parts
from tests.support.rulesets import KINDS, examples
from ubl.xml import parse_document

pytestmark = pytest.mark.captured
SPOILT = 600
ROOTS = (INVOICE_ROOT, CREDIT_NOTE_ROOT, RESPONSE_ROOT)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return Rulebook(tmp_path_factory.mktemp("packs"))


@pytest.fixture(scope="module")
def documents(rules):
    """The official examples by kind; the long values in them, attachments, are cut."""
    found = {}
    for kind in KINDS:
        roots = [read(path) for path in examples(rules, kind)]
        found[kind.id] = [root for root in roots if root.tag in ROOTS]
    return {kind: roots for kind, roots in found.items() if roots}


def read(path: Path) -> etree._Element:
    root = parse_document(path.read_bytes(), bytes_max=16 << 20)
    for value in root.iter("{*}EmbeddedDocumentBinaryObject"):
        value.text = (value.text or "").strip()[:100]
    return root


def verdicts(book, root) -> tuple[bool, bool]:
    """What the whole schema says of *root*, and the narrow one."""
    return book.schema(root.tag).validate(root), book.narrow_schema(root.tag).validate(root)


@pytest.mark.parametrize("kind", ["billing", "self-billing", "invoice-response", "mlr", "mls"])
def test_documents_of_peppol_need_no_other(documents, book, kind):
    said = Counter(verdicts(book, root) for root in documents[kind])
    assert said[True, True] > 0
    assert said[True, False] <= 0.1 * said[True, True]
    assert said[False, True] == 0


def test_no_spoilt_document_is_taken_that_the_whole_schema_refuses(documents, book):
    random, said = Random(9), Counter()
    kinds = list(documents)
    parts = {kind: Parts(roots) for kind, roots in documents.items()}
    for _ in range(SPOILT):
        kind = random.choice(kinds)
        root = deepcopy(random.choice(documents[kind]))
        for _ in range(random.randint(1, 3)):
            change = random.choices(CHANGES, WEIGHTS)[0]
            change(random, root, parts[kind], book.schema(root.tag))
        said[verdicts(book, root)] += 1
    assert said[False, True] == 0
    assert min(said.values()) > SPOILT / 50, said
