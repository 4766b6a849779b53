"""A model's scores by image, study, label and stratum, each against the rule written out for a small table."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from xraybench.cells import model_scores
from xraybench.tasks import load_task

BASE = load_task("wrist")


def task_of(kind, labels):
    return BASE.model_copy(update={"kind": kind, "labels": labels, "strata": []})


def table_of(labels, studies=None):
    n = len(next(iter(labels.values())))
    studies = np.arange(n) if studies is None else studies
    return pd.DataFrame({"patient_id": [f"p{s}" for s in studies], "study_id": [f"s{s}" for s in studies], **labels})


@pytest.fixture
def studies():
    """120 images of 50 studies of unequal sizes, shuffled, with one label a study and logits that follow it."""
    generator = np.random.default_rng(2)
    study = generator.permutation(np.r_[np.arange(50), generator.integers(0, 50, 70)])
    label = (generator.random(50) < 0.5).astype(float)[study]
    logits = (2 * label - 1 + 2 * generator.normal(size=120))[:, None]
    return table_of({"finding": label}, study), logits


def test_studies_are_scored_by_mean_probability_and_by_majority(studies):
    table, logits = studies
    outputs = model_scores.outputs_of(task_of("binary", ["finding"]), table, logits)
    found = model_scores.by_study(outputs)
    frame = table.assign(p=1 / (1 + np.exp(-logits[:, 0])), vote=logits[:, 0] >= 0)
    grouped = frame.groupby("study_id")
    truth = grouped["finding"].max()
    mean, share = grouped["p"].mean(), grouped["vote"].mean()
    assert found["mean-probability"]["kappa"].mean == pytest.approx(sk.cohen_kappa_score(truth, mean >= 0.5))
    assert found["mean-probability"]["roc-auc"].mean == pytest.approx(sk.roc_auc_score(truth, mean))
    assert found["majority-vote"]["accuracy"].mean == pytest.approx(((share >= 0.5) == truth).mean())
    assert found["majority-vote"]["accuracy"].n == 50
    assert (share == 0.5).any(), "a tie is among them"
    image = model_scores.by_image(outputs)
    assert image["accuracy"].mean == pytest.approx(sk.accuracy_score(table["finding"], logits[:, 0] >= 0))
    assert image["accuracy"].low < image["accuracy"].mean < image["accuracy"].high


def test_studies_of_one_image_each_are_not_scored_twice():
    table = table_of({"finding": np.r_[np.ones(20), np.zeros(20)]})
    outputs = model_scores.outputs_of(task_of("binary", ["finding"]), table, np.linspace(-1, 1, 40)[:, None])
    assert model_scores.by_study(outputs) == {}


def test_classes_vote_too():
    generator = np.random.default_rng(3)
    study = np.repeat(np.arange(60), 3)
    true = generator.integers(0, 3, 60)[study]
    logits = generator.normal(size=(180, 3)) + 1.5 * np.eye(3)[true]
    labels = {name: (true == k).astype(float) for k, name in enumerate("abc")}
    outputs = model_scores.outputs_of(task_of("multi-class", list("abc")), table_of(labels, study), logits)
    votes = np.eye(3)[logits.argmax(1)].reshape(60, 3, 3).sum(1).argmax(1)
    found = model_scores.by_study(outputs)["majority-vote"]
    assert found["accuracy"].mean == pytest.approx((votes == true[::3]).mean())
    assert model_scores.beats_chance(outputs.task, found)


def test_several_labels_are_scored_each_and_on_average_and_rare_ones_say_why_not():
    generator = np.random.default_rng(4)
    common = (generator.random(100) < 0.5).astype(float)
    common[:10] = np.nan
    other = (generator.random(100) < 0.5).astype(float)
    rare = np.r_[np.ones(2), np.zeros(98)]
    logits = generator.normal(size=(100, 3))
    table = table_of({"common": common, "other": other, "rare": rare})
    outputs = model_scores.outputs_of(task_of("multi-label", ["common", "other", "rare"]), table, logits)
    labels, means = model_scores.by_label(outputs), model_scores.by_image(outputs)
    areas = [
        sk.roc_auc_score(truth[~np.isnan(truth)], logits[~np.isnan(truth), k])
        for k, truth in enumerate([common, other])
    ]
    assert [labels[name]["roc-auc"].mean for name in ("common", "other")] == pytest.approx(areas)
    assert means["roc-auc"].mean == pytest.approx(np.mean(areas))
    assert "roc-auc" not in labels["rare"]
    assert labels["common"]["accuracy"].n == 90
    assert model_scores.hidden(outputs) == {"rare": "2 positives, fewer than 5"}
    assert model_scores.positives(outputs) == {"common": np.nansum(common), "other": other.sum(), "rare": 2}


def test_images_without_a_known_label_are_left_out():
    label = np.r_[np.ones(20), np.zeros(20), np.full(5, np.nan)]
    outputs = model_scores.outputs_of(task_of("binary", ["finding"]), table_of({"finding": label}), np.ones((45, 1)))
    assert model_scores.by_image(outputs)["accuracy"].n == 40
    assert model_scores.by_image(outputs)["accuracy"].mean == 0.5
