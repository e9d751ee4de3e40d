"""What the gateways of a schedule said of its documents: invariants 14, 15 and 19.

The same is asked again where nothing dies, of the engine and of Saxon.
"""

import json
import random
from functools import lru_cache
from hashlib import sha256

import msgspec

from gateway.exchange.checking import judge
from gateway.exchange.delivery import CHECK_SECONDS_MAX
from gateway.rules import pipeline
from gateway.rules.outcome import Question
from gateway.rules.report import write_report
from gateway.rules.rulebook import Rulebook
from tests.simulation.rules import FLAWS, UNCOVERED, rules_folder, stylesheets
from tests.support.engines import differ, oracle
from tests.support.saxon import Said
from ubl.findings import Finding
from ubl.xml import parse_document

SAMPLE = 2
"""How many documents of a schedule Saxon judges."""
BYTES_MAX = 1 << 20
REFUSAL, NOT_OURS = "document-invalid", "sender-not-ours"
_check_document, _judge_natively = pipeline.check_document, pipeline.judge_natively


def check_14(ledger):
    """What breaks a rule did not leave, and what nobody could check says so."""
    for hand_in, refusal in ledger.world.refused:
        if refusal.code == NOT_OURS:
            continue  # its sender has moved: nobody looked at the rules
        flaw, rules = hand_in.invoice.flaw, {each.rule for each in refusal.errors}
        if flaw in FLAWS and (refusal.code != REFUSAL or FLAWS[flaw].rule not in rules):
            yield f"{hand_in.key} ({flaw}) was refused for {refusal.code} {sorted(rules)}"
    for document_id, hand_in in ledger.world.accepted.items():
        if hand_in.invoice.flaw in FLAWS:
            yield f"{document_id} was accepted with a {hand_in.invoice.flaw}"
    for at, row, hand_in in _handed_in(ledger):
        if hand_in.invoice.flaw == UNCOVERED:
            covered = row["valid"] is not None or row["told"] != ["not_checked"]
            if covered:
                yield f"{at} does not say of {row['id']} that it was not checked: {row['told']}"


def check_15(ledger):
    """What was said of some documents is what Saxon says."""
    told = list(_told(ledger))
    dice = random.Random(f"{ledger.world.seed} Saxon")
    for what, data, findings in dice.sample(told, min(SAMPLE, len(told))):
        difference = differ("the rules", [_said(each) for each in findings], list(_by_saxon(data)))
        if difference is not None:
            yield f"{what}: {difference}"


def check_19(ledger):
    """Whatever befell those who check, it is said of a document what a quiet machine says."""
    for hand_in, refusal in ledger.world.refused:
        without_cause = hand_in.invoice.flaw not in FLAWS and refusal.code == REFUSAL
        if without_cause or any(each.rule == pipeline.UNFINISHED for each in refusal.errors):
            yield f"{hand_in.key} was refused for {[each.message for each in refusal.errors]}"
    for at, row, hand_in in _handed_in(ledger):
        expected = _quiet(hand_in.invoice.data)
        if (row["valid"], json.loads(row["report"])) == expected or _waited_long(ledger, at, row):
            continue
        yield f"{at} says of {row['id']}: {row['report']}, and not {expected}"


def _handed_in(ledger):
    """Yield where it is, its row and how it was handed in, of each document, out and in."""
    contents = {_digest(each.invoice.data): each for each in ledger.world.accepted.values()}
    for direction in ("out", "in"):
        for at, row in ledger.each(direction):
            hand_in = contents.get(row["content_sha256"])
            if hand_in is not None:
                yield at, row, hand_in


def _told(ledger):
    """Yield what a document is called, its bytes, and the findings that somebody told of it."""
    for _, row, hand_in in _handed_in(ledger):
        if row["valid"] is not None:
            findings = msgspec.convert(json.loads(row["report"])["findings"], list[Finding])
            yield f"{row['direction']} {row['id']}", hand_in.invoice.data, findings
    for hand_in, refusal in ledger.world.refused:
        if refusal.code == REFUSAL:
            yield hand_in.key, hand_in.invoice.data, refusal.errors


def _waited_long(ledger, at, row):
    """Say whether *row* was not checked because, by its own clock, it waited for too long."""
    days_of_waiting = ledger.world.nodes[at].clock.wrong_by.total_seconds() > CHECK_SECONDS_MAX
    return days_of_waiting and row["direction"] == "in" and row["told"] == ["not_checked"]


@lru_cache(512)
def _quiet(data):
    """Return the verdict and report that are kept of *data* when nothing goes wrong."""
    book = _book()
    outcome = _check_document(Question(data), book, _judge_natively)
    verdict = judge(write_report(outcome, {}, engine="native"))
    return verdict.valid, json.loads(msgspec.json.encode(verdict.report))


@lru_cache(512)
def _by_saxon(data):
    """Return all that Saxon says of *data* by the rules of the simulation."""
    root = parse_document(data, bytes_max=BYTES_MAX)
    return tuple(said for each in stylesheets() for said in oracle(each).check(root))


def _said(finding):
    words = " ".join(finding.message.split())
    return Said(finding.rule, str(finding.severity), finding.location, words)


@lru_cache(1)
def _book():
    return Rulebook(rules_folder())


@lru_cache(512)
def _digest(data):
    """Return what a document is known by: its bytes from the root's first to its last."""
    start = data.index(b"<", data.find(b"?>") + 1)
    return sha256(data[start : data.rindex(b">") + 1]).digest()
