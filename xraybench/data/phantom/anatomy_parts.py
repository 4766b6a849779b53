"""Whole-body regions of the anatomy family: the parts by class, each in its projections."""

from __future__ import annotations

from collections.abc import Mapping

from xraybench.data.phantom.parts import UPPER_LIMB, Series, leg, trunk

REGIONS: Mapping[str, tuple[Series, ...]] = {  # from head to foot
    "skull": ((("lateral", trunk.skull_lateral),), (("AP", trunk.skull_ap),)),
    "cervical_spine": ((("lateral", trunk.cervical_lateral),),),
    "chest": ((("PA", trunk.chest),),),
    "abdomen": ((("AP", trunk.abdomen),),),
    "lumbar_spine": ((("AP", trunk.lumbar_ap),), (("lateral", trunk.lumbar_lateral),)),
    "pelvis": ((("AP", trunk.pelvis),),),
    "shoulder": UPPER_LIMB["shoulder"],
    "humerus": UPPER_LIMB["humerus"],
    "elbow": UPPER_LIMB["elbow"],
    "forearm": UPPER_LIMB["forearm"],
    "wrist": UPPER_LIMB["wrist"],
    "hand": UPPER_LIMB["hand"],
    "finger": UPPER_LIMB["finger"],
    "knee": ((("AP", leg.knee_ap),), (("lateral", leg.knee_lateral),)),
    "ankle": ((("AP", leg.ankle_ap),), (("lateral", leg.ankle_lateral),)),
    "foot": ((("AP", leg.foot_ap),),),
}
