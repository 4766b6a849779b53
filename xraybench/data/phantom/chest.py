"""Chest radiographs, frontal view: a subject and its findings become an image, its twin and its masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import find_objects, label

from xraybench.data.phantom import render
from xraybench.data.phantom.chest_body import body, lungs
from xraybench.data.phantom.chest_findings import Draw
from xraybench.data.phantom.chest_maps import Maps
from xraybench.data.phantom.chest_render import Background, Technique, binned, radiograph
from xraybench.data.phantom.chest_subject import Subject
from xraybench.data.phantom.chest_text import Caption
from xraybench.data.phantom.marks import Field
from xraybench.data.phantom.shapes import Array
from xraybench.data.phantom.view import View

PHANTOM_VERSION = 2  # of what is drawn: raise it with every change of a pixel
DIFFERENCE = 4 / 255  # a pixel differs from its twin's where the grey value (0 to 1) changes by at least this
FINE = 112  # images up to so many pixels are sampled 2 x 2 a pixel
RIM = 2.0  # mm of the field's edge that count as frame


@dataclass(frozen=True)
class Finding:
    """Something to draw: under which name, with what, in which grade; hardware: it is a device."""

    name: str
    draw: Draw
    grade: str = "moderate"
    hardware: bool = False


@dataclass(frozen=True)
class Chest:
    """One radiograph at one size: everything that its image, twin and masks are made of.

    look_alikes are drawn in the twin too, findings are not.
    """

    subject: Subject
    size: int
    findings: tuple[Finding, ...] = ()
    look_alikes: tuple[Finding, ...] = ()

    @cached_property
    def posed(self) -> tuple[View, Field]:
        """The view at the detector's pixels, and the collimated field; in mm of the tables."""
        return self.subject.pose(self.size)

    @property
    def factor(self) -> int:
        """Samples a pixel, along each side."""
        return 2 if self.size <= FINE else 1

    @cached_property
    def caption(self) -> Caption | None:
        return self.subject.caption(*self.posed)

    @cached_property
    def normal(self) -> Maps:
        """The thickness maps without findings."""
        maps = body(self.subject.build(), self.posed[0].finer(self.factor))
        for finding in self.look_alikes:
            self._draw(maps, finding)
        return maps

    @cached_property
    def _abnormal(self) -> tuple[Maps, dict[str, np.ndarray]]:
        """The thickness maps with the findings, and their masks by name, bool [size,size]."""
        maps = self.normal.copy()
        return maps, {finding.name: self._pixels(self._draw(maps, finding)) for finding in self.findings}

    def _draw(self, maps: Maps, finding: Finding) -> np.ndarray:
        """Draw a finding on the maps, in place; its mask at their samples."""
        return finding.draw(maps, self.subject.generator(finding.name), finding.grade)

    def _pixels(self, mask: np.ndarray) -> np.ndarray:
        """A mask at the maps' samples as one of pixels: at least half of a pixel's samples; within the field."""
        value: np.ndarray = (binned(mask.astype(np.float32), self.factor) >= 0.5) & self._shown
        return value

    @cached_property
    def _shown(self) -> np.ndarray:
        """The pixels within the collimated field, bool [size,size]."""
        shown: np.ndarray = self.posed[1].inside(*self.posed[0].film) > 0
        return shown

    def image(self) -> Array:
        """The radiograph, float32 [size,size] of k/255."""
        return self._image

    def twin(self) -> Array | None:
        """The same radiograph without its findings; None where it has none."""
        return self._twin

    @cached_property
    def _image(self) -> Array:
        return self._radiograph(self._abnormal[0].line_integral() if self.findings else self._normal_line)

    @cached_property
    def _twin(self) -> Array | None:
        return self._radiograph(self._normal_line) if self.findings else None

    @cached_property
    def _background(self) -> Background:
        return Background.of(self._normal_line, self.normal.view.pitch, self._technique)

    @cached_property
    def _normal_line(self) -> Array:
        return self.normal.line_integral()

    @cached_property
    def _technique(self) -> Technique:
        return self.subject.technique(self.normal.build)

    @cached_property
    def _noise(self) -> Array:
        return self.subject.generator("noise").standard_normal((self.size, self.size), dtype=np.float32)

    def _radiograph(self, body: Array) -> Array:
        """The image of a body's line integral at the samples, float32 [size,size]."""
        view, field = self.posed
        fine = self.normal.view
        line = body + field.shadow(field.inside(*fine.film))
        if self.caption and not self.caption.burned:
            line += self.caption.shadow(*field.local(*fine.film), fine.pitch)
        shown = radiograph(line, self._background, self.factor, view.pitch, self._technique, self._noise)
        shown = np.where(self._shown, shown, np.float32(0))
        if self.caption and self.caption.burned:
            ink = self.caption.ink(*field.local(*fine.film), fine.pitch)
            shown = render.quantised(np.maximum(shown, binned(ink, self.factor)))
        return shown

    def finding(self) -> np.ndarray:
        """What a reader would outline, of all findings: bool [size,size]."""
        return _union(self.masks.values(), self.size)

    @property
    def masks(self) -> dict[str, np.ndarray]:
        """The findings' masks by name, bool [size,size]."""
        return self._abnormal[1]

    def lung(self) -> tuple[np.ndarray, np.ndarray]:
        """The patient's left and right lung as a reader outlines them, bool [size,size]."""
        both = lungs(self.normal)
        return self._pixels(both & (self.normal.x > 0)), self._pixels(both & (self.normal.x <= 0))

    def regions(self) -> dict[str, np.ndarray]:
        """Masks by name, bool [size,size]: finding, difference, box, lung, hardware, text, frame.

        finding: what a reader would outline; difference: pixels that differ from the twin's by at least DIFFERENCE;
        box: the bounding box of each connected part of the finding; hardware: devices; text: the letters' box;
        frame: outside the collimated field, and the RIM of it.
        """
        view, field = self.posed
        finding, twin = self.finding(), self.twin()
        difference = np.zeros_like(finding) if twin is None else np.abs(self.image() - twin) > DIFFERENCE - 1e-4
        left, right = self.lung()
        text = np.zeros_like(finding)
        if self.caption:
            text = self.caption.region(*field.local(*view.film), self.caption.stroke / 2 + view.pitch)
        devices = [self.masks[item.name] for item in self.findings if item.hardware]
        return {
            "finding": finding,
            "difference": difference,
            "box": boxes(finding),
            "lung": left | right,
            "hardware": _union(devices, self.size),
            "text": text,
            "frame": field.inside(*view.film) < RIM,
        }


def _union(masks: Iterable[np.ndarray], size: int) -> np.ndarray:
    union = np.zeros((size, size), bool)
    for mask in masks:
        union |= mask
    return union


def boxes(mask: np.ndarray) -> np.ndarray:
    """The bounding box of each connected part of a mask, as a mask of its shape."""
    boxed = np.zeros_like(mask)
    for box in find_objects(label(mask)[0]):
        boxed[box] = True
    return boxed
