r"""The substitution expression of a NAPTR record, evaluated without trusting who wrote it.

`!^.*$!https://smp.example!` is a delimiter, a POSIX extended regular expression, a replacement in
which `\1` to `\9` stand for groups, and the flag `i`.  [RFC3403 §4.1]
Whoever registers a participant writes it, so it must not be able to keep us busy.  The expression
is translated token by token to Python's syntax, and what could take long is refused: a repeated
group, and more than a few repetitions and alternatives.  What remains takes some milliseconds.
"""

import re
from typing import Final

# LIMIT: a DNS character-string holds at most 255 octets.
EXPRESSION_CHARACTERS_MAX: Final = 255
# LIMIT: a participant value is at most 135 characters.  [PEPPOL-ID §2]
SUBJECT_CHARACTERS_MAX: Final = 135
# LIMIT: each repetition or alternative multiplies the work by the length of the subject, and so
# does a match that may start anywhere: the cube of 135 is 5 ms.
CHOICES_MAX: Final = 2
CHOICES_ANCHORED_MAX: Final = 3

_TOKEN: Final = re.compile(
    r"""
      (?P<class>\[\^?\]?[^\]\[]*\])
    | (?P<interval>\{[0-9]{1,3}(?:,(?:[0-9]{1,3})?)?\})
    | (?P<escaped>\\[^0-9A-Za-z])
    | (?P<repeat>[*+?])
    | (?P<mark>[.^$|()])
    | (?P<literal>[^\\\[\]{}()*+?.^$|])
    """,
    re.VERBOSE,
)


class BadSubstitution(ValueError):  # noqa: N818 - it says what is bad, as its neighbours do
    """The expression is malformed, too costly to evaluate, or does not match."""


def substitute(expression: str, subject: str) -> str:
    """Return *subject* after *expression* replaced its first match, else raise BadSubstitution."""
    if len(expression) > EXPRESSION_CHARACTERS_MAX or len(subject) > SUBJECT_CHARACTERS_MAX:
        raise BadSubstitution("is too long")
    pattern, replacement, flags = _split(expression)
    try:
        matcher = re.compile(_translate(pattern), re.IGNORECASE if flags else 0)
    except (re.error, OverflowError) as exc:
        raise BadSubstitution(f"has an unsupported pattern: {exc}") from exc
    match = matcher.search(subject)
    if match is None:
        raise BadSubstitution("does not match")
    return subject[: match.start()] + _expand(replacement, match) + subject[match.end() :]


def _split(expression: str) -> tuple[str, str, str]:
    """Cut at the unescaped delimiters; the delimiter is whatever comes first."""
    delimiter = expression[:1]
    if not delimiter or delimiter in "0123456789i\\":
        raise BadSubstitution("has no delimiter")
    field = rf"((?:\\.|[^\\{re.escape(delimiter)}])*)"
    mark = re.escape(delimiter)
    whole = re.fullmatch(f"{mark}{field}{mark}{field}{mark}(i*)", expression, re.DOTALL)
    if whole is None:
        raise BadSubstitution("is not delimiter, pattern, delimiter, replacement, delimiter")
    # An escaped delimiter stays escaped: in both fields a backslash makes it literal.
    return whole[1], whole[2], whole[3]


def _translate(pattern: str) -> str:
    """Rewrite the POSIX *pattern* in Python's syntax, or refuse it."""
    tokens = _tokens(pattern)
    choices = sum(t.lastgroup in ("repeat", "interval") or t[0] == "|" for t in tokens)
    anchored = pattern.startswith("^") and "|" not in pattern
    if choices > (CHOICES_ANCHORED_MAX if anchored else CHOICES_MAX):
        raise BadSubstitution("has more repetitions and alternatives than we evaluate")
    depth, repeatable = 0, False
    for token in tokens:
        if token.lastgroup in ("repeat", "interval") and not repeatable:
            raise BadSubstitution("repeats a group, an anchor, a repetition or nothing")
        depth += (token[0] == "(") - (token[0] == ")")
        if depth < 0:
            break
        repeatable = token.lastgroup in ("class", "escaped", "literal") or token[0] == "."
    if depth:
        raise BadSubstitution("has unbalanced parentheses")
    return "".join(_python(token) for token in tokens)


def _tokens(pattern: str) -> list[re.Match[str]]:
    tokens: list[re.Match[str]] = []
    position = 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:
            raise BadSubstitution(f"has an unsupported pattern at character {position}")
        tokens.append(token)
        position = token.end()
    return tokens


def _python(token: re.Match[str]) -> str:
    text = token[0]
    match token.lastgroup:
        case "escaped":
            return re.escape(text[1:])
        case "literal":
            return re.escape(text)
        case "class":
            # In a POSIX bracket expression a backslash is an ordinary character.
            return text.replace("\\", "\\\\")
        case _:
            # Python's $ also matches before a final line end.
            return r"\Z" if text == "$" else text


def _expand(replacement: str, match: re.Match[str]) -> str:
    def fill(escape: re.Match[str]) -> str:
        character = escape[1]
        if not character.isdecimal():
            return character
        try:
            return match[int(character)] or ""
        except IndexError as exc:
            raise BadSubstitution(f"has no group {character}") from exc

    return re.sub(r"\\(.)", fill, replacement, flags=re.DOTALL)
