"""The syntax binding: which element of UBL holds which term of the model.

One table serves the reader and the writer, so neither can know what the other does not.
[EN16931-3-2] [BIS3]
"""

from ubl.binding.invoice import CREDIT_NOTE, INVOICE
from ubl.binding.parts import Fixed, Group, Leaf, Need, Part, Wrapper
from ubl.binding.response import RESPONSE

__all__ = [
    "CREDIT_NOTE",
    "INVOICE",
    "RESPONSE",
    "Fixed",
    "Group",
    "Leaf",
    "Need",
    "Part",
    "Wrapper",
]
