"""Radiographs of the mura family: one view of a study, drawn."""

from __future__ import annotations

import numpy as np

from xraybench.data.phantom import limb_setups
from xraybench.data.phantom.abnormal import MAKERS
from xraybench.data.phantom.anatomy import Defect
from xraybench.data.phantom.limb import Normal, Radiograph
from xraybench.data.phantom.parts import UPPER_LIMB
from xraybench.data.phantom.skeleton import Skeleton
from xraybench.data.phantom.studies import FRAME_SHARE, Visit
from xraybench.identity import seed_of


def framed(visit: Visit, view: int) -> bool:
    """Whether a view shows the edges of the collimated field."""
    return bool(_draws(visit, view)[0] < FRAME_SHARE)


def legend_of(visit: Visit, view: int) -> str:
    """What the legend of a view says; "" where it has none."""
    u = _draws(visit, view)
    if u[1] >= visit.legend_share:
        return ""
    return limb_setups.text_of(visit.left, visit.projections[view], u[2])


def _draws(visit: Visit, view: int) -> list[float]:
    draws: list[float] = np.random.default_rng(seed_of(visit.seed, "marks", view)).random(3).tolist()
    return draws


def radiograph(visit: Visit, view: int, size: int) -> Radiograph:
    """A view of a study at an image size."""
    projections = UPPER_LIMB[visit.part][visit.series]
    person = visit.person
    skeleton = projections[view % len(projections)][1](person)
    rng = np.random.default_rng(seed_of(visit.seed, "view", view))
    shown, field = limb_setups.pose(skeleton, size, visit.site, visit.left, framed(visit, view), rng)
    text = legend_of(visit, view)
    found = MAKERS[visit.kind](skeleton, visit.grade, visit.generator("finding")) if visit.abnormal else None

    def noise() -> np.ndarray:
        made = np.random.default_rng(seed_of(visit.seed, "noise", view))
        return made.standard_normal((size, size), dtype=np.float32)

    return Radiograph(
        skeleton=skeleton,
        person=person,
        view=shown,
        frame=field,
        exposure=limb_setups.exposure(skeleton, visit.site, visit.generator("exposure")),
        noise=noise,
        streaks=tuple(rng.uniform(0, 80, 2).tolist()),
        normal=_normal(visit, skeleton),
        abnormality=found,
        legend=limb_setups.legend(text, visit.site, shown, field, rng) if text else None,
    )


def _normal(visit: Visit, skeleton: Skeleton) -> Normal:
    """The look-alikes of a study."""
    defects: dict[str, tuple[Defect, ...]] = {}
    if visit.person.growing:
        plates = limb_setups.growth_plates(skeleton, visit.generator("plates"))
        defects = {name: (plate,) for name, plate in plates.items()}
    if visit.vessel:
        name, groove = limb_setups.vessel(skeleton, visit.generator("vessel"))
        defects[name] = (*defects.get(name, ()), groove)
    bones = (limb_setups.ossicle(skeleton, visit.generator("ossicle")),) if visit.ossicle else ()
    return Normal(defects, bones)
