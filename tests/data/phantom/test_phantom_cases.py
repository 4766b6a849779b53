"""Who is drawn: independence of label, legend and anatomy; the shortcut."""

import numpy as np
import pytest

from xraybench.data.phantom.cases import LEGEND_SHARE, Case, Population, closure, draw

COUNT = 4000


def cases(population: Population, split: str = "train") -> list[Case]:
    return [draw(population, split, number) for number in range(COUNT)]


def legend_rates(drawn: list[Case]) -> tuple[float, float]:
    """P(legend | fracture) and P(legend | none)."""
    return tuple(np.mean([case.legend for case in drawn if case.fracture == label]) for label in (True, False))


def test_legend_is_independent_of_the_label_by_default():
    np.testing.assert_allclose(legend_rates(cases(Population())), LEGEND_SHARE, atol=0.03)


@pytest.mark.parametrize("shortcut", [0.9, 0.1])
def test_shortcut_sets_the_legend_in_training_only(shortcut):
    population = Population(shortcut=shortcut)
    np.testing.assert_allclose(legend_rates(cases(population)), (shortcut, 1 - shortcut), atol=0.03)
    np.testing.assert_allclose(legend_rates(cases(population, "test")), LEGEND_SHARE, atol=0.03)


def test_shortcut_changes_nothing_but_the_legend():
    for number in range(50):
        plain, short = (draw(Population(shortcut=rate), "train", number) for rate in (None, 1.0))
        assert short.legend == short.fracture
        assert plain.seed == short.seed
        assert plain.grade == short.grade


def test_shares():
    drawn = cases(Population(prevalence=0.3, grades={"hairline": 1.0, "displaced": 1.0}))
    fractured = [case for case in drawn if case.fracture]
    assert abs(len(fractured) / COUNT - 0.3) < 0.03
    grades = [case.grade for case in fractured]
    assert abs(grades.count("hairline") / len(grades) - 0.5) < 0.05
    assert "moderate" not in grades


@pytest.mark.parametrize("trait", ["age", "male", "left", "groove"])
def test_patients_do_not_depend_on_the_label(trait):
    drawn = cases(Population())
    means = [np.mean([float(getattr(case, trait)) for case in drawn if case.fracture == label]) for label in (0, 1)]
    spread = np.std([float(getattr(case, trait)) for case in drawn])
    assert abs(means[0] - means[1]) < 0.12 * spread


def test_look_alikes():
    for case in cases(Population())[:200]:
        assert ("growth plate" in case.look_alike or case.look_alike == "both") == (case.age < closure(case.male))
        assert (case.look_alike in ("vessel groove", "both")) == case.groove
