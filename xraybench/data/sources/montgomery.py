"""Montgomery County: 138 chest radiographs, 58 with tuberculosis, lung masks (Jaeger et al. 2014)."""

from __future__ import annotations

from typing import ClassVar

from xraybench.data.sources._tuberculosis import CITATION, TuberculosisSource
from xraybench.spec import About, MetricNeeds


class Montgomery(TuberculosisSource):
    """Montgomery: label `tb`; masks of the lungs, which are not masks of lesions."""

    name: ClassVar[str] = "montgomery"
    prefixes: ClassVar[tuple[str, ...]] = ("MCUCXR",)
    redistributable: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset()
    about: ClassVar[About] = About(
        title="Montgomery County chest radiographs",
        licence="National Library of Medicine: research use, cite and acknowledge",
        citation=CITATION,
        obtain="National Library of Medicine, data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets",
        official={"images": 138, "tb=0": 80, "tb=1": 58},
    )
