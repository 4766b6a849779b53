"""Wrist radiographs, PA view: a case becomes anatomy, and that an image, its twin and its masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xraybench.data.phantom import findings, render, setups
from xraybench.data.phantom.anatomy import Bone, Defect, Flesh, Tissue, add_bone, add_flesh, texture
from xraybench.data.phantom.cases import Case
from xraybench.data.phantom.findings import Fracture
from xraybench.data.phantom.marks import Field, Legend
from xraybench.data.phantom.render import Exposure
from xraybench.data.phantom.shapes import Array, Shaft
from xraybench.data.phantom.view import View
from xraybench.data.phantom.wrist_anatomy import Build, bones, flesh

PHANTOM_VERSION = 1  # of what is drawn: raise it with every change of a pixel
DIFFERENCE = 4 / 255  # a pixel differs from its twin's where the grey value (0 to 1) changes by at least this
FINE = 112  # images up to so many pixels are sampled 2 x 2 a pixel
SPANS = {"radius": (-48.0, -9.0), "ulna": (-46.0, -6.0), "metacarpal": (6.0, 42.0)}  # where fractures lie, along y
ENDS = {"radius": -5.0, "ulna": 0.0, "metacarpal": 62.0}  # where the far fragment ends, along y
MARGIN = 6.0  # mm of the tables between a fracture and the field's edge, where the bone allows it
RIM = 2.0  # mm of the field's edge that count as frame


@dataclass(frozen=True)
class Wrist:
    """One case at one image size: everything that its image, twin and masks are made of."""

    case: Case
    size: int

    @cached_property
    def build(self) -> Build:
        return setups.build(self.case)

    @cached_property
    def posed(self) -> tuple[View, Field]:
        """The view at the detector's pixels, and the collimated field."""
        return setups.pose(self.case, self.size, self.build.size)

    @cached_property
    def fine(self) -> View:
        """The view at which tissue is sampled."""
        return self.posed[0].finer(self.factor)

    @property
    def factor(self) -> int:
        """Samples a pixel, along each side."""
        return 2 if self.size <= FINE else 1

    @cached_property
    def bones(self) -> list[Bone]:
        return bones(self.build)

    @cached_property
    def soft(self) -> list[Flesh]:
        """The soft tissue."""
        return flesh(self.build)

    @cached_property
    def exposure(self) -> Exposure:
        return setups.exposure(self.case, self.build.size)

    def beside(self) -> Array | None:
        """What else lies in the beam: its line integral [H,W] at the fine view; None: nothing."""
        return None

    def noise(self) -> Array:
        """Standard-normal [size,size], the same at each call."""
        return self.case.generator("noise").standard_normal((self.size, self.size), dtype=np.float32)

    @cached_property
    def legend(self) -> Legend | None:
        return setups.legend(self.case, self.posed[1]) if self.case.legend else None

    @cached_property
    def fracture(self) -> tuple[Bone, Fracture] | None:
        """The broken bone and its fracture, at a place that the field shows; None in a normal wrist."""
        if not self.case.fracture:
            return None
        rng = self.case.generator("finding")
        bone = next(bone for bone in self.bones if bone.name == self.case.bone)
        assert isinstance(bone.shape, Shaft)
        kind = bone.name.split()[0]
        place = self.place_of_fracture(bone, rng)
        at, half_width = bone.shape.axis(place)
        made = findings.fracture(self.case.grade, (at, place), half_width, ENDS[kind] - place, rng)  # type: ignore[arg-type]
        return bone, made

    def place_of_fracture(self, bone: Bone, rng: np.random.Generator) -> float:
        """Where along the bone it breaks, mm of the bone."""
        return self._shown(bone, SPANS[bone.name.split()[0]], rng)

    def _shown(self, bone: Bone, span: tuple[float, float], rng: np.random.Generator) -> float:
        """A position along the bone, drawn among those at least MARGIN inside the field, or else at the most inside."""
        view, field = self.posed
        places = np.linspace(*span, 60)
        film = np.array([view.on_film(*bone.place(0, place)) for place in places], np.float32)
        inside = field.inside(film[:, 0], film[:, 1])
        shown = inside >= min(MARGIN * self.build.size, float(inside.max()))
        return float(rng.choice(places[shown]))

    @cached_property
    def grooves(self) -> dict[str, Defect]:
        """Vessel grooves by bone: look-alikes that a wrist has whether or not it is broken."""
        if not self.case.groove:
            return {}
        rng = self.case.generator("groove")
        bone = self.bones[0 if rng.uniform() < 0.6 else 1]
        assert isinstance(bone.shape, Shaft)
        place = self._shown(bone, SPANS[bone.name], rng)
        at, half_width = bone.shape.axis(place)
        return {bone.name: findings.groove((at, place), half_width, rng)}

    def tissue(self, broken: bool) -> Tissue:
        """The thickness maps, with or without the fracture, at the fine view."""
        tissue = Tissue.empty(self.fine.size)
        for part in self.soft:
            add_flesh(tissue, self.fine, part)
        for bone in self.bones:
            defects = [self.grooves[bone.name]] if bone.name in self.grooves else []
            if broken and self.fracture and self.fracture[0] is bone:
                defects.append(self.fracture[1])
            add_bone(tissue, self.fine, bone, defects)
        self._textured(tissue)
        return tissue

    def _textured(self, tissue: Tissue) -> None:
        """Trabeculae in spongy bone, streaks of muscle and fat in soft tissue; in place."""
        offset = self.case.generator("texture").uniform(0, 80, 2).tolist()
        view, size = self.posed[0], self.build.size
        for layer, kind, strength in ((tissue.spongy, "trabeculae", 0.22), (tissue.soft, "planes", 0.02)):
            pattern = 1 + np.float32(strength) * texture(view, kind, offset, size)
            layer *= pattern.repeat(self.factor, 0).repeat(self.factor, 1)

    def image(self) -> Array:
        """The radiograph, float32 [size,size] of k/255."""
        return self._image

    def twin(self) -> Array | None:
        """The same radiograph without its fracture; None for a normal wrist."""
        return self._twin

    @cached_property
    def _image(self) -> Array:
        return self._radiograph(broken=True)

    @cached_property
    def _twin(self) -> Array | None:
        return self._radiograph(broken=False) if self.case.fracture else None

    def _radiograph(self, broken: bool) -> Array:
        view, field = self.posed
        exposure = self.exposure
        tissue = self.tissue(broken)
        tissue.compact *= np.float32(self.build.dense)
        tissue.spongy *= np.float32(self.build.dense)
        line = render.attenuation(tissue)
        film = self.fine.film
        inside = field.inside(*film)
        line += field.shadow(inside)
        if self.legend:
            line += self.legend.shadow(*field.local(*film), self.fine.pitch)
        beside = self.beside()
        if beside is not None:
            line += beside
        signal = render.transmitted(line) + render.scattered(tissue.soft, self.fine.pitch, exposure.scatter)
        counts = render.detected(render.binned(signal, self.factor), view.pitch, exposure, self.noise())
        shown = render.displayed(counts, exposure)
        return np.where(field.inside(*view.film) > 0, shown, np.float32(0))

    def finding(self) -> np.ndarray:
        """What a reader would outline, bool [size,size]: all False for a normal wrist."""
        view, field = self.posed
        mask = np.zeros((self.size, self.size), bool)
        if self.fracture:
            bone, fracture = self.fracture
            window = bone.window(view)
            assert window is not None
            x, y = bone.local(*(axis[window] for axis in view.body))
            now, before = (bone.shape.inside(*at)[0] for at in (fracture.move(x, y), (x, y)))
            mask[window] = fracture.region(x, y, np.maximum(now, before))
        return mask & (field.inside(*view.film) > 0)

    def regions(self) -> dict[str, np.ndarray]:
        """Masks by name, bool [size,size]: finding, difference, text, frame, box, bone.

        finding: the band that a reader would outline; difference: pixels that differ from the twin's by at least
        DIFFERENCE; box: the finding's bounding box; text: the legend's box; frame: outside the collimated field, and
        the RIM of it; bone: any bone.
        """
        view, field = self.posed
        finding = self.finding()
        twin = self.twin()
        difference = np.zeros_like(finding) if twin is None else np.abs(self.image() - twin) > DIFFERENCE - 1e-4
        text = np.zeros_like(finding)
        if self.legend:
            text = self.legend.region(*field.local(*view.film), self.legend.stroke / 2 + view.pitch)
        frame = field.inside(*view.film) < RIM * self.build.size
        return {"finding": finding, "difference": difference, "text": text, "frame": frame, "box": boxed(finding)}


def boxed(mask: np.ndarray) -> np.ndarray:
    """The bounding box of a mask, as a mask of its shape; empty for an empty one."""
    box = np.zeros_like(mask)
    if mask.any():
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box
