"""Classification scores against scikit-learn, resamples included."""

import numpy as np
import pytest
from sklearn import metrics as sk

from xraybench import classification as own


@pytest.fixture
def case():
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 80).astype(float)
    probability = np.round(np.clip(labels * 0.2 + generator.random(80) * 0.8, 0, 1), 1)  # rounded: with ties
    weights = own.patient_weights(generator.integers(0, 40, 80).astype(str), generator, 20)
    return labels, probability, weights


def calibration_error(right, confidence, drawn):
    """Guo et al., eq. 3, with every image as often as it was drawn: 15 bins, written out."""
    right, confidence = (np.repeat(values, drawn.astype(int)) for values in (right, confidence))
    total = 0.0
    for low in np.arange(15) / 15:
        within = (confidence >= low) & ((confidence < low + 1 / 15) | (low == 14 / 15))
        if within.any():
            total += within.mean() * abs(right[within].mean() - confidence[within].mean())
    return total


def test_binary_scores_equal_scikit_learns_on_every_resample(case):
    labels, probability, weights = case
    scores = own.binary_scores(labels, probability, weights)
    predicted = probability >= 0.5
    for row, drawn in enumerate(weights):
        with_weights = {"sample_weight": drawn}
        expected = {
            "roc-auc": sk.roc_auc_score(labels, probability, **with_weights),
            "pr-auc": sk.average_precision_score(labels, probability, **with_weights),
            "accuracy": sk.accuracy_score(labels, predicted, **with_weights),
            "balanced-accuracy": sk.balanced_accuracy_score(labels, predicted, **with_weights),
            "kappa": sk.cohen_kappa_score(labels, predicted, **with_weights),
            "sensitivity": sk.recall_score(labels, predicted, **with_weights),
            "specificity": sk.recall_score(labels, predicted, pos_label=0, **with_weights),
            "precision": sk.precision_score(labels, predicted, **with_weights),
            "f1": sk.f1_score(labels, predicted, **with_weights),
            "mcc": sk.matthews_corrcoef(labels, predicted, **with_weights),
            "brier": sk.brier_score_loss(labels, probability, **with_weights),
            "ece": calibration_error(labels, probability, drawn),
        }
        assert set(expected) == set(scores)
        for name, value in expected.items():
            assert scores[name][row] == pytest.approx(value, abs=1e-9), name


def test_multi_class_scores_equal_scikit_learns():
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 4, 200).astype(float)
    logits = generator.normal(size=(200, 4)) + 1.5 * np.eye(4)[labels.astype(int)]
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    weights = own.patient_weights(np.arange(200).astype(str), generator, 5)
    scores, predicted = own.multi_class_scores(labels, probability, weights), probability.argmax(1)
    truth = np.eye(4)[labels.astype(int)]
    for row, drawn in enumerate(weights):
        times = {"sample_weight": drawn}
        expected = {
            "roc-auc": np.mean([sk.roc_auc_score(truth[:, k], probability[:, k], **times) for k in range(4)]),
            "pr-auc": sk.average_precision_score(truth, probability, average="macro", **times),
            "accuracy": sk.accuracy_score(labels, predicted, **times),
            "balanced-accuracy": sk.balanced_accuracy_score(labels, predicted, **times),
            "kappa": sk.cohen_kappa_score(labels, predicted, **times),
            "mcc": sk.matthews_corrcoef(labels, predicted, **times),
            "f1": sk.f1_score(labels, predicted, average="macro", **times),
            "brier": drawn @ ((probability - truth) ** 2).sum(1) / drawn.sum(),
            "ece": calibration_error((predicted == labels).astype(float), probability.max(1), drawn),
        }
        assert set(expected) == set(scores)
        for name, value in expected.items():
            assert scores[name][row] == pytest.approx(value, abs=1e-9), name


def test_multi_label_scores_are_the_binary_ones_where_the_label_is_known():
    generator = np.random.default_rng(6)
    labels = (generator.random((90, 3)) < 0.4).astype(float)
    labels[generator.random((90, 3)) < 0.3] = np.nan
    probability, weights = generator.random((90, 3)), np.ones((1, 90))
    for k, scores in enumerate(own.multi_label_scores(labels, probability, weights)):
        known = ~np.isnan(labels[:, k])
        assert scores["roc-auc"][0] == pytest.approx(sk.roc_auc_score(labels[known, k], probability[known, k]))
        assert scores["f1"][0] == pytest.approx(sk.f1_score(labels[known, k], probability[known, k] >= 0.5))


def test_a_mean_over_labels_leaves_out_what_is_undefined():
    values = [np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])]
    np.testing.assert_array_equal(own.mean_over_labels(values), [2.0, 5.0, np.nan])


def test_patients_are_drawn_whole():
    patients = np.repeat([f"p{i}" for i in range(40)], 3)
    weights = own.patient_weights(patients, np.random.default_rng(0), 50)
    assert (weights[0] == 1).all()
    assert (weights.reshape(51, 40, 3) == weights.reshape(51, 40, 3)[:, :, :1]).all()
    assert (weights.sum(1) == 120).all()


def test_no_auc_on_fewer_than_five_positives_and_no_interval_under_thirty_patients():
    labels = np.r_[np.ones(4), np.zeros(16)]
    scores = own.binary_scores(labels, np.linspace(0, 1, 20), np.ones((3, 20)))
    assert not {"roc-auc", "pr-auc"} & set(scores)
    assert own.why_hidden(labels) == "4 positives, fewer than 5"
    assert own.why_hidden(1 - labels) == "4 negatives, fewer than 5"
    assert own.why_hidden(np.r_[np.ones(5), np.zeros(5)]) is None
    interval = own.intervals(scores, 20, 20)["accuracy"]
    assert interval.mean is not None
    assert interval.low is None
    assert interval.high is None
