"""The main job on a tiny task: what it leaves, that it resumes, and that it counts what it spends."""

import json
import subprocess
import sys
from unittest.mock import patch

import numpy as np
import pytest

from tests.elsewhere import ELSEWHERE, elsewhere
from tests.here import here
from tests.run.conftest import ARGUMENTS, command, run_folder, run_here, scores_of
from xraybench.cells.bench import Bench
from xraybench.cells.place import Place
from xraybench.cli import _common
from xraybench.data.prepared import Prepared
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.models.small_cnn import WIDTHS
from xraybench.planning import Request, make_plan
from xraybench.registry import REFERENCES
from xraybench.results import (
    FINDINGS,
    CellRecord,
    DataRecord,
    FindingsRecord,
    ModelRecord,
    iterate_records,
    read_record,
)
from xraybench.runner import open_source
from xraybench.score_files import read_scores
from xraybench.spec import ALL_ANEW
from xraybench.tasks import load_task
from xraybench.training import predict

STANDING = REFERENCES.keys() - {"human-benchmark"}  # phantoms have none
CELLS = 2 + len(STANDING)  # the two explainers of ARGUMENTS, and every reference map that the source has


def cells_of(out):
    return {
        record.explainer: record for _, record in iterate_records(run_folder(out) / "cells", "cell.json", CellRecord)
    }


def test_a_run_leaves_records_of_methods_controls_and_the_ceiling(finished):
    cells = cells_of(finished)
    roles = {name: cell.role for name, cell in cells.items()}
    assert {name for name, role in roles.items() if role == "method"} == {"gradient", "grad-cam"}
    assert set(roles) == {"gradient", "grad-cam", *STANDING}
    assert {name for name, role in roles.items() if role == "ceiling"} == {"oracle", "blurred-oracle"}
    assert {cell.status for cell in cells.values()} == {"ok"}
    assert cells["gradient"].versions["torch"]
    assert cells["gradient"].flags.items() >= {"tf32": "off", "batch_size": "64", "forward_batch": "64"}.items()
    assert cells["oracle"].scores["max-sensitivity"].reason == "the map does not depend on the model"
    (model,) = [record for _, record in iterate_records(run_folder(finished) / "models", "model.json", ModelRecord)]
    assert cells["gradient"].weights_digest == model.weights_digest
    assert (run_folder(finished) / "board" / "index.html").exists()


def test_a_run_on_another_device_scores_as_on_the_cpu(task_file, finished, tmp_path, monkeypatch):
    """Trained, explained and scored on one that refuses what a GPU refuses, in batches that it is measured to like."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with elsewhere(), patch.object(_common, "DEVICES", (ELSEWHERE.type,)):
        done = run_here(task_file, tmp_path, *ARGUMENTS[:-1], ELSEWHERE.type)
    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / "cache" / "xraybench" / "forwards").iterdir()
    batches = {cell.flags["forward_batch"] for cell in cells_of(tmp_path).values()}
    assert batches == {str(json.loads(kept.read_text())["images"])}
    found, expected = scores_of(tmp_path), scores_of(finished)
    assert found.keys() == expected.keys()
    for name, scores in expected.items():
        np.testing.assert_allclose(found[name], scores, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_run_puts_on_record_what_it_read(finished):
    (source,) = read_record(run_folder(finished) / "data.json", DataRecord).sources
    assert {split: count.images for split, count in source.splits.items()} == {
        "train": 40,
        "validation": 20,
        "test": 40,
    }
    assert all(0 < count.positives["fracture"] < count.images for count in source.splits.values())
    assert source.left_out == []


def test_what_a_metric_finds_beside_its_scores_is_on_record(copy, task_file):
    """The randomisation test's last stage of each image, and so its verdict; what srg is of the logit's change."""
    counted = cells_of(copy)["gradient"].notes
    assert [name for name in counted if name.startswith("srg: share of images")]
    done = run_here(task_file, copy, "--explainer", "gradient", "--metric", "mprt", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    cell = cells_of(copy)["gradient"]
    scores = read_scores(run_folder(copy) / "cells" / cell.id)["mprt"]
    last = scores.details[ALL_ANEW]
    assert last.shape == scores.values.shape == (6,)
    assert cell.notes["mprt: top 4 of 4 parts drawn anew, maps alike"] == pytest.approx(last.mean())
    assert counted.items() <= cell.notes.items(), "what was noted before stays"
    board = json.loads((run_folder(copy) / "board" / "board.json").read_text())
    (row,) = [row for row in board["rows"] if row["explainer"] == "gradient"]
    assert row["verdicts"] == {} if row["void"] else row["verdicts"]["mprt"]["word"] == "undecided"  # six patients


def test_the_oracle_wins_localisation_and_random_gets_what_chance_gives(finished):
    scores, cells = scores_of(finished), cells_of(finished)
    mass = {name: np.nanmean(scores[f"{cell.id} relevance-mass"]) for name, cell in cells.items()}
    assert mass["oracle"] == pytest.approx(1)
    assert max(mass.values()) == mass["oracle"]
    (folder,) = (finished / "data").iterdir()
    prevalence = Prepared(folder).explained.regions["finding"].mean()
    assert mass["random"] == pytest.approx(prevalence, rel=0.25)


def test_image_forwards_spent_are_the_ones_that_were_priced(finished, task_file):
    task = load_task(str(task_file))
    request = Request(explainers=("gradient", "grad-cam"), metrics=("relevance-mass", "srg", "max-sensitivity"))
    plan = make_plan(task, open_source(task, request), request)
    cells = cells_of(finished)
    for job in plan.cells:
        cell = cells[job.label]
        assert cell.id == job.id
        spent = (cell.spent.forwards + 2 * cell.spent.backwards) * cell.n_images
        assert spent + sum(info.image_forwards for info in cell.scores.values()) == job.image_forwards, job.label


def test_the_same_command_again_computes_nothing_and_imports_no_torch(finished, task_file):
    before = {path: path.stat().st_mtime_ns for path in run_folder(finished).glob("cells/*/*")}
    code = (
        "import sys; from xraybench.cli import cli; code = cli.main(sys.argv[1:], standalone_mode=False);"
        "assert not {'torch', 'captum', 'zennit', 'quantus'} & set(sys.modules), 'torch was imported'; sys.exit(code)"
    )
    line = [sys.executable, "-c", code, *command(task_file, finished, *ARGUMENTS)[3:]]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"0 cells computed, {CELLS} kept" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in run_folder(finished).glob("cells/*/*")} == before


def test_a_metric_added_later_is_all_that_is_computed(copy, task_file):
    before, maps = scores_of(copy), {path: path.stat().st_mtime_ns for path in copy.glob("*/cells/*/maps.npy")}
    arguments = list(ARGUMENTS)
    arguments[3] += ",sparseness"
    done = run_here(task_file, copy, *arguments)
    assert done.returncode == 0, done.stderr
    after = scores_of(copy)
    assert {key: value for key, value in after.items() if "sparseness" not in key} == before
    assert sum("sparseness" in key for key in after) == CELLS
    assert {path: path.stat().st_mtime_ns for path in copy.glob("*/cells/*/maps.npy")} == maps
    assert set(cells_of(copy)["gradient"].scores) == {"relevance-mass", "srg", "max-sensitivity", "sparseness"}


def test_the_findings_of_the_explained_images_are_on_record(finished, task_file):
    task = load_task(str(task_file))
    plan = make_plan(task, open_source(task, Request()), Request())
    place = Place(run_folder(finished), finished / "data" / plan.data_digest, plan.task, plan.n_explained, "cpu", "")
    desk, (job,) = Bench(place), plan.models
    logits = predict(desk.model(job), desk.explained_images)[:, 0].numpy()
    masks = Prepared(place.data).explained.regions["finding"]
    record = read_record(place.model_folder(job) / FINDINGS, FindingsRecord)
    assert list(record.findings) == desk.explained_table["image_id"].tolist()
    assert [one.found for one in record.findings.values()] == (logits > 0).tolist()
    assert [one.share for one in record.findings.values()] == pytest.approx(masks.mean((1, 2)).tolist())
    rows = build_board(load_run(place.run)).rows
    assert all({"relevance-mass"} == set(stratum.scores) for row in rows for stratum in row.strata)
    assert {len(row.strata) for row in rows} == {4}


def test_a_run_without_them_gets_them_with_the_next_thing_that_is_computed(copy, task_file):
    (path,) = copy.glob(f"*/models/*/{FINDINGS}")
    record, maps = path.read_text(), {path: path.stat().st_mtime_ns for path in copy.glob("*/cells/*/maps.npy")}
    path.unlink()
    done = run_here(task_file, copy, *ARGUMENTS)
    assert f"0 cells computed, {CELLS} kept" in done.stderr
    assert not path.exists()
    before, arguments = scores_of(copy), list(ARGUMENTS)
    arguments[3] += ",cost"
    assert run_here(task_file, copy, *arguments).returncode == 0
    assert path.read_text() == record
    assert {path: path.stat().st_mtime_ns for path in copy.glob("*/cells/*/maps.npy")} == maps
    assert {name: values for name, values in scores_of(copy).items() if name in before} == before


def test_a_record_names_the_training_images_that_its_explainer_holds_an_image_against(copy, task_file):
    before, arguments = cells_of(copy), list(ARGUMENTS)
    arguments[1] += ",integrated-gradients(steps=2),expected-gradients(samples=2)"
    done = run_here(task_file, copy, *arguments)
    assert done.returncode == 0, done.stderr
    after = cells_of(copy)
    assert after["integrated-gradients(steps=2)"].baseline == "training mean"
    assert after["expected-gradients(samples=2)"].baseline == "32 training images"  # of 40
    assert {name: after[name] for name in before} == before
    assert {cell.baseline for cell in before.values()} == {None}


def test_a_run_in_processes_of_its_own_gives_the_same_weights_and_scores(finished, task_file, tmp_path):
    done = subprocess.run(command(task_file, tmp_path, *ARGUMENTS), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert scores_of(tmp_path) == scores_of(finished)
    assert cells_of(tmp_path)["gradient"].weights_digest == cells_of(finished)["gradient"].weights_digest
    assert cells_of(tmp_path)["gradient"].maps_digest == cells_of(finished)["gradient"].maps_digest


def test_a_dry_run_lists_cells_and_computes_nothing(task_file, tmp_path):
    done = run_here(task_file, tmp_path, *ARGUMENTS, "--dry-run", "--json")
    plan = json.loads(done.stdout)
    assert len(plan["cells"]) == CELLS
    assert {"id", "task", "model", "seed", "explainer", "status", "image_forwards"} <= set(plan["cells"][0])
    assert {cell["status"] for cell in plan["cells"]} == {"missing"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["wrist", "mnist"])
def test_quick_presets_keep_to_their_budget(name):
    task = load_task(name)
    plan = make_plan(task, open_source(task, Request()), Request())
    assert task.preset("quick").max_image_forwards == 170_000
    assert task.preset("quick").explained == 64
    for model in plan.models:
        assert 0 < plan.image_forwards(model) <= 170_000


def test_the_board_is_shown_as_json(finished):
    done = here("leaderboard", "show", "--task", "tiny", "--runs", str(finished), "--json")
    board = json.loads(done.stdout)
    assert {"task", "source", "comparability_key", "models", "rows"} <= set(board)
    assert {row["role"] for row in board["rows"]} == {"method", "control", "ceiling"}
    score = board["rows"][0]["scores"]["relevance-mass"]
    assert {"mean", "low", "high", "n", "n_undefined", "rank", "tie_group"} <= set(score)


def test_two_models_are_compared_layer_by_layer(task_file, copy):
    text = task_file.read_text()
    entry = text[text.index("[[models]]") :].replace('name = "small-cnn"', 'name = "other"', 1)
    (copy / "two.toml").write_text(text + "\n" + entry.replace("learning_rate = 1e-3", "learning_rate = 2e-3"))
    task = str(copy / "two.toml")
    line = ("compare", "--task", task, "--models", "small-cnn,other", "--out", str(copy), "--grid", "2")
    done = here(*line, "--workers", "0", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert [one["measure"] for one in record["similarities"]] == ["cca", "svcca", "pwcca", "linear-cka", "debiased-cka"]
    assert len(record["first_layers"]) == len(record["similarities"][3]["values"]) == 7
    (folder,) = copy.glob("*/comparisons/*")
    assert {path.name for path in folder.iterdir()} == {"comparison.json", "similarity.csv", "similarity.png"}
    written = (folder / "comparison.json").stat().st_mtime_ns
    told = here(*line, "--workers", "0")
    assert told.returncode == 0
    least, most = 20 / (max(WIDTHS) + 1), 20 / (1 + 1)  # 20 images: the widest block and a logit, two logits
    assert told.stdout.startswith(f"{least:.3g} to {most:g} samples a channel (N / (C1 + C2))\n")
    assert (folder / "comparison.json").stat().st_mtime_ns == written
    assert here("compare", "--task", task, "--models", "small-cnn").returncode == 2
