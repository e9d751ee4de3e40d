"""An example of each body that the API takes or answers; the tests send them.

JSON stands in `reference/examples.json` by the name of its shape, other media in files.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from gateway.web.help import FOLDER
from gateway.web.route import Body

__all__ = ["example_of"]


def example_of(body: Body) -> Any:
    """Return an example of *body*, or None where bytes say nothing to a reader."""
    if body.shape is not None:
        return _examples().get(body.shape.__name__)
    return _read(body.example) if body.example else None


@cache
def _examples() -> Mapping[str, Any]:
    return msgspec.json.decode(_read("examples.json"), type=dict[str, Any])


@cache
def _read(name: str) -> str:
    return files(__package__).joinpath(FOLDER, name).read_text("utf-8")
