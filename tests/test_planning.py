"""Identity: the same request has the same cells, and whatever changes a result changes the cell."""

import dataclasses

import pytest

from xraybench import registry
from xraybench.errors import UsageError
from xraybench.explainers.gradient import Gradient
from xraybench.planning import Request, make_plan, metric_job
from xraybench.results import MetricInfo
from xraybench.runner import open_source
from xraybench.spec import explainer, metric
from xraybench.steps import Clahe, PadToSquare, Resize
from xraybench.tasks import load_task

REQUEST = Request(explainers=("gradient", "rise"), metrics=("srg", "relevance-mass"), models=("small-cnn",))


def plan_of(request=REQUEST, **changes):
    task = load_task("wrist").model_copy(update=changes)
    return make_plan(task, open_source(task, request), request)


def ids(plan):
    return {cell.label: cell.id for cell in plan.cells}


def test_a_plan_is_pure():
    assert ids(plan_of()) == ids(plan_of())
    assert plan_of().comparability_key == plan_of().comparability_key


def test_metrics_are_not_part_of_a_cells_identity():
    assert ids(plan_of()) == ids(plan_of(dataclasses.replace(REQUEST, metrics=("sparseness",))))


@pytest.mark.parametrize("change", [{"version": 2}, {"kind": "multi-class"}, {"labels": ["fracture", "grade"]}])
def test_a_changed_task_is_another_cell(change):
    assert not set(ids(plan_of()).values()) & set(ids(plan_of(**change)).values())


def test_recipe_seed_and_parameters_make_other_cells():
    task, before = load_task("wrist"), ids(plan_of())
    (entry, *others) = task.models
    longer = entry.model_copy(update={"stages": [entry.stages[0].model_copy(update={"epochs": 13})]})
    assert not set(before.values()) & set(ids(plan_of(models=[longer, *others])).values())
    assert not set(before.values()) & set(ids(plan_of(dataclasses.replace(REQUEST, seeds=(1,)))).values())
    other = ids(plan_of(dataclasses.replace(REQUEST, explainers=("rise(masks=100)", "gradient"))))
    assert other["gradient"] == before["gradient"]
    assert other["rise(masks=100)"] not in before.values()


def test_presets_settings_stand_behind_plain_names():
    (cell,) = [cell for cell in plan_of().cells if cell.label == "rise"]
    masks = load_task("wrist").preset("quick").explainers["rise"]["masks"]
    assert cell.parameters["masks"] == masks != registry.build("explainers", registry.Call("rise", {})).masks
    spelt = f"rise(masks={masks})"
    assert ids(plan_of(dataclasses.replace(REQUEST, explainers=(spelt,))))[spelt] == ids(plan_of())["rise"]


def test_a_price_counts_shared_curves_once():
    prices = {
        metrics: sum(cell.image_forwards for cell in plan_of(dataclasses.replace(REQUEST, metrics=metrics)).cells)
        for metrics in [("srg",), ("insertion-auc", "deletion-auc", "srg")]
    }
    assert len(set(prices.values())) == 1


@pytest.mark.parametrize("name", ["wrist", "tb", "mnist", "mura", "chexpert", "anatomy"])
def test_the_areas_under_the_second_imputer_cost_nothing_beside_their_difference(name):
    task, areas = load_task(name), ["insertion-auc(imputer=mean)", "deletion-auc(imputer=mean)"]
    quick = task.preset("quick")
    assert {*areas, "srg(imputer=mean)"} <= set(quick.more_metrics)
    without = quick.model_copy(update={"more_metrics": [one for one in quick.more_metrics if one not in areas]})
    request = Request(explainers=("gradient", "rise"), metrics=("all",))
    prices = [
        [cell.image_forwards for cell in make_plan(one, open_source(one, request), request).cells]
        for one in (task, task.model_copy(update={"presets": {"quick": without}}))
    ]
    assert prices[0] == prices[1]


@pytest.mark.parametrize("name", ["wrist", "tb", "mnist", "mura", "chexpert", "anatomy"])
def test_the_randomisation_test_is_signed_and_absolute_for_one_price(name):
    task, both = load_task(name), ("mprt", "mprt(absolute=true)")
    assert all(both[1] in task.preset(preset).more_metrics for preset in ("quick", "paper"))
    requests = [Request(explainers=("gradient",), metrics=metrics) for metrics in (both[:1], both)]
    plans = [make_plan(task, open_source(task, request), request) for request in requests]
    assert [job.info.label for job in plans[1].cells[0].metrics] == list(both)
    assert plans[0].cells[0].image_forwards == plans[1].cells[0].image_forwards


def test_unknown_models_and_presets_are_named():
    with pytest.raises(UsageError, match="small-cnn"):
        plan_of(dataclasses.replace(REQUEST, models=("small-cn",)))
    with pytest.raises(UsageError, match="quick"):
        plan_of(dataclasses.replace(REQUEST, preset="quik"))


def test_further_metrics_of_a_preset_are_columns_of_groups_and_make_no_other_board():
    task = load_task("wrist")
    more = task.presets["quick"].model_copy(update={"more_metrics": ["energy-on(region=frame)", "srg(steps=3)"]})
    none = more.model_copy(update={"more_metrics": [], "by_hand": []})
    plans = [
        make_plan(task.model_copy(update={"presets": {"quick": preset}}), open_source(task, Request()), request)
        for request in (Request(), Request(metrics=("fast",)), Request(metrics=("srg",)))
        for preset in (more, none)
    ]
    assert len({plan.comparability_key for plan in plans}) == 1
    labels = [[job.info.label for job in plan.cells[0].metrics] for plan in plans]
    labels[1].remove("smooth-mprt")  # by hand in the other
    assert labels[0] == [*labels[1], "energy-on(region=frame)", "srg(steps=3)"]
    assert labels[2] == [*labels[3], "energy-on(region=frame)", "srg(steps=3)"]
    assert labels[4] == labels[5] == ["srg"]


@pytest.mark.parametrize("name", ["mura", "tb", "chexpert", "anatomy", "mnist"])
def test_the_group_paper_is_what_the_task_names(name):
    task, request = load_task(name), Request(explainers=("paper",), metrics=("paper",))
    plan = make_plan(task, open_source(task, request), request)
    methods = {cell.label for cell in plan.cells if cell.kind == "explainers"}
    assert methods == set(task.paper.explainers)
    assert [job.info.label for job in plan.cells[0].metrics] == task.paper.metrics


def test_a_task_without_a_papers_explainers_says_so():
    with pytest.raises(UsageError, match="'wrist' names no explainers of a paper"):
        plan_of(Request(explainers=("paper",)))


def test_a_key_at_its_default_is_the_same_recipe():
    (entry, *others) = load_task("wrist").models
    written = entry.stages[0].model_copy(update={"noise": 0.0})
    spelt = entry.model_copy(update={"stages": [type(written)(**written.model_dump())]})
    assert ids(plan_of(models=[spelt, *others])) == ids(plan_of())


def test_what_depends_on_the_model_alone_is_priced_once_a_model():
    plans = [plan_of(dataclasses.replace(REQUEST, explainers=names)) for names in (("gradient",), ("gradient", "rise"))]
    (model,) = plans[0].models
    for plan in plans:
        apart = sum(cell.image_forwards for cell in plan.cells)
        assert plan.image_forwards(model) == apart + 2 * plan.n_explained  # f(x) and f(imputed by blur)


def test_preprocessing_is_part_of_the_datas_digest_and_its_default_is_not():
    stated = (PadToSquare(step="pad"), Resize(step="resize"))
    assert plan_of(preprocessing=stated).data_digest == plan_of().data_digest
    changed = [(Clahe(step="clahe"), *stated), (Clahe(step="clahe", tiles=4), *stated), (Resize(step="resize"),)]
    digests = [plan_of(preprocessing=steps).data_digest for steps in changed]
    assert len({plan_of().data_digest, *digests}) == 4
    assert plan_of(preprocessing=(Clahe(step="clahe", tiles=8), *stated)).data_digest == digests[0]


def test_a_presets_preprocessing_is_what_its_data_are_made_by():
    task = load_task("wrist")
    steps = (Clahe(step="clahe"), Resize(step="resize"))
    preset = task.presets["quick"].model_copy(update={"preprocessing": steps})
    assert plan_of(presets={"quick": preset}).data_digest == plan_of(preprocessing=steps).data_digest


@pytest.mark.parametrize("name", ["wrist", "mura", "tb", "chexpert", "anatomy", "mnist"])
def test_smooth_mprt_is_measured_in_quick_where_asked_for_by_name_and_only_there(name):
    task = load_task(name)
    plans = {
        asked: make_plan(task, open_source(task, Request()), Request(explainers=("gradient",), metrics=(asked,)))
        for asked in ("all", "smooth-mprt", "sparseness")
    }
    assert "smooth-mprt" not in {job.info.label for job in plans["all"].cells[0].metrics}
    (cell, plain) = (plans[asked].cells[0] for asked in ("smooth-mprt", "sparseness"))
    assert cell.id == plain.id
    images, maps = 32, 2 * 2  # of the trained model and one stage, two noisy images each
    assert cell.image_forwards - plain.image_forwards == images * maps * Gradient().cost(64)


def test_groups_of_metrics_hold_the_presets_further_ones_and_plain_names_do_not():
    labels = {
        asked: [
            metric.info.label for metric in plan_of(dataclasses.replace(REQUEST, metrics=(asked,))).cells[0].metrics
        ]
        for asked in ("all", "fast", "srg")
    }
    assert "srg(imputer=mean)" in labels["all"]
    assert "srg(imputer=mean)" in labels["fast"]
    assert labels["srg"] == ["srg"]
    (other,) = [m.info for m in plan_of(dataclasses.replace(REQUEST, metrics=("all",))).cells[0].metrics
                if m.info.label == "srg(imputer=mean)"]  # fmt: skip
    steps = load_task("wrist").preset("quick").metrics["srg"]["steps"]
    assert other.parameters == {"imputer": "mean", "steps": steps}  # the preset's settings stand behind it too


def test_explainers_under_ten_forwards_are_fast():
    calls = {name: registry.build("explainers", registry.Call(name, {})) for name in registry.EXPLAINERS}
    plan = plan_of(Request(explainers=("fast",), metrics=("sparseness",), models=("small-cnn",)))
    fast = {cell.label for cell in plan.cells if cell.kind == "explainers"}
    assert fast & set(calls) == {name for name, built in calls.items() if built.cost(64) < 10}
    assert {"gradient", "grad-cam"} <= fast
    assert not {"smoothgrad", "rise"} & fast


@pytest.mark.parametrize("text", [*registry.METRICS, "quantus:MaxSensitivity(nr_samples=2)"])
def test_a_metric_on_record_is_the_one_that_was_asked_for(text):
    """Otherwise it would be computed again whenever it is asked for."""
    info = metric_job(load_task("wrist").preset("quick"), registry.parse_call(text)).info
    assert MetricInfo.model_validate_json(info.model_dump_json()) == info


def test_a_functions_declarations_are_no_parameters():
    declared = {"family": "complexity", "higher_is_better": None, "range": (0, 1), "reference": "", "needs": {"twins"}}
    assert registry.parameters_of(metric(**declared)(len)) == {}
    assert registry.parameters_of(explainer(signed=True, cost=3)(len)) == {}
