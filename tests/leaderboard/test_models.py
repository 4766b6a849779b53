"""The board of models: every entry, its recipe, what was measured, and the papers' scores apart from it."""

import json
from statistics import fmean

import pytest

from tests.leaderboard.conftest import Recipe, write_run
from tests.leaderboard.model_runs import history, write_data, write_models
from xraybench.leaderboard.lines import beside, lines_of, seed_lines, why_hidden, written
from xraybench.leaderboard.models import build_models
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.rounding import rounded
from xraybench.results import Interval
from xraybench.tasks import load_task


def board_of(folder, *arguments, **settings):
    return build_models(load_run(write_models(folder / "run", *arguments, **settings)))


def entry_of(board, model):
    return next(entry for entry in board.entries if entry.model == model)


def test_every_entry_of_the_preset_is_there_trained_or_not(tmp_path):
    board = board_of(tmp_path, models=("wristnet", "radinet-wrist"))
    task = load_task("wrist")
    assert [entry.model for entry in board.entries] == [entry.name for entry in task.models_of("paper")]
    assert [entry.model for entry in board.entries if entry.trained] == ["wristnet", "radinet-wrist"]
    assert [entry.model for entry in board.others] == [
        entry.name for entry in task.models if entry.presets and "paper" not in entry.presets
    ]
    assert all(entry.recipe for entry in [*board.entries, *board.others])


def test_a_chain_is_told_from_its_first_weights_on(tmp_path):
    board = board_of(tmp_path, models=("wristnet",))
    start, first, second = entry_of(board, "radinet-wrist").recipe
    assert start == "From ImageNet weights."
    assert first.startswith("On the task mura, to tell elbow, finger,")
    assert second.startswith("At most 100 epochs of Adam")
    assert entry_of(board, "wristnet").recipe[0] == "From random weights."


def test_scores_are_those_of_the_record_and_the_papers_stand_apart(tmp_path):
    run = load_run(write_models(tmp_path / "run", models=("wristnet",)))
    entry = entry_of(build_models(run), "wristnet")
    image, mean, vote, paper = lines_of(entry)
    (record,) = run.models
    for line, measured in ((image, record.scores), *zip((mean, vote), record.studies.values(), strict=True)):
        assert {name: one.mean for name, one in line.scores.items()} == {
            name: rounded(one.mean) for name, one in measured.items()
        }
    assert {name: one.mean for name, one in paper.scores.items()} == load_task("wrist").reference["wristnet"]
    assert paper.paper
    assert not image.paper
    assert all(one.low is None for one in paper.scores.values())


def test_several_seeds_stand_as_mean_and_range_and_each_by_itself(tmp_path):
    entry = entry_of(board_of(tmp_path, models=("wristnet",), seeds=(0, 1, 2)), "wristnet")
    values = [one.scores["kappa"].mean for one in entry.trained]
    line = lines_of(entry)[0]
    assert line.ranges
    assert line.scores["kappa"].mean == pytest.approx(fmean(values), rel=1e-5)
    assert (line.scores["kappa"].low, line.scores["kappa"].high) == (min(values), max(values))
    assert [one.label for one in seed_lines(entry)][:3] == [
        "seed 0, image",
        "seed 0, study, mean probability",
        "seed 0, study, majority vote",
    ]
    assert len(seed_lines(entry)) == 9


def test_a_score_that_one_seed_lacks_has_no_mean(tmp_path):
    entry = entry_of(board_of(tmp_path, models=("wristnet",), seeds=(0, 1)), "wristnet")
    one, other = entry.trained
    less = {name: score for name, score in other.scores.items() if name != "roc-auc"}
    hidden = {"fracture": "2 positives, fewer than 5"}
    entry = entry.model_copy(update={"trained": [one, other.model_copy(update={"scores": less, "hidden": hidden})]})
    line = lines_of(entry)[0]
    assert "roc-auc" not in line.scores
    assert why_hidden(seed_lines(entry)[3], "roc-auc") == "fracture: 2 positives, fewer than 5"
    assert why_hidden(seed_lines(entry)[0], "roc-auc") == ""


def test_the_curve_of_every_stage_says_which_epoch_was_kept(tmp_path):
    board = board_of(tmp_path, models=("radinet-wrist",))
    earlier, own = entry_of(board, "radinet-wrist").trained[0].curves
    assert earlier.stage == "mura (phantom-mura)"
    assert (len(earlier.history), earlier.kept) == (9, 6), "the least validation loss"
    assert (len(own.history), own.kept, own.frozen) == (30, 20, 25)
    assert own.history[3]["validation_auc"] == rounded(history(30)[3]["validation_auc"])


def test_a_search_may_have_settled_on_another_rule(tmp_path):
    folder = write_models(tmp_path / "run", models=("radinet-wrist",))
    (path,) = folder.glob("models/*/model.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "drawn": {"keep": "last", "frozen_epochs": 0}}))
    own = entry_of(build_models(load_run(folder)), "radinet-wrist").trained[0].curves[-1]
    assert (own.kept, own.frozen) == (30, 0)


def test_a_stage_without_a_record_has_no_curve(tmp_path):
    board = board_of(tmp_path, models=("radinet-wrist",), stages=False)
    earlier, own = entry_of(board, "radinet-wrist").trained[0].curves
    assert earlier.history == []
    assert own.history


@pytest.mark.parametrize(
    ("task", "preset", "source", "said"),
    [
        ("wrist", "quick", None, "No paper reports scores of these models."),
        (
            "mura",
            "paper",
            None,
            "scored on mura, these models are tested on computed radiographs (phantom-mura), 70 images",
        ),
        ("mura", "paper", "mura", "The paper scored on mura, which is what these models are tested on, 70 images for"),
        (
            "mnist",
            "quick",
            "digits",
            "scored on mnist, these models are tested on digits, 70 images for training and 30",
        ),
        ("mnist", "quick", "mnist", "The preset quick does not train by the papers' recipes"),
    ],
)
def test_what_the_papers_scores_may_be_held_against_is_said(tmp_path, task, preset, source, said):
    folder = write_models(tmp_path / "run", task, preset, models=(), source=source)
    write_data(folder, source or "phantom", 70, 30)
    assert said in " ".join(build_models(load_run(folder)).comparison)


def test_papers_whose_data_the_records_do_not_name(tmp_path):
    folder = write_models(tmp_path / "run", "mura", models=())
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "reference_data": []}))
    assert build_models(load_run(folder)).comparison == ["The records do not say on which data the papers scored."]


def test_records_of_a_version_that_kept_less_still_give_a_board(run_folder):
    board = build_models(load_run(run_folder))
    assert [entry.model for entry in board.entries] == ["densenet-tiny", "small-cnn"]
    assert all(entry.recipe == [] for entry in board.entries)
    assert all(one.curves[-1].history == [] for entry in board.entries for one in entry.trained)


def test_a_model_that_goes_on_from_an_entry_of_which_there_is_no_recipe(tmp_path):
    folder = write_models(tmp_path / "run", models=("radinet-wrist",))
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "definition": {}}))
    (entry,) = build_models(load_run(folder)).entries
    assert entry.recipe[0] == "From radinet, of which the records hold no recipe."


def test_labels_have_their_own_scores_and_references(tmp_path):
    entry = entry_of(board_of(tmp_path, "chexpert"), "densenet121")
    (one,) = entry.trained
    assert "roc-auc" not in one.labels["Fracture"]
    assert one.hidden["Fracture"] == "3 positives, fewer than 5"
    assert entry.label_reference["roc-auc"]["Fracture"] == 0.0
    assert [line.label for line in lines_of(entry)] == ["image", "paper"]


@pytest.mark.parametrize(
    ("mean", "low", "high", "n", "text"),
    [
        (0.8265, 0.7861, 0.8739, 600, "0.827 0.786, 0.874"),
        (0.98251, 0.97991, 0.98509, 10_000, "0.9825 0.9799, 0.9851"),
        (-0.0002, -0.05, 0.04, 600, "0.000 -0.050, 0.040"),
        (1.0, 1.0, 1.0, 600, "1.000 "),
        (0.5, None, None, 20, "0.500 "),
        (0.9825, None, None, 0, "0.9825 "),
        (0.8, None, None, 0, "0.80 "),
        (None, None, None, 20, "– "),
    ],
)
def test_scores_have_the_decimals_that_a_test_set_gives_and_papers_theirs(mean, low, high, n, text):
    one = Interval(mean=mean, low=low, high=high, n=n)
    assert f"{written(one)} {beside(one)}" == text


def test_the_json_form_reads_back(tmp_path):
    board = board_of(tmp_path, "chexpert")
    assert type(board).model_validate_json(board.model_dump_json()) == board


def test_a_run_without_models_has_an_empty_board(tmp_path):
    folder = write_run(tmp_path / "run", Recipe(models=("small-cnn",), methods=(), references=False))
    (folder / "models").rename(tmp_path / "elsewhere")
    assert build_models(load_run(folder)).entries == []
