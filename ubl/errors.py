"""What can be wrong with a document, an envelope or an identifier, in words for people.

    UblError
    ├── MalformedXml          not XML that we read: where, and which kind of refusal
    ├── BadIdentifier         not a Peppol identifier (also a ValueError)
    ├── BadBusinessHeader     the envelope (SBDH) breaks a rule: which rule
    ├── UnknownDocument       well-formed, but it cannot be routed: which element, and the fix
    ├── BadContent            a value is not what its place says, or is missing: the XPath
    ├── CannotWrite           a document holds what its syntax cannot say
    └── BadForm               the JSON form of an invoice does not say enough, or says too much

The text of each names the place and the fix, because the API shows it to whoever sent the document.
Finding out what is wrong with a document's *content* is not done with exceptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MalformedKind = Literal[
    "syntax", "doctype", "too_deep", "encoding", "too_large", "nul", "interrupted"
]


class UblError(Exception):
    """Something is wrong with the bytes or the words given to this package."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedXml(UblError):  # noqa: N818 - named by what it is
    """The bytes are not XML of the kind that is read here.

    *line* and *column* count from 1 and are None where there is no one place.
    """

    def __init__(
        self,
        detail: str,
        *,
        kind: MalformedKind,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind: MalformedKind = kind
        self.line = line
        self.column = column

    def __str__(self) -> str:
        if self.line is None:
            return self.detail
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.detail} (line {self.line}{column})"


class BadIdentifier(UblError, ValueError):  # noqa: N818 - named by what it is
    """The text is not an identifier of the kind asked for."""


class BadBusinessHeader(UblError):  # noqa: N818 - named by what it is
    """The business header of an envelope breaks a rule; *rule* is its short, stable name."""

    def __init__(self, detail: str, *, rule: str) -> None:
        super().__init__(detail)
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.detail} [{self.rule}]"


class UnknownDocument(UblError):  # noqa: N818 - named by what it is
    """The document is well-formed XML, but says too little to be routed, or is of no known type.

    *element* is the path of the element that is wrong or missing, *line* where it was met.
    """

    def __init__(self, detail: str, *, element: str | None = None, line: int | None = None) -> None:
        super().__init__(detail)
        self.element = element
        self.line = line

    def __str__(self) -> str:
        return self.detail if self.line is None else f"{self.detail} (line {self.line})"


class BadContent(UblError):  # noqa: N818 - named by what it is
    """A document cannot be read: a value has the wrong form, or what the schema wants is missing.

    *location* is the XPath of the place, with the prefixes ``ubl:``, ``cac:`` and ``cbc:``.
    """

    def __init__(self, detail: str, *, location: str) -> None:
        super().__init__(detail)
        self.location = location

    def __str__(self) -> str:
        return f"{self.location}: {self.detail}"


class CannotWrite(UblError):  # noqa: N818 - named by what it is
    """A document cannot be written: its syntax has no way to say what it holds."""


@dataclass(frozen=True, slots=True)
class FormProblem:
    """One thing that is wrong with a form: the JSON *pointer* of the place, and what to change."""

    pointer: str
    message: str


class BadForm(UblError):  # noqa: N818 - named by what it is
    """No invoice can be made of a form; *problems* has at least one."""

    def __init__(self, problems: Sequence[FormProblem]) -> None:
        lines = (f"{problem.pointer or '/'}: {problem.message}" for problem in problems)
        super().__init__("; ".join(lines))
        self.problems = tuple(problems)
