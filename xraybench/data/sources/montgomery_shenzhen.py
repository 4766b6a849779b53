"""Montgomery and Shenzhen as one set of 800 radiographs from two sites, which `site` tells apart."""

from __future__ import annotations

from typing import ClassVar

from xraybench.data.sources._tuberculosis import CITATION, TuberculosisSource
from xraybench.spec import About, MetricNeeds


class MontgomeryShenzhen(TuberculosisSource):
    """Both sites from a folder that holds both: label `tb`. `site` is a confounder: break scores down by it."""

    name: ClassVar[str] = "montgomery-shenzhen"
    prefixes: ClassVar[tuple[str, ...]] = ("MCUCXR", "CHNCXR")
    redistributable: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    about: ClassVar[About] = About(
        title="Montgomery County and Shenzhen Hospital chest radiographs",
        licence="National Library of Medicine: research use, cite and acknowledge",
        citation=CITATION,
        obtain="National Library of Medicine, data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets",
        official={"images": 800, "tb=0": 406, "tb=1": 394},
    )
