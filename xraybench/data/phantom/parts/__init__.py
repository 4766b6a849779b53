"""Parts of the body: a table of bones each, by series and projection.

A series is what is radiographed in one study: its projections show the same bones, with the same sites and joints in
the same order, so that a finding of the study is one finding in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import radians

from xraybench.data.phantom.parts import elbow, hand, shoulder
from xraybench.data.phantom.skeleton import Person, Skeleton, oblique

Build = Callable[[Person], Skeleton]
Series = tuple[tuple[str, Build], ...]  # projections by name, the first the standard one


def _turned(build: Build, degrees: float, person: Person) -> Skeleton:
    return oblique(build(person), radians(degrees))


def _series(*projections: tuple[str, Build], turn: float) -> Series:
    """Projections, and the first of them once more as an oblique one."""
    return (*projections, ("oblique", partial(_turned, projections[0][1], turn)))


UPPER_LIMB: Mapping[str, tuple[Series, ...]] = {  # MURA's parts, in its order
    "elbow": (_series(("AP", elbow.elbow_ap), ("lateral", elbow.elbow_lateral), turn=24),),
    "finger": (_series(("PA", hand.finger_pa), ("lateral", hand.finger_lateral), turn=26),),
    "forearm": (
        _series(("AP", hand.forearm_distal), ("lateral", hand.forearm_distal_lateral), turn=25),
        _series(("AP", elbow.forearm_proximal), ("lateral", elbow.forearm_proximal_lateral), turn=22),
    ),
    "hand": (
        _series(("PA", hand.hand_pa), turn=38),
        _series(("PA", hand.metacarpus), turn=35),
    ),
    "humerus": (
        _series(("AP", shoulder.humerus_proximal), ("internal", shoulder.humerus_proximal_internal), turn=15),
        _series(("AP", elbow.humerus_distal), ("lateral", elbow.humerus_distal_lateral), turn=22),
    ),
    "shoulder": (_series(("AP", shoulder.shoulder_external), ("internal", shoulder.shoulder_internal), turn=14),),
    "wrist": (_series(("PA", hand.wrist_pa), ("lateral", hand.wrist_lateral), turn=28),),
}
