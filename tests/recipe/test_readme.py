"""The recipes that tasks/README.md shows are recipes, and its table names every field."""

import re
import tomllib
from pathlib import Path

from xraybench.tasks import ModelEntry, Stage

TEXT = (Path(__file__).parents[2] / "tasks" / "README.md").read_text()


def test_the_shown_recipes_are_read():
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT.partition("## Recipes")[2], re.DOTALL)[:1]
    stages = [Stage.model_validate(stage) for stage in tomllib.loads(block)["models"]["stages"]]
    assert stages[0].decay_to == [0.1, 0.02, 0.01]
    assert stages[1].frozen_epochs == 25


def test_the_shown_lineages_are_read():
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT.partition("## Transfer")[2], re.DOTALL)
    entries = [ModelEntry.model_validate(entry) for entry in tomllib.loads(block)["models"]]
    assert [entry.name for entry in entries if entry.presets] == [
        "wristnet", "radinet-rand-wrist", "imagenet-wrist", "radinet-wrist"
    ]  # fmt: skip


def test_every_field_is_explained():
    missing = [name for name in Stage.model_fields if f"`{name}`" not in TEXT and f"`{name} =" not in TEXT]
    assert not missing
