"""Shenzhen No. 3 Hospital: 662 chest radiographs, 336 with tuberculosis, outlined findings (Jaeger et al. 2014)."""

from __future__ import annotations

from typing import ClassVar

from xraybench.data.sources._tuberculosis import CITATION, TuberculosisSource
from xraybench.spec import About, MetricNeeds


class Shenzhen(TuberculosisSource):
    """Shenzhen: label `tb`; 19 findings as columns and as masks, where Annotations-2 is there."""

    name: ClassVar[str] = "shenzhen"
    prefixes: ClassVar[tuple[str, ...]] = ("CHNCXR",)
    redistributable: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    about: ClassVar[About] = About(
        title="Shenzhen Hospital chest radiographs",
        licence="National Library of Medicine: research use, cite and acknowledge",
        citation=CITATION,
        obtain="National Library of Medicine, data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets",
        official={"images": 662, "tb=0": 326, "tb=1": 336},
    )
