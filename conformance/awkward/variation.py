"""All that is varied of one message, as one value: the same seed and name give the same."""

from dataclasses import dataclass

from conformance.awkward.business import Business, draw_business
from conformance.awkward.dice import stream
from conformance.awkward.dressing import Dress, draw_dress
from conformance.awkward.enriching import Extras, draw_extras
from conformance.awkward.names import Names, draw_names
from conformance.awkward.packaging import Packaging, draw_packaging
from conformance.awkward.transfer import Transfer, draw_transfer
from conformance.awkward.zipping import Zipping, draw_zipping

__all__ = ["Variation", "draw_variation"]


@dataclass(frozen=True, slots=True)
class Variation:
    """How one message or answer is written, from its ids to its chunks."""

    dress: Dress
    names: Names
    packaging: Packaging
    zipping: Zipping
    transfer: Transfer
    business: Business
    extras: Extras


def draw_variation(seed: int, *names: object) -> Variation:
    """Return the variation that *seed* gives to the message called *names*."""
    dice = stream(seed, *names)
    return Variation(
        dress=draw_dress(dice),
        names=draw_names(dice),
        packaging=draw_packaging(dice),
        zipping=draw_zipping(dice),
        transfer=draw_transfer(dice),
        business=draw_business(dice),
        extras=draw_extras(dice),
    )
