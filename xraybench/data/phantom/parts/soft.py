"""What limbs have in common."""

from __future__ import annotations

from xraybench.data.phantom.anatomy import Flesh
from xraybench.data.phantom.shapes import Points, Shaft
from xraybench.data.phantom.skeleton import Person


def limb_flesh(person: Person, widths: Points, depth: float, bow: Points | None = None) -> tuple[Flesh, ...]:
    """The soft tissue of a straight limb along y: half-width by y in mm, as stout as the person."""
    own = tuple((y, width * person.stout) for y, width in widths)
    return (Flesh(shape=Shaft(own, bow=bow), depth=depth * person.stout),)
