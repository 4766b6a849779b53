"""The quick presets of wrist and mnist, every model in full, with the explainers and metrics called fast."""

import pytest

from tests.here import here
from tests.run.conftest import run_folder
from xraybench.results import CellRecord, ModelRecord, iterate_records
from xraybench.tasks import load_task


@pytest.mark.parametrize(("name", "least"), [pytest.param("wrist", 0.9, marks=pytest.mark.slow), ("mnist", 0.99)])
def test_the_quick_preset_runs_whole(name, least, tmp_path):
    few = ("--explainer", "fast", "--metric", "fast")
    done = here("run", "--task", name, *few, "--device", "cpu", "--workers", "0", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr
    cells = [cell for _, cell in iterate_records(run_folder(tmp_path) / "cells", "cell.json", CellRecord)]
    assert {cell.status for cell in cells} <= {"ok", "skipped"}
    assert all(cell.reason for cell in cells if cell.status == "skipped")
    assert len({cell.explainer for cell in cells if cell.role == "method"}) >= 15
    models = [model for _, model in iterate_records(run_folder(tmp_path) / "models", "model.json", ModelRecord)]
    assert {model.model for model in models} == {entry.name for entry in load_task(name).models_of("quick")}
    for model in models:
        assert model.scores["roc-auc"].mean > least, model.model
    phantom = '"phantom": true' in (run_folder(tmp_path) / "run.json").read_text()
    assert phantom == (name == "wrist")
