"""Every shipped task from its file to a board, in little: few phantoms, one epoch, eight images, fast explainers."""

import pytest

from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.planning import Request, make_plan
from xraybench.runner import execute, open_source
from xraybench.tasks import Task, load_task
from xraybench.workshop import Engine

SMALL = {"train": 128, "validation": 64, "test": 96}
METRICS = ("relevance-mass", "pixel-auroc", "energy-on(region=frame)", "srg", "sparseness", "twin-localisation")
EXPLAINERS = ("gradient", "grad-cam", "lrp-epsilon-plus-flat", "channel-activation")


class Silent:
    def progress(self, what, done, total):
        pass

    def say(self, line):
        pass


def shrunk(task: Task) -> Task:
    """The task with its first source and its first model, made small."""
    preset, (model, *_) = task.presets["quick"], task.models_of("quick")
    sources = {task.sources[0]: preset.sources[task.sources[0]] | SMALL}
    stages = [stage.model_copy(update={"epochs": 1}) for stage in model.stages]
    return task.model_copy(
        update={
            "models": [model.model_copy(update={"stages": stages})],
            "presets": {"quick": preset.model_copy(update={"sources": sources})},
        }
    )


@pytest.mark.parametrize("name", ["wrist", "mura", "tb", "chexpert", "anatomy"])
def test_a_task_runs_on_its_phantoms_without_a_failed_cell(name, tmp_path):
    task = shrunk(load_task(name))
    request = Request(explainers=EXPLAINERS, metrics=METRICS, limit=8)
    plan = make_plan(task, open_source(task, request), request)
    outcome = execute(plan, tmp_path, Engine("cpu", 0), "failed", "", Silent())
    assert outcome.failures == ()
    board = build_board(load_run(outcome.folder))
    assert board.phantom
    assert {row.explainer for row in board.rows if row.role == "method"} == set(EXPLAINERS)
    (oracle,) = (row for row in board.rows if row.explainer == "oracle")
    (chance,) = (row for row in board.rows if row.explainer == "random")
    assert oracle.scores["relevance-mass"].mean == pytest.approx(1)
    assert chance.scores["relevance-mass"].mean < 0.8
    assert {source.task for source in board.data} == {name}
