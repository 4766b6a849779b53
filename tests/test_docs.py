"""What the documents say is so: commands run, tables are the registry's, links lead somewhere."""

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.here import here
from xraybench.reference_page import page

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    """The lines of the README's shell blocks that call xraybench by itself."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("xraybench ")]


def test_the_main_command_is_the_one_that_the_tests_run():
    assert "python3 -m pip install uv && python3 -m uv run xraybench run --task wrist --explainer all" in README
    assert "python3 -m pip install uv && python3 -m uv run pytest" in README


def test_the_readmes_commands_run(tmp_path, monkeypatch):
    assert len(commands()) >= 6
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XRAYBENCH_RUN_WORKERS", "0")
    for line in commands():
        done = here(*shlex.split(line)[1:])
        assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_the_explainer_of_the_readme_is_the_one_of_the_plug_in_package():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    package = (ROOT / "tests/plugin_package/xraybench_example/__init__.py").read_text()
    assert code.partition("@explainer")[2].strip() in package
    assert len(code.strip().splitlines()) <= 15


def test_records_are_read_as_their_page_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/records.md").read_text(), re.DOTALL)[1]
    found: dict[str, pd.DataFrame] = {}
    exec(code, found)
    board = json.loads((ROOT / "leaderboards/mnist/board-mnist-digits-quick-b0e87027.json").read_text())
    shown = {(row["model"], row["explainer"]): row["scores"] for row in board["rows"]}
    means = found["means"].stack().dropna()
    assert len(means) == sum(score["mean"] is not None for scores in shown.values() for score in scores.values())
    for (model, explainer, metric), mean in means.items():
        assert mean == pytest.approx(shown[model, explainer][metric]["mean"], rel=1e-5, abs=1e-12)


def test_the_reference_page_is_what_the_registry_gives():
    remake = "python -m xraybench.reference_page > docs/reference.md"
    assert (ROOT / "docs/reference.md").read_text() == page(), f"remake it: {remake}"


@pytest.mark.parametrize(
    "document", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("*/*.md")), ids=lambda path: path.name
)
def test_links_lead_to_files_that_exist(document):
    for target in re.findall(r"\]\(([^)#\s]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name}: {target}"
