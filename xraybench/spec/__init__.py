"""The contracts: what an explainer, a reference map, a model, a metric and a source are.

Nothing here imports torch: names are listed and work is planned without it. Explainers and metrics follow suit and
import torch inside the functions that compute.
"""

from xraybench.spec.evidence import Annotated, Artefacts, Contrast, Cost, Evidence, Explain, Shared, Twins
from xraybench.spec.explaining import (
    TRAINING_MEAN,
    ClassAgnostic,
    Classifier,
    Context,
    Contrasting,
    Explainer,
    FunctionExplainer,
    NamesBaseline,
    Needs,
    Notes,
    Outlined,
    Reference,
    Role,
    explainer,
)
from xraybench.spec.scoring import (
    ALL_ANEW,
    FunctionMetric,
    Metric,
    MetricDetails,
    MetricNeeds,
    MetricNotes,
    ReExplaining,
    metric,
)
from xraybench.spec.source import About, Flipping, Opener, OpenSource, Source, opens

__all__ = [
    "ALL_ANEW",
    "TRAINING_MEAN",
    "About",
    "Annotated",
    "Artefacts",
    "ClassAgnostic",
    "Classifier",
    "Context",
    "Contrast",
    "Contrasting",
    "Cost",
    "Evidence",
    "Explain",
    "Explainer",
    "Flipping",
    "FunctionExplainer",
    "FunctionMetric",
    "Metric",
    "MetricDetails",
    "MetricNeeds",
    "MetricNotes",
    "NamesBaseline",
    "Needs",
    "Notes",
    "OpenSource",
    "Opener",
    "Outlined",
    "ReExplaining",
    "Reference",
    "Role",
    "Shared",
    "Source",
    "Twins",
    "explainer",
    "metric",
    "opens",
]
