"""Progressive transfer: four models of one task, whose shared stages are trained once."""

from dataclasses import dataclass, replace

import pytest
import torch
from safetensors.torch import load_file

from tests.run.conftest import TASK, run_folder, run_here
from xraybench.cells import train_earlier, train_model
from xraybench.cells.place import Place
from xraybench.errors import DataError, UsageError
from xraybench.models.densenet import build_tiny
from xraybench.planning import Request, make_plan
from xraybench.preparation import prepare_data
from xraybench.results import ModelRecord, StageRecord, iterate_records
from xraybench.runner import open_source
from xraybench.spec import Source
from xraybench.starting import open_starts
from xraybench.tasks import load_task

WEIGHTS = "weights.safetensors"
LEGENDS = TASK.replace('name = "tiny"', 'name = "legends"').replace(
    'labels = ["fracture"]', 'labels = ["fracture", "legend"]'
)
LEGENDS = LEGENDS.replace('kind = "binary"', 'kind = "multi-label"').replace('strata = ["grade"]\n', "")
STAGE = "[[models.stages]]\nepochs = 1\nbatch_size = 20\nlearning_rate = 1e-3\n"


def entry(name, *stages, **keys):
    lines = [f'name = "{name}"', 'architecture = "densenet-tiny"']
    lines += [f"{key} = {value!r}" for key, value in keys.items()]
    return "\n".join(["[[models]]", *lines, *(STAGE + (f"task = {task!r}\n" if task else "") for task in stages)])


@pytest.fixture(scope="session")
def transfer(tmp_path_factory):
    """A task with the four lineages (weights of a file stand for ImageNet's), and the other task's file."""
    folder = tmp_path_factory.mktemp("transfer")
    other, weights = folder / "legends.toml", folder / "start.pth"
    other.write_text(LEGENDS)
    torch.manual_seed(5)
    torch.save(build_tiny(10, 3, 64).state_dict(), weights)
    models = [
        entry("plain", None, presets=["quick"]),
        entry("from-random", str(other), None, presets=["quick"]),
        entry("from-file", None, presets=["quick"], weights=str(weights)),
        entry("radiology", str(other), presets=[], weights=str(weights)),
        entry("from-both", None, presets=["quick"], after="radiology"),
        entry("from-both-deeper", None, None, presets=["quick"], after="radiology"),
    ]
    path = folder / "tiny.toml"
    path.write_text(TASK.partition("[[models]]")[0] + "\n".join(models))
    return path


def plan_of(path, **request):
    task, asked = load_task(str(path)), Request(explainers=("gradient",), metrics=("sparseness",), **request)
    return make_plan(task, open_source(task, asked), asked, open_starts(task, asked))


@pytest.fixture(scope="session")
def out(transfer, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    done = run_here(transfer, out, "--explainer", "gradient", "--metric", "sparseness", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return out


def stages_of(out):
    return {record.id: record for _, record in iterate_records(out / "stages", "stage.json", StageRecord)}


def models_of(out):
    return {r.model: r for _, r in iterate_records(run_folder(out) / "models", "model.json", ModelRecord)}


def test_each_shared_stage_is_trained_once(out, transfer):
    models, stages = models_of(out), stages_of(out)
    assert set(models) == {"plain", "from-random", "from-file", "from-both", "from-both-deeper"}
    assert models["plain"].earlier == models["from-file"].earlier == []
    assert models["from-both"].earlier == models["from-both-deeper"].earlier[:1]
    used = {stage for model in models.values() for stage in model.earlier}
    assert set(stages) == used
    assert len(stages) == 3  # random and the file's weights on the other task, and one more for the deeper model
    assert {link.id for model in plan_of(transfer).models for link in model.links[:-1]} == used


def test_heads_are_replaced_and_features_carried_over(out):
    models, stages = models_of(out), stages_of(out)
    (radiology,) = models["from-both"].earlier
    assert stages[radiology].start == "start.pth; drawn anew: classifier"
    assert models["from-both"].start == "the stage on legends; drawn anew: classifier"
    assert models["from-both-deeper"].start == "the stage on tiny"
    assert models["plain"].start == "random weights"
    assert load_file(out / "stages" / radiology / WEIGHTS)["classifier.weight"].shape[0] == 2
    folder = run_folder(out) / "models" / models["from-both"].id
    before, after = (
        load_file(out / "stages" / radiology / "weights.safetensors"),
        load_file(folder / "weights.safetensors"),
    )
    assert after["classifier.weight"].shape[0] == 1
    name = "features.denseblock1.denselayer1.conv1.weight"
    change = float((before[name] - after[name]).norm() / before[name].norm())
    assert 0 < change < 0.5, "fine-tuned, not drawn anew"


def test_the_same_model_trained_elsewhere_has_the_same_weights(out, transfer, tmp_path):
    plan = plan_of(transfer, models=("from-both",))
    (job,) = plan.models
    data = prepare_data(plan, tmp_path, 1, Silent())[0].prepared.folder
    place = Place(tmp_path / plan.name, data, plan.task, plan.n_explained, "cpu", "")
    before = torch.are_deterministic_algorithms_enabled()
    try:
        train_earlier(place, (job, 0), lambda *_: None)
        record = train_model(place, job, lambda *_: None)
    finally:
        torch.use_deterministic_algorithms(before)
    assert record.id == models_of(out)["from-both"].id
    assert record.weights_digest == models_of(out)["from-both"].weights_digest
    assert plan.name == run_folder(out).name


def test_a_plan_with_earlier_stages_is_pure_and_names_what_it_depends_on(transfer):
    first, second = plan_of(transfer), plan_of(transfer)
    assert [model.id for model in first.models] == [model.id for model in second.models]
    ids = {model.entry.name: [link.id for link in model.links] for model in first.models}
    assert ids["from-both"][0] == ids["from-both-deeper"][0] != ids["from-random"][0]
    again = plan_of(transfer, seeds=(1,))
    assert not {link.id for model in first.models for link in model.links} & {
        link.id for model in again.models for link in model.links
    }


def test_a_changed_earlier_task_makes_other_models(transfer, tmp_path):
    before = {model.entry.name: model.id for model in plan_of(transfer).models}
    changed = tmp_path / "legends.toml"
    changed.write_text(LEGENDS.replace("train = 40", "train = 41"))
    path = tmp_path / "tiny.toml"
    path.write_text(transfer.read_text().replace(str(transfer.parent / "legends.toml"), str(changed)))
    after = {model.entry.name: model.id for model in plan_of(path).models}
    same = {name for name in before if before[name] == after[name]}
    assert same == {"plain", "from-file"}


@dataclass(frozen=True)
class Swapped:
    """The phantoms with the test set for a training set."""

    source: Source
    name: str = "phantom-wrist"
    phantom: bool = True
    offers: frozenset = frozenset()

    def index(self):
        index = self.source.index()
        return index.assign(split=index["split"].map({"train": "test", "test": "train", "validation": "validation"}))

    def image(self, row):
        return self.source.image(row)

    def regions(self, row):
        return {}

    def twin(self, row):
        return None


def test_an_earlier_stage_that_trains_on_test_patients_is_refused(transfer, tmp_path):
    plan = plan_of(transfer, models=("from-random",))
    ((data_digest, earlier),) = plan.earlier.items()
    swapped = replace(plan, earlier={data_digest: replace(earlier, source=Swapped(earlier.source))})
    with pytest.raises(DataError, match=r"the earlier stage on legends learns from .* of which 40 patients"):
        prepare_data(swapped, tmp_path, 1, Silent())
    elsewhere = replace(earlier, source=replace(Swapped(earlier.source), name="another"))
    prepare_data(replace(plan, earlier={data_digest: elsewhere}), tmp_path, 1, Silent())


class Silent:
    def progress(self, what, done, total):
        pass

    def say(self, line):
        pass


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("after = 'radiology'", "after = 'radiologie'", "did you mean 'radiology'"),
        ("after = 'radiology'", "after = 'from-both-deeper'", "from-both"),
        ("after = 'radiology'", "after = 'radiology'\ninit = 'imagenet'", "exclude one another"),
        ('name = "from-file"', 'name = "plain"', "two models are called 'plain'"),
        ("presets = []", "presets = ['quick']", "leave out its task"),
    ],
)
def test_lineages_that_do_not_fit_are_named(transfer, tmp_path, old, new, message):
    path = tmp_path / "tiny.toml"
    assert old in transfer.read_text()
    path.write_text(transfer.read_text().replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        load_task(str(path))


def test_missing_weights_are_named_before_anything_runs(transfer, tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(transfer.read_text().replace("start.pth", "nowhere.pth"))
    with pytest.raises(DataError, match=r"nowhere.pth"):
        plan_of(path)
    assert plan_of(path, models=("plain",)).models
    given = plan_of(path, models=("plain",), weights=transfer.parent / "start.pth")
    assert given.models[0].id != plan_of(path, models=("plain",)).models[0].id
    assert given.comparability_key != plan_of(path, models=("plain",)).comparability_key
