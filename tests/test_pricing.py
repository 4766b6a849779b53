"""A model that is restricted to some rows is priced by the images that it explains."""

import pytest

from tests.test_papers import plan_of, tiny
from xraybench import registry
from xraybench.cells.bench import Bench
from xraybench.cells.place import Place
from xraybench.errors import NotApplicableError
from xraybench.planning import Request, make_plan
from xraybench.preparation import prepare_data
from xraybench.pricing import explained_by, price_list
from xraybench.runner import open_source
from xraybench.tasks import load_task


class Quiet:
    def progress(self, what, done, total):
        pass

    def say(self, line):
        pass


@pytest.fixture(scope="module")
def plan():
    task = tiny("mura")
    preset = task.presets["paper"].model_copy(update={"explained": 12})
    return plan_of(task.model_copy(update={"presets": {"paper": preset}}), "wrist-random", "shoulder-none", "all")


def test_it_counts_what_a_run_explains_before_and_after_data_are_prepared(plan, tmp_path):
    everything, wrist, other = sorted(plan.models, key=lambda model: ["a", "w", "s"].index(model.entry.name[0]))
    counts = explained_by(plan, tmp_path)
    assert set(counts) == {wrist.id, other.id}
    assert 0 < counts[wrist.id] < plan.n_explained == 12
    (read, *_) = prepare_data(plan, tmp_path, 1, Quiet())
    place = Place(tmp_path / plan.name, read.prepared.folder, plan.task, plan.n_explained, "cpu", "")
    assert counts[wrist.id] == len(Bench(place.for_model(wrist)).items.positions)
    with pytest.raises(NotApplicableError, match="shoulder"):
        _ = Bench(place.for_model(other)).items
    assert counts[other.id] == 0
    assert explained_by(plan, tmp_path) == counts
    assert len(Bench(place.for_model(everything)).items.positions) == plan.n_explained


def test_its_price_is_of_that_many_images(plan, tmp_path):
    counts, cost = explained_by(plan, tmp_path), registry.build("explainers", registry.parse_call("gradient")).cost(32)
    prices = price_list(plan, tmp_path)
    for model, priced in zip(plan.models, prices.models, strict=True):
        assert priced.image_forwards == cost * counts.get(model.id, plan.n_explained)
    assert sum(cell.image_forwards for cell in prices.cells) == sum(model.image_forwards for model in prices.models)


def test_a_metric_of_unknown_price_is_named_and_not_counted(tmp_path):
    task = load_task("wrist")
    asked = [Request(("gradient",), metrics) for metrics in (("srg",), ("srg", "quantus:MPRT"))]
    known, more = (price_list(make_plan(task, open_source(task, one), one), tmp_path) for one in asked)
    assert (known.unpriced, more.unpriced) == ((), ("quantus:MPRT",))
    assert [cell.image_forwards for cell in known.cells] == [cell.image_forwards for cell in more.cells]
