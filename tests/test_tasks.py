"""Task files: every shipped one reads, and what does not fit is named."""

import json
from pathlib import Path

import pytest

from xraybench.errors import TaskFileError, UsageError
from xraybench.steps import STEPS, name_of
from xraybench.tasks import Task, load_task, read_task, task_files

TEXT = (Path(__file__).parents[1] / "tasks" / "wrist.toml").read_text()


@pytest.mark.parametrize("name", sorted(task_files()))
def test_every_shipped_task_reads(name):
    task = load_task(name)
    assert task.name == name
    assert task.models_of("quick")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("learning_rate", "learning_rat", "did you mean 'learning_rate'"),
        ('kind = "binary"', 'kind = "ternary"', "kind"),
        ("epochs = 12", "epochs = 0", "epochs"),
        ("epochs = 12", "epochs = true", "epochs: Input should be a valid integer"),
        ("epochs = 12", 'epochs = "12"', "epochs: Input should be a valid integer"),
        ("epochs = 12", 'epochs = 12\ncompile = "yes"', "compile: Input should be a valid boolean"),
        ("epochs = 12", "epochs = 12\ninferred_labels = 0", "inferred_labels: Input should be a valid boolean"),
        ("epochs = 12", "epochs = 12\nplateau_floor = inf", "plateau_floor: Input should be a finite number"),
        ("epochs = 12", "epochs = 12\nbetas = [true, 0.99]", "betas.0: Input should be a valid number"),
        ("strata =", 'preprocessing = [{ step = "clahe", tiles = true }]\nstrata =', "tiles: Input should be"),
        ('target = "label"', 'target = "each-label"', "is for multi-label tasks"),
        ('architecture = "small-cnn"', 'architecture = "smal-cnn"', "did you mean 'small-cnn'"),
        ('sources = ["phantom-wrist"', 'sources = ["phantom-wirst"', "did you mean 'phantom-wrist'"),
        ("rise = ", "rice = ", "did you mean 'rise'"),
        ('presets = ["quick"]', 'presets = ["quik"]', "quik"),
        ("version = 1", "version = ", "is not TOML"),
        ("strata =", 'preprocessing = [{ step = "claeh" }]\nstrata =', "did you mean 'clahe'"),
        ("strata =", "preprocessing = [{ clip = 0.1 }]\nstrata =", "there are: crop-frame"),
        ("strata =", 'preprocessing = [{ step = "clahe", clib = 0.1 }]\nstrata =', "did you mean 'clip'"),
        ("strata =", 'preprocessing = [{ step = "clahe", clip = 7 }]\nstrata =', "clip"),
        ("strata =", 'preprocessing = [{ step = "pad" }]\nstrata =', "'resize' is missing"),
        ("strata =", 'preprocessing = [{ step = "resize" }, { step = "pad" }]\nstrata =', "'pad' changes the size"),
        ("strata =", 'preprocessing = [{ step = "resize" }, { step = "resize" }]\nstrata =', "twice"),
        ("strata =", "preprocessing = [3]\nstrata =", "preprocessing.0"),
        ('"srg(imputer=mean)"', '"sgr(imputer=mean)"', "did you mean 'srg'"),
        ("image_size = 64", 'image_size = 64\npreprocessing = [{ step = "rezise" }]', "did you mean 'resize'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "own.toml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        read_task(path)


@pytest.mark.parametrize("name", sorted(task_files()))
def test_a_task_survives_being_written_as_json(name):
    task = load_task(name)
    assert Task.model_validate(json.loads(task.model_dump_json())) == task


def test_an_unknown_task_gets_the_near_one():
    with pytest.raises(UsageError, match="did you mean 'wrist'"):
        load_task("wirst")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TaskFileError, match=r"nowhere\.toml"):
        load_task(str(tmp_path / "nowhere.toml"))


def test_a_presets_preprocessing_stands_in_place_of_the_tasks(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        TEXT.replace("strata =", 'preprocessing = [{ step = "clahe" }, { step = "resize" }]\nstrata =', 1).replace(
            "[presets.quick.sources", '[presets.other]\nimage_size = 64\nexplained = 4\n'
            'preprocessing = [{ step = "resize" }, { step = "rotate", degrees = 90 }]\n\n[presets.quick.sources', 1
        ).replace('presets = ["quick"]', 'presets = ["quick", "other"]')
    )  # fmt: skip
    task = read_task(path)
    assert [step.step for step in task.steps_of(task.preset("quick"))] == ["clahe", "resize"]
    assert [step.step for step in task.steps_of(task.preset("other"))] == ["resize", "rotate"]
    assert [step.step for step in load_task("wrist").steps_of(load_task("wrist").preset("quick"))] == ["pad", "resize"]


def test_every_step_and_key_of_the_documents_is_there():
    documented = (Path(__file__).parents[1] / "tasks" / "README.md").read_text().partition("## Preprocessing")[2]
    for step in STEPS:
        (line,) = [line for line in documented.splitlines() if line.startswith(f"| `{name_of(step)}` |")]
        keys = set(step.model_fields) - {"step"}
        assert all(f"`{key}`" in line for key in keys)
