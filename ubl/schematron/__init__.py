"""Business rules as Python: official Schematron, compiled.  [SCHEMATRON §6]

`compiler.compile_rules` turns the bytes of rule files into the source of a module; `build_tree`
makes of a parsed document the tree that its function `check` runs on.  Executing the source, and
keeping it, is for who uses this package: nothing here does I/O.
The compiler is named by its module alone, for who has compiled rules does without it.
"""

from ubl.schematron.errors import EvaluationError, UnknownConstruct
from ubl.schematron.tree import Node, Tree, build_tree

__all__ = [
    "EvaluationError",
    "Node",
    "Tree",
    "UnknownConstruct",
    "build_tree",
]
