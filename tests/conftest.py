"""Tests run on several cores, each worker with one thread of its own: two torch processes that share cores wait for one
another many times as long as they compute."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, for this process and those it starts

import pytest
from hypothesis import settings

LONG = (  # files that take a minute or more: begun last, one would keep a single worker busy at the end
    "run/test_quick_presets.py",
    "run/test_crash_safety.py",
    "run/test_every_task.py",
    "test_your_own_data.py",
    "data/phantom/test_phantom_difficulty.py",
    "contract/test_explainer_contract.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long first; within them, and after them, as they stand."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG))


settings.register_profile("shared cores", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("shared cores")
