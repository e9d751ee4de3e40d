"""A document checked over HTTP: what is wrong with it, as JSON or SVRL; it is not stored."""

from typing import Final, cast

from aiohttp import web

from gateway.client import model
from gateway.rules.report import Engine, Report
from gateway.rules.svrl import write_svrl
from gateway.web import parameters
from gateway.web.once import Answer, do_once
from gateway.web.route import JSON, KEY, LANGUAGE, XML, Body, Parameter, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES
from gateway.web.xmlbody import hold_xml

__all__ = ["ROUTES"]

_ENGINES = ("native", "saxon")


async def validate(request: web.Request) -> web.Response:
    """Check the document in the body; 200 whatever is found.

    In the query `engine`, `rules_only`, `format` (json, svrl) and `language`, which may also be an
    Accept-Language; Accept: application/xml asks for SVRL too. All of these belong to what is
    repeated under an Idempotency-Key. A report of more than 256 KiB is not kept under it: a
    repetition checks anew.
    """
    services = request.app[SERVICES]
    language = parameters.language(request)
    engine = cast("Engine", parameters.choice(request, "engine", _ENGINES) or "native")
    rules_only = parameters.choice(request, "rules_only", ("true", "false")) == "true"
    form = parameters.choice(request, "format", ("json", "svrl")) or _accepted(request)
    async with hold_xml(request, services) as (held, digest):

        async def check() -> Answer:
            report = await services.checking.validate(
                held.pieces(),
                held.size_bytes,
                language=language,
                engine=engine,
                rules_only=rules_only,
            )
            if form == "svrl":
                return Answer(body=write_svrl(report), content_type=XML, remade=True)
            return Answer(value=_report(report), remade=True)

        return await do_once(request, digest + f"{language} {form}".encode(), check)


def _accepted(request: web.Request) -> str:
    """Return the form that the Accept header asks for; JSON unless it wants XML alone."""
    wanted = request.headers.get("Accept", "")
    return "svrl" if "xml" in wanted and "json" not in wanted and "html" not in wanted else "json"


def _report(report: Report) -> model.Report:
    return model.Report(
        valid=report.valid,
        findings=report.findings,
        rules=tuple(model.RuleSet(id=each.id, version=each.version) for each in report.rules),
        engine=report.engine,
        notes=report.notes,
    )


_CHECK: Final = (
    Parameter("engine", "which engine runs the rules", _ENGINES),
    Parameter("rules_only", "without the schema, for fragments", ("true", "false")),
    Parameter("format", "of the answer", ("json", "svrl")),
    LANGUAGE,
    KEY,
)

_REFUSALS: Final = (
    "unsupported-media-type", "document-too-large", "not-installed",
    "bad-rule-pack", "rule-pack-damaged", "rules-missing", "unusable-rules",
)  # fmt: skip

ROUTES: Final = (
    Route(
        "POST",
        "/v1/validate",
        validate,
        Scope.VALIDATE,
        Body(JSON, model.Report),
        sends=(Body(XML, example="invoice.xml"),),
        parameters=_CHECK,
        also=(Body(XML, example="report.svrl"),),
        refusals=_REFUSALS,
        name="validate_document",
    ),
)
