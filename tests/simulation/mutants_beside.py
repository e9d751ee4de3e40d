"""Mutants of what a gateway checks, opens and connects to; `BESIDE` names them."""

import socket
from types import MappingProxyType

from as4 import unpack
from as4.errors import FailedDecryption, Unreadable
from gateway import egress
from gateway.errors import Unavailable
from gateway.exchange import intake
from gateway.exchange.answers import Answers, refuse
from gateway.exchange.retry import RetryRules
from gateway.lanes import ProcessEnded
from gateway.rules import checker, pipeline
from gateway.trust import trust
from tests.simulation.patched import Patched
from ubl.findings import Severity


class OpensAnything(Patched):
    """4: a digest that is another one is no obstacle."""

    where, name = unpack._Attachment, "close"

    def instead(self, original):
        def close(attachment, expected, **named):
            try:
                return original(attachment, expected, **named)
            except FailedDecryption:
                return b"".join(attachment._plain)

        return close


class Hoards(Patched):
    """9: what is remembered is never forgotten."""

    where, name = trust, "OrderedDict"

    def instead(self, original):
        class Hoard(original):
            def popitem(self, last=True):
                del last

        return Hoard


class Hurries(Patched):
    """9: after a failure there is no pause."""

    where, name = RetryRules, "pause"

    def instead(self, original):
        del original
        return lambda *_: 0.01


class ConnectsAnywhere(Patched):
    """12: nobody looks at the address that a name resolved to."""

    where, name = egress.Egress, "_make_socket"

    def instead(self, original):
        del original
        return lambda _, address: socket.socket(*address[:3])


class TellsTheStep(Patched):
    """13: who sent a tag that is wrong hears that it was the tag."""

    where, name = Answers, "error"

    def instead(self, original):
        def error(answers, failure):
            if isinstance(failure, FailedDecryption) and failure.step != "key":
                return refuse(Unreadable(400, failure.step))
            return original(answers, failure)

        return error


class LetsOut(Patched):
    """14: what breaks a rule is accepted all the same."""

    where, name = intake, "refusal_of"

    def instead(self, original):
        del original
        return lambda report, **_: None


class ForgetsWarnings(Patched):
    """15: the engine finds only what is fatal."""

    where, name = pipeline, "judge_natively"

    def instead(self, original):
        def judge(*asked):
            return [each for each in original(*asked) if each.severity is Severity.FATAL]

        return judge


class BlamesTheDocument(Patched):
    """19: who loses a process says that the document was not checked to its end."""

    where, name = checker, "_ask"

    def instead(self, original):
        del original

        async def ask(lanes, question):
            try:
                return await lanes.ask(question)
            except (Unavailable, ProcessEnded) as error:
                return pipeline.unchecked(str(error))

        return ask


BESIDE = MappingProxyType(
    {
        "opens-anything": OpensAnything,
        "hoards": Hoards,
        "hurries": Hurries,
        "connects-anywhere": ConnectsAnywhere,
        "tells-the-step": TellsTheStep,
        "lets-out": LetsOut,
        "forgets-warnings": ForgetsWarnings,
        "blames-the-document": BlamesTheDocument,
    }
)
