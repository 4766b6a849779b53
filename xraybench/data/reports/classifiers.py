"""Four classifiers on word counts (paper B, sections 3.4 and 4.5.1), and the probability they give, calibrated.

Counts are of single words and of runs of two and three, so that "no fracture" and "cannot be excluded" are features of
their own. A word is any run of letters and digits, in lower case; one-letter words count ("isn't" is "isn", "t").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline

from xraybench.data.reports.cases import Cases, folds
from xraybench.identity import seed_of

WORD = r"(?u)\b\w+\b"
CALIBRATION_FOLDS = 3


def counter(longest: int = 3) -> CountVectorizer:
    """texts [N] -> counts [N,V] of every run of one to `longest` words."""
    return CountVectorizer(ngram_range=(1, longest), token_pattern=WORD)


def pipeline(name: str, seed: int) -> Pipeline:
    """An untrained classifier of texts [N] into 0 and 1."""
    makers: dict[str, Callable[[], Any]] = {
        "logistic-regression": lambda: LogisticRegression(max_iter=1000),
        "gradient-boosting": lambda: GradientBoostingClassifier(random_state=seed % 2**32),
        "random-forest": lambda: RandomForestClassifier(random_state=seed % 2**32),
        "naive-bayes": MultinomialNB,
    }
    return Pipeline([("counts", counter()), ("classifier", makers[name]())])


def calibrated(name: str, cases: Cases, seed: int) -> Any:
    """The classifier trained on all cases, its scores made probabilities by Platt's sigmoid (Platt 1999).

    The sigmoid is fitted to scores of held-out reports: three folds of patients, each scored by a classifier that has
    not seen them.
    """
    made = CalibratedClassifierCV(
        pipeline(name, seed_of("classifier", seed)),
        method="sigmoid",
        cv=folds(cases, CALIBRATION_FOLDS, seed_of("calibration", seed)),
        ensemble=False,
    )
    return made.fit(cases.texts, cases.labels.astype(int))


def probability(model: Any, texts: NDArray[np.object_]) -> NDArray[np.float64]:
    """float64 [N]: the probability of label 1."""
    if not len(texts):
        return np.zeros(0)
    positive: NDArray[np.float64] = model.predict_proba(texts)[:, 1]
    return positive


def has_known_word(texts: NDArray[np.object_], learnt: NDArray[np.object_]) -> NDArray[np.bool_]:
    """bool [N]: some word of the text stands in the learnt texts; without one, a classifier can but guess."""
    if not len(texts):
        return np.zeros(0, bool)
    counts = counter(longest=1).fit(learnt).transform(texts)
    known: NDArray[np.bool_] = np.asarray(counts.sum(axis=1)).ravel() > 0
    return known
