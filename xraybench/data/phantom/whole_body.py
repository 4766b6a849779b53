"""The anatomy family: one radiograph of one region of the body a patient, nothing abnormal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xraybench.data.phantom import limb_setups
from xraybench.data.phantom.abnormal import covered
from xraybench.data.phantom.anatomy import Placed
from xraybench.data.phantom.anatomy_parts import REGIONS
from xraybench.data.phantom.limb import Radiograph
from xraybench.data.phantom.studies import FRAME_SHARE, LEGEND_SHARE, person
from xraybench.identity import seed_of

CLASSES = tuple(REGIONS)


@dataclass(frozen=True)
class Exam:
    """One radiograph of one patient, as a row tells it; drawn without rendering it."""

    split: str
    number: int
    seed: int
    region: str
    series: int
    view: int
    age: float
    male: bool
    left: bool
    site: str
    legend: str
    framed: bool

    @property
    def projection(self) -> str:
        """The view's name."""
        return REGIONS[self.region][self.series][self.view][0]

    def generator(self, part: str) -> np.random.Generator:
        """The generator of one part of the case (anatomy, view, exposure, noise)."""
        return np.random.default_rng(seed_of(self.seed, part))


def exam(regions: tuple[str, ...], seed: int, split: str, number: int) -> Exam:
    """The radiograph of a split's number; the same whatever else is drawn."""
    own = seed_of("anatomy phantom", seed, split, number)
    u = np.random.default_rng(own).random(10).tolist()
    region = regions[int(u[0] * len(regions))]
    series = int(u[1] * len(REGIONS[region]))
    view = int(u[2] * len(REGIONS[region][series]))
    left = u[3] < 0.5
    projection = REGIONS[region][series][view][0]
    return Exam(
        split=split,
        number=number,
        seed=own,
        region=region,
        series=series,
        view=view,
        age=round(18 + 65 * u[4], 1),
        male=u[5] < 0.5,
        left=left,
        site="A" if u[6] < 0.6 else "B",
        legend=limb_setups.text_of(left, projection, u[7]) if u[8] < LEGEND_SHARE else "",
        framed=u[9] < FRAME_SHARE,
    )


@dataclass(frozen=True)
class Anatomy:
    """A radiograph and the landmarks that define its region."""

    radiograph: Radiograph
    landmarks: tuple[Placed, ...]

    def regions(self) -> Mapping[str, np.ndarray]:
        """Masks by name, bool [size,size]: landmark, finding (the same), text, frame.

        landmark: the bones (in chest and abdomen the air too) by which radiology names the region; it is given as
        finding as well, so that every localisation metric measures agreement with the landmarks.
        """
        drawn = self.radiograph
        made = drawn.regions()
        shown = drawn.frame.inside(*drawn.view.film) > 0
        landmark = covered(self.landmarks, drawn.view, 0.0) & shown
        return {"landmark": landmark, "finding": landmark, "text": made["text"], "frame": made["frame"]}


def drawn(case: Exam, size: int) -> Anatomy:
    """An exam at an image size."""
    patient = person(case.age, case.male, case.generator("anatomy"))
    skeleton = REGIONS[case.region][case.series][case.view][1](patient)
    rng = case.generator("view")
    view, field = limb_setups.pose(skeleton, size, case.site, case.left, case.framed, rng)

    def noise() -> np.ndarray:
        return case.generator("noise").standard_normal((size, size), dtype=np.float32)

    radiograph = Radiograph(
        skeleton=skeleton,
        person=patient,
        view=view,
        frame=field,
        exposure=limb_setups.exposure(skeleton, case.site, case.generator("exposure")),
        noise=noise,
        streaks=tuple(rng.uniform(0, 80, 2).tolist()),
        legend=limb_setups.legend(case.legend, case.site, view, field, rng) if case.legend else None,
    )
    shapes: tuple[Placed, ...] = tuple(bone for bone in skeleton.bones if bone.name.startswith(skeleton.landmark))
    return Anatomy(radiograph, (*shapes, *skeleton.air) if "air" in skeleton.landmark else shapes)
