"""What can be wrong with rules, and with evaluating one.

    UblError
    ├── UnknownConstruct      a rule file says something that is not known here: where, what
    └── EvaluationError       a rule cannot be evaluated on a document: the code of XPath, why

A rule that cannot be evaluated does not end a check: it becomes a fatal finding.
"""

from ubl.errors import UblError

__all__ = ["EvaluationError", "UnknownConstruct"]


class UnknownConstruct(UblError):  # noqa: N818 - named by what it is
    """A rule file holds a *construct* that is not known, so that none of it is used.

    *file* and *line* say where; *expression* is the XPath around it, or empty.
    """

    def __init__(
        self, construct: str, *, file: str = "", line: int | None = None, expression: str = ""
    ) -> None:
        super().__init__(construct)
        self.construct = construct
        self.file = file
        self.line = line
        self.expression = expression

    def __str__(self) -> str:
        place = self.file or "the rules"
        if self.line is not None:
            place += f", line {self.line}"
        shown = " ".join(self.expression.split())
        # LIMIT: characters of an expression that are shown; some are code lists of many pages.
        within = f", in `{shown[:200]}`" if shown else ""
        return f"{place}: {self.construct}{within}"


class EvaluationError(UblError):
    """A rule cannot be evaluated on this document; *code* is the error of XPath.  [XPATH2 §G]"""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
