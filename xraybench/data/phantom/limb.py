"""Radiographs of any part of the body: a skeleton becomes an image, its twin and its masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from xraybench.data.phantom import render
from xraybench.data.phantom.abnormal import Abnormality, covered
from xraybench.data.phantom.anatomy import Bone, Defect, Tissue, add_bone, add_flesh, texture
from xraybench.data.phantom.lettering import Word
from xraybench.data.phantom.marks import Field
from xraybench.data.phantom.metal import line_integral
from xraybench.data.phantom.render import Exposure
from xraybench.data.phantom.shapes import Array
from xraybench.data.phantom.skeleton import Person, Skeleton
from xraybench.data.phantom.view import View
from xraybench.data.phantom.wrist import DIFFERENCE, FINE, boxed

LIMB_VERSION = 1  # of what is drawn: raise it with every change of a pixel
RIM = 0.02  # of the field's smaller side: the part of its edge that counts as frame
METAL_MARGIN = 0.5  # pixels around metal that its mask takes in


@dataclass(frozen=True)
class Normal:
    """What lies in the beam beside a finding: look-alikes by bone, and bones of their own."""

    defects: Mapping[str, tuple[Defect, ...]] = field(default_factory=dict)
    bones: tuple[Bone, ...] = ()


@dataclass(frozen=True)
class Radiograph:
    """One projection at one image size: everything that its image, twin and masks are made of.

    view and frame: pixels and the collimated field; noise: gives a standard-normal field [size,size], the same at each
    call; streaks: which part of the texture.
    """

    skeleton: Skeleton
    person: Person
    view: View
    frame: Field
    exposure: Exposure
    noise: Callable[[], Array]
    streaks: tuple[float, float]
    normal: Normal = Normal()
    abnormality: Abnormality | None = None
    legend: Word | None = None

    @property
    def factor(self) -> int:
        """Samples a pixel, along each side."""
        return 2 if self.view.size <= FINE else 1

    @cached_property
    def fine(self) -> View:
        """The view at which tissue is sampled."""
        return self.view.finer(self.factor)

    def tissue(self, abnormal: bool) -> Tissue:
        """The thickness maps, with or without the finding, at the fine view; in mm of the person."""
        tissue = Tissue.empty(self.fine.size)
        for part in self.skeleton.flesh:
            add_flesh(tissue, self.fine, part)
        self._let_out_air(tissue)
        found = self.abnormality if abnormal and self.abnormality else Abnormality(())
        for bone in (*self.skeleton.bones, *self.normal.bones, *found.spurs):
            layers = (self.skeleton.hollows, self.normal.defects, found.defects)
            add_bone(tissue, self.fine, bone, [one for layer in layers for one in layer.get(bone.name, ())])
        self._textured(tissue)
        return tissue

    def _let_out_air(self, tissue: Tissue) -> None:
        """Lungs and gas take the place of soft tissue; in place."""
        if self.skeleton.air:
            air = Tissue.empty(self.fine.size)
            for part in self.skeleton.air:
                add_flesh(air, self.fine, part)
            np.maximum(tissue.soft - air.soft, 0.15 * tissue.soft, out=tissue.soft)

    def _textured(self, tissue: Tissue) -> None:
        """Trabeculae in spongy bone, streaks of muscle and fat in soft tissue, the person's size; in place."""
        enlarge = self.skeleton.unit
        for layer, kind, strength in ((tissue.spongy, "trabeculae", 0.22), (tissue.soft, "planes", 0.025 / enlarge)):
            pattern = 1 + np.float32(strength) * texture(self.view, kind, self.streaks, enlarge)
            layer *= pattern.repeat(self.factor, 0).repeat(self.factor, 1)
        tissue.compact *= np.float32(self.person.dense)
        tissue.spongy *= np.float32(self.person.dense)

    def image(self) -> Array:
        """The radiograph, float32 [size,size] of k/255."""
        return self._image

    def twin(self) -> Array | None:
        """The same radiograph without its finding; None for a normal one."""
        return self._twin

    @cached_property
    def _image(self) -> Array:
        return self._exposed(abnormal=True)

    @cached_property
    def _twin(self) -> Array | None:
        return self._exposed(abnormal=False) if self.abnormality else None

    def _exposed(self, abnormal: bool) -> Array:
        tissue = self.tissue(abnormal)
        line = render.attenuation(tissue)
        film = self.fine.film
        line += self.frame.shadow(self.frame.inside(*film))
        if abnormal and self.abnormality and self.abnormality.metal:
            line += line_integral(self.abnormality.metal, self.fine)
        if self.legend:
            line += self.legend.shadow(*self.frame.local(*film), self.fine.pitch)
        signal = render.transmitted(line) + render.scattered(tissue.soft, self.fine.pitch, self.exposure.scatter)
        seen = render.binned(signal, self.factor)
        counts = render.detected(seen, self.view.pitch * self.person.size, self.exposure, self.noise())
        shown = render.displayed(counts, self.exposure)
        return np.where(self.frame.inside(*self.view.film) > 0, shown, np.float32(0))

    def regions(self) -> dict[str, np.ndarray]:
        """Masks by name, bool [size,size]: finding, difference, box, text, frame, hardware.

        finding: what a reader would outline; difference: pixels that differ from the twin's by at least DIFFERENCE;
        box: the finding's bounding box; text: the box of the legend's letters; frame: outside the collimated field,
        and its rim; hardware: metal.
        """
        nothing = np.zeros((self.view.size, self.view.size), bool)
        inside = self.frame.inside(*self.view.film)
        shown = inside > 0
        finding = difference = hardware = nothing
        if self.abnormality:
            finding = self.abnormality.region(self.view) & shown
            twin = self.twin()
            assert twin is not None
            difference = np.abs(self.image() - twin) > DIFFERENCE - 1e-4
            hardware = covered(self.abnormality.metal, self.view, METAL_MARGIN * self.view.pitch) & shown
        text = nothing
        if self.legend:
            at = self.frame.local(*self.view.film)
            text = self.legend.region(*at, self.legend.stroke / 2 + self.view.pitch) & shown
        frame = inside < RIM * 2 * min(self.frame.half) if min(self.frame.half) < 1e3 else nothing
        return {
            "finding": finding, "difference": difference, "box": boxed(finding), "text": text, "frame": frame,
            "hardware": hardware,
        }  # fmt: skip
