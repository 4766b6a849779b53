"""Task files: every shipped one reads, and what does not fit is named."""

from pathlib import Path

import pytest

from xraybench.errors import TaskFileError, UsageError
from xraybench.tasks import load_task, read_task, task_files

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
        ('architecture = "small-cnn"', 'architecture = "smal-cnn"', "did you mean 'small-cnn'"),
        ('sources = ["phantom-wrist"]', 'sources = ["phantom-wirst"]', "did you mean 'phantom-wrist'"),
        ("rise = ", "rice = ", "did you mean 'rise'"),
        ('presets = ["quick"]', 'presets = ["quik"]', "quik"),
        ("version = 1", "version = ", "is not TOML"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "own.toml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        read_task(path)


def test_an_unknown_task_gets_the_near_one():
    with pytest.raises(UsageError, match="did you mean 'wrist'"):
        load_task("wirst")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TaskFileError, match=r"nowhere\.toml"):
        load_task(str(tmp_path / "nowhere.toml"))
