"""Report labelling in parts: counts, cuts, scores and calibration, each derived another way."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from tests.data import reports_by_hand as by_hand
from xraybench.data.reports import CLASSIFIERS
from xraybench.data.reports.cases import Cases, check_enough, folds, held_out_split
from xraybench.data.reports.classifiers import calibrated, counter, has_known_word, pipeline, probability
from xraybench.data.reports.judging import HeldOut, Judged, best_of, doubt, hold_out, judge
from xraybench.errors import DataError


def cases_of(rows) -> Cases:
    columns = ([row[key] for row in rows] for key in ("report", "truth", "patient_id"))
    texts, labels, patients = (np.array(list(column), dtype=object) for column in columns)
    return Cases(texts, labels.astype(float), patients)


@pytest.fixture(scope="module")
def cases():
    return cases_of(by_hand.table(400))


def runs_of_words(text: str) -> Counter:
    """Every run of one to three words, counted one by one."""
    words = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in text.lower()).split()
    counts = Counter()
    for length in (1, 2, 3):
        for start in range(len(words) - length + 1):
            counts[" ".join(words[start : start + length])] += 1
    return counts


def test_counts_are_of_runs_of_one_to_three_words():
    texts = [row["report"] for row in by_hand.table(60)] + ["It isn't a fracture; no, no, no.", "Fx? 2-3 mm"]
    model = counter()
    matrix = model.fit_transform(texts).toarray()
    names = model.get_feature_names_out()
    for text, counts in zip(texts, matrix, strict=True):
        assert {name: n for name, n in zip(names, counts, strict=True) if n} == runs_of_words(text)
    assert runs_of_words("no, no, no.")["no"] == 3
    assert runs_of_words("no, no, no.")["no no"] == 2


PATIENTS = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=30, max_size=120)


def small_cases(drawn) -> Cases:
    """Drawn (patient, label) pairs, and 12 patients more with a report of either kind."""
    pairs = [*drawn, *((100 + number, number % 2 == 0) for number in range(12))]
    texts = np.array([f"report {number}" for number in range(len(pairs))], dtype=object)
    patients = np.array([f"p{patient}" for patient, _ in pairs], dtype=object)
    return Cases(texts, np.array([float(label) for _, label in pairs]), patients)


@given(PATIENTS, st.integers(0, 50))
def test_a_patient_is_never_on_both_sides_of_a_split(drawn, seed):
    cases = small_cases(drawn)
    train, test = held_out_split(cases, seed)
    assert sorted([*train, *test]) == list(range(len(cases.texts)))
    assert not set(cases.patients[train]) & set(cases.patients[test])
    assert set(cases.labels[train]) == set(cases.labels[test]) == {0.0, 1.0}


@given(PATIENTS, st.integers(0, 50), st.integers(2, 4))
def test_folds_hold_each_report_out_once_and_share_no_patient(drawn, seed, count):
    cases = small_cases(drawn)
    made = folds(cases, count, seed)
    assert sorted(row for _, held_out in made for row in held_out) == list(range(len(cases.texts)))
    for learnt, held_out in made:
        assert sorted([*learnt, *held_out]) == list(range(len(cases.texts)))
        assert not set(cases.patients[learnt]) & set(cases.patients[held_out])


def test_splits_keep_the_classes_shares_and_differ_between_seeds(cases):
    splits = [held_out_split(cases, seed) for seed in range(5)]
    for _, test in splits:
        assert len(test) / len(cases.texts) == pytest.approx(0.2, abs=0.05)
        assert cases.labels[test].mean() == pytest.approx(cases.labels.mean(), abs=0.1)
    assert len({tuple(test) for _, test in splits}) == 5


def predictions_by_hand(cases: Cases, train, test) -> np.ndarray:
    """Logistic regression on a dense table of counts made word by word."""
    counts = [runs_of_words(text) for text in cases.texts]
    names = sorted({name for row in train for name in counts[row]})
    dense = np.array([[counts[row][name] for name in names] for row in range(len(counts))], float)
    model = LogisticRegression(max_iter=1000).fit(dense[train], cases.labels[train])
    return (dense[test] @ model.coef_[0] + model.intercept_[0] >= 0).astype(float)


def test_confusion_and_scores_are_those_of_a_count_by_hand():
    """Fifteen percent of the labels are wrong, so that no cell of the matrix is empty."""
    draw = random.Random(3)
    rows = by_hand.table(160)
    for row in rows:
        row["truth"] = str(int(row["truth"]) ^ (draw.random() < 0.15))
    cases = cases_of(rows)
    splits = [held_out_split(cases, seed) for seed in (1, 2)]
    judged = judge("logistic-regression", cases, splits, 0, lambda: None)
    counted, accuracies, pairs = np.zeros((2, 2), int), [], []
    for train, test in splits:
        predicted, true = predictions_by_hand(cases, train, test), cases.labels[test]
        for one, other in zip(true, predicted, strict=True):
            counted[int(one), int(other)] += 1
        accuracies.append(np.mean(predicted == true))
        pairs += zip(true, predicted, strict=True)
    assert counted.min() > 0
    assert np.array_equal(judged.confusion, counted)
    assert judged.accuracies == pytest.approx(accuracies)
    assert judged.accuracy == pytest.approx(np.mean(accuracies))
    assert judged.spread == pytest.approx(abs(accuracies[0] - accuracies[1]) / np.sqrt(2))
    true, predicted = np.array(pairs).T
    precision, recall, f1, _ = precision_recall_fscore_support(true, predicted, average="binary")
    assert (judged.precision, judged.recall, judged.f1) == pytest.approx((precision, recall, f1))
    assert judged.kappa == pytest.approx(cohen_kappa_score(true, predicted))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_repeats_itself_and_learns_negation(name, cases):
    splits = [held_out_split(cases, 0)]
    first, again = (judge(name, cases, splits, 0, lambda: None) for _ in range(2))
    assert first == again
    assert first.accuracy > 0.9
    by_one_word = np.mean(["frac" in text.lower() for text in cases.texts] == cases.labels)
    assert by_one_word < 0.6


def test_one_repeat_has_no_spread_and_an_undefined_score_is_none(cases):
    judged = judge("naive-bayes", cases, [held_out_split(cases, 0)], 0, lambda: None)
    assert judged.spread is None
    silent = Cases(np.array(["same words"] * 60, dtype=object), np.array([0.0] * 40 + [1.0] * 20), cases.patients[:60])
    never = judge("logistic-regression", silent, [(np.arange(0, 60, 2), np.arange(1, 60, 2))], 0, lambda: None)
    assert never.precision is None
    assert never.recall == 0
    assert never.confusion == ((20, 0), (10, 0))


def judged_with(name, kappa) -> Judged:
    return Judged(name, (0.9,), 0.9, None, None, None, None, kappa, 0.1, ((1, 1), (1, 1)))


def test_the_best_has_the_highest_kappa_and_of_equals_the_first_wins():
    table = [judged_with("a", 0.5), judged_with("b", 0.8), judged_with("c", 0.8), judged_with("d", None)]
    assert best_of(table) == "b"


PROBABILITIES = st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=1, max_size=60)


@given(PROBABILITIES, st.floats(0, 0.5))
def test_coverage_brier_and_reliability_are_their_definitions(drawn, abstain):
    positive = np.array([one for one, _ in drawn]) / 10_000
    labels = np.array([float(label) for _, label in drawn])
    held_out = HeldOut(labels, positive)
    found = held_out.coverage(abstain)
    sure = [(p, y) for (p, y) in zip(positive, labels, strict=True) if round(min(p, 1 - p), 4) <= abstain]
    wrong = sum((p >= 0.5) != (y == 1) for p, y in sure)
    assert (found.labelled, found.wrong) == (len(sure), wrong)
    assert found.share == len(sure) / len(drawn)
    assert found.accuracy == (pytest.approx(1 - wrong / len(sure)) if sure else None)
    assert held_out.brier == pytest.approx(
        sum((p - y) ** 2 for p, y in zip(positive, labels, strict=True)) / len(drawn)
    )
    gap = 0.0
    for number in range(10):
        top = 1.1 if number == 9 else (number + 1) / 10
        mine = [(p, y) for (p, y) in zip(positive, labels, strict=True) if number / 10 <= p < top]
        gap += abs(sum(p - y for p, y in mine)) / len(drawn)
    assert held_out.calibration_error == pytest.approx(gap, abs=0.2 / len(drawn) + 1e-9)
    assert sum(one.reports for one in held_out.reliability()) == len(drawn)


def test_doubt_is_the_same_from_either_side():
    assert doubt(np.array([0.02, 0.98, 0.5, 0.0, 1.0])).tolist() == [0.02, 0.02, 0.5, 0.0, 0.0]
    assert HeldOut(np.ones(2), np.array([0.02, 0.98])).coverage(0.02).labelled == 2


@pytest.mark.parametrize("name", ["logistic-regression", "naive-bayes"])
def test_calibration_repairs_overconfidence(name):
    """One label in five is wrong at random: no honest probability exceeds 0.8 by much."""
    draw = random.Random(0)
    rows = by_hand.table(500)
    for row in rows:
        row["truth"] = str(int(row["truth"]) ^ (draw.random() < 0.2))
    cases = cases_of(rows)
    splits = [held_out_split(cases, seed) for seed in (1, 2, 3)]
    found = hold_out(name, cases, splits, 0, lambda: None)
    raw = [probability(pipeline(name, 0).fit(cases.texts[a], cases.labels[a]), cases.texts[b]) for a, b in splits]
    plain = HeldOut(found.labels, np.concatenate(raw))
    assert found.calibration_error < 0.5 * plain.calibration_error
    assert found.brier < plain.brier


def test_calibration_is_platts_sigmoid_of_held_out_scores(cases):
    """probability = 1 / (1 + exp(a score + b)): the log-odds are a straight line in the classifier's own score."""
    model = calibrated("logistic-regression", cases, 0)
    own = pipeline("logistic-regression", 0).fit(cases.texts, cases.labels).decision_function(cases.texts)
    positive = probability(model, cases.texts)
    odds = np.log(positive / (1 - positive))
    slope, intercept = np.polyfit(own, odds, 1)
    assert slope > 0
    np.testing.assert_allclose(odds, slope * own + intercept, atol=1e-6)


def test_a_text_without_a_known_word_is_told():
    texts = np.array(["Keine Fraktur", "no FRACTURE", "12", ""], dtype=object)
    known = has_known_word(texts, np.array(["fracture of the wrist"], dtype=object))
    assert known.tolist() == [False, True, False, False]


def labelled_cases(labels, patients=None) -> Cases:
    patients = patients or [f"p{number}" for number in range(len(labels))]
    return Cases(np.array(["text"] * len(labels), dtype=object), np.array(labels, float), np.array(patients, object))


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        (labelled_cases([]), "no report has a label"),
        (labelled_cases([1] * 30), "no report is labelled 0"),
        (labelled_cases([0] * 30), "no report is labelled 1"),
        (labelled_cases([0] * 30 + [1] * 9), "only 9 reports of 9 patients are labelled 1"),
        (labelled_cases([1] * 30 + [0] * 20, [f"p{n}" for n in range(30)] + ["q"] * 20), "20 reports of 1 patients"),
    ],
)
def test_too_little_to_learn_from_is_an_error(cases, message):
    with pytest.raises(DataError, match=message):
        check_enough(cases)


@pytest.mark.parametrize("seed", range(5))
def test_a_cut_that_leaves_one_class_is_an_error(seed):
    """All normal reports are of one patient: on the other side there is none."""
    cases = labelled_cases([1] * 40 + [0] * 20, [f"p{number}" for number in range(40)] + ["p0"] * 20)
    with pytest.raises(DataError, match="all of one class"):
        held_out_split(cases, seed)
    with pytest.raises(DataError, match="all of one class"):
        folds(cases, 3, seed)
