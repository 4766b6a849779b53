"""The papers' models: every entry of every `paper` preset is there, plans, and trains a step at a tiny size."""

import pytest
import torch

from xraybench import registry, starting
from xraybench.cells import train as training_cells
from xraybench.cells import train_earlier, train_model
from xraybench.cells.bench import Bench
from xraybench.cells.place import Place
from xraybench.errors import DataError, XraybenchError
from xraybench.planning import Request, make_plan
from xraybench.preparation import prepare_data
from xraybench.runner import open_source
from xraybench.starting import open_starts
from xraybench.tasks import Task, load_task

BODY = [f"{part}-{before}" for part in ("wrist", "finger", "shoulder", "elbow")
        for before in ("none", "radinetrand", "imagenet", "radinet")]  # fmt: skip
WRIST = [f"{model}{labels}" for model in ("wristnet", "radinetrand-wrist", "imagenet-wrist", "radinet-wrist")
         for labels in ("", "-by-hand")]  # fmt: skip
ENTRIES = {
    "mura": ["all", "wrist", "wrist-random", "finger", *BODY],
    "wrist": WRIST,
    "tb": ["cxr-cnn5", "alexnet", "vgg16", "vgg19"],
    "chexpert": ["densenet121"],
    "anatomy": ["shallow-cnn", "deeper-cnn", "deeper-cnn-augmented"],
    "mnist": ["mnist-1", "mnist-2-tanh", "mnist-2-tanh-100000", "mnist-2-relu", "mnist-2-relu-10000"],
}
BESIDE = {"mnist": ["small-cnn"]}  # under the papers' preset, and none of theirs
SIZES = {"mura": 32, "wrist": 32, "tb": 96, "chexpert": 32, "anatomy": 32, "mnist": 28}
QUICK = {"mura": ["wrist-random", "elbow-radinetrand"], "wrist": [], "tb": ["alexnet"]}  # where only some are quick
CASES = [
    pytest.param(task, name, marks=[] if name in QUICK.get(task, [name]) else pytest.mark.slow)
    for task, names in ENTRIES.items()
    for name in names
]


def tiny(name: str) -> Task:
    """The task with one step a stage, on few and small images."""
    plain = load_task(name).model_dump(exclude_unset=True)
    for stage in (stage for entry in plain["models"] for stage in entry["stages"]):
        stage.pop("epochs", None)
        stage |= {"iterations": 1, "batch_size": 4, "frozen_epochs": 0}
    few = {
        "size": max(64, SIZES[name]),
        "train": 60,
        "validation": 60,
        "test": 40,
        "seed": 2,
    }  # of which every part has images in every split
    preset = plain["presets"]["paper"]
    preset |= {"image_size": SIZES[name], "explained": 4}
    preset["sources"] = {source: settings | few for source, settings in preset.get("sources", {}).items()
                         if source.startswith("phantom")}  # fmt: skip
    return Task.model_validate(plain)


def plan_of(task: Task, *models: str):
    request = Request(("gradient",), ("sparseness",), models, preset="paper")
    return make_plan(task, open_source(task, request), request, open_starts(task, request))


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_of_the_papers_is_planned(name):
    task = load_task(name)
    plan = plan_of(task)
    assert [job.entry.name for job in plan.models] == BESIDE.get(name, []) + ENTRIES[name]
    assert all(link.stage.epochs or link.stage.iterations for job in plan.models for link in job.links)
    assert set(task.reference) | set(task.label_reference) <= {entry.name for entry in task.models}


def test_the_four_lineages_share_what_they_have_in_common():
    plan = plan_of(load_task("mura"))
    links = {job.entry.name: [link.id for link in job.links] for job in plan.models}
    for before in ("radinetrand", "radinet"):
        assert len({links[f"{part}-{before}"][0] for part in ("wrist", "finger", "shoulder", "elbow")}) == 1
    assert links["wrist-radinet"][0] != links["wrist-radinetrand"][0]
    radiology = next(job for job in plan.models if job.entry.name == "wrist-radinet").links[0]
    assert (radiology.task.kind, len(radiology.task.labels)) == ("multi-class", 7)
    assert len({job.id for job in plan.models}) == len(plan.models)


@pytest.fixture
def no_imagenet(monkeypatch):
    """ImageNet weights drawn at random: a three-channel network of the architecture, with a thousand outputs."""

    def drawn(architecture):
        name = {"radinet169": "densenet169"}.get(architecture, architecture)
        return registry.load(registry.find("models", name))(1000, 3, 224).state_dict()

    monkeypatch.setattr(training_cells, "read_imagenet", drawn)


@pytest.fixture
def undisturbed():
    """Training asks for determinism and one thread, for the whole process."""
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(before[0])
    torch.set_num_threads(before[1])


@pytest.mark.parametrize(("name", "model"), CASES)
def test_every_entry_trains(name, model, tmp_path, monkeypatch, no_imagenet, undisturbed):
    monkeypatch.setattr(starting, "load_task", tiny)
    plan = plan_of(tiny(name), model)
    (job,) = plan.models
    data = prepare_data(plan, tmp_path, 1, Silent())[0].prepared
    place = Place(tmp_path / plan.name, data.folder, plan.task, plan.n_explained, "cpu", "")
    for number in range(len(job.links) - 1):
        train_earlier(place, (job, number), lambda *_: None)
    record = train_model(place, job, lambda *_: None)
    assert record.history
    assert ("ImageNet" in record.start) == (job.entry.init == "imagenet")
    tested = data.index[data.index["split"] == "test"]
    for column, values in job.entry.stages[-1].rows.items():
        tested = tested[tested[column].isin(values)]
    assert record.positives == {label: int(tested[label].sum()) for label in plan.task.labels}


def test_a_model_of_one_part_is_explained_on_that_part_alone(tmp_path):
    task = tiny("mura")
    paper = task.presets["paper"].model_copy(update={"explained": 30})
    plan = plan_of(task.model_copy(update={"presets": {"paper": paper}}), "all", "wrist")
    data = prepare_data(plan, tmp_path, 1, Silent())[0].prepared
    place = Place(tmp_path, data.folder, plan.task, plan.n_explained, "cpu", "")
    every, wrists = (Bench(place.for_model(job)) for job in plan.models)
    assert every.explained_table["body_part"].nunique() > 1
    part = every.explained_table["body_part"] == "wrist"
    assert wrists.explained_table["image_id"].tolist() == every.explained_table["image_id"][part].tolist() != []
    assert torch.equal(wrists.regions["finding"], every.regions["finding"][torch.tensor(part.to_numpy())])
    assert set(data.index["body_part"].iloc[wrists.rows("train")]) == {"wrist"}


def test_rows_that_leave_nothing_or_do_not_exist_are_named(tmp_path):
    plain = tiny("mura").model_dump(exclude_unset=True)
    messages = {
        ("body_prt", "wrist"): "did you mean 'body_part'",
        ("body_part", "wirst"): "body_part holds: ",
        ("laterality", "L"): None,
    }
    for (column, value), message in messages.items():
        plain["models"] = [
            {**entry, "stages": [{**entry["stages"][0], "rows": {column: [value]}}]}
            for entry in plain["models"] if entry["name"] in ("small-cnn", "wrist-random")
        ]  # fmt: skip
        plan = plan_of(Task.model_validate(plain))
        if message is None:
            prepare_data(plan, tmp_path, 1, Silent())
        else:
            with pytest.raises(XraybenchError) as error:
                prepare_data(plan, tmp_path, 1, Silent())
            assert message in str(error.value)


def test_missing_imagenet_weights_are_named_with_their_place(tmp_path, monkeypatch, undisturbed):
    monkeypatch.setenv("XRAYBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    plan = plan_of(tiny("chexpert"), "densenet121")
    data = prepare_data(plan, tmp_path, 1, Silent())[0].prepared
    place = Place(tmp_path / plan.name, data.folder, plan.task, plan.n_explained, "cpu", "")
    with pytest.raises(DataError, match=r"densenet121-a639ec97.pth.*weights.*hub") as error:
        train_model(place, plan.models[0], lambda *_: None)
    assert "put https" in error.value.hint


class Silent:
    def progress(self, what, done, total):
        pass

    def say(self, line):
        pass
