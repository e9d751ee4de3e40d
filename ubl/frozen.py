"""Frozen values, made in a third of the time.

The constructor of a frozen dataclass sets each field by a call, for it has to pass by what forbids
it.  Here a value is filled while its class is one with the same slots that is not frozen yet, and
then it becomes what it is.  Nobody sees it before.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

__all__ = ["defaults_of", "maker_of"]

T = TypeVar("T")


def maker_of(made: type[T]) -> Callable[..., T]:
    """Return what makes a value of *made*, a frozen dataclass with slots, as it does itself.

    It takes all fields, by position in the order of the class or by name; none has a default.
    """
    names = tuple(field.name for field in fields(made))  # type: ignore[arg-type]  # a dataclass
    assert made.__slots__ == names, "every field has its slot, and no ancestor has others"  # type: ignore[attr-defined]
    assert not hasattr(made, "__post_init__"), "nothing happens after the fields are set"
    source = [
        f"def make({', '.join(names)}):",
        "    _made = Draft()",
        *(f"    _made.{name} = {name}" for name in names),
        "    _made.__class__ = Made",
        "    return _made",
    ]
    space: dict[str, Any] = {"Draft": type("Draft", (), {"__slots__": names}), "Made": made}
    exec("\n".join(source), space)  # noqa: S102 - of the names of fields, which are our own
    make: Callable[..., T] = space["make"]
    return make


def defaults_of(made: type) -> dict[str, Any]:
    """Return the fields of the dataclass *made* that may be left out, with what they are then."""
    return {field.name: field.default for field in fields(made) if field.default is not MISSING}
