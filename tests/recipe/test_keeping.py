"""Which epoch is kept: what pages say of a history is what training did."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from xraybench.recipe.keeping import kept_epoch
from xraybench.recipe.watching import Watch
from xraybench.tasks import Stage

KEYS = ("train_accuracy", "validation_loss", "validation_accuracy", "validation_auc")
RULES = ("last", "best-loss", "best-auc", "smallest-gap")
values = st.sampled_from([0.2, 0.4, 0.5, 0.7, math.nan])
histories = st.lists(st.fixed_dictionaries(dict.fromkeys(KEYS, values)), min_size=1, max_size=8)


@pytest.mark.parametrize("rule", RULES)
@given(history=histories)
@settings(max_examples=60, deadline=None)
def test_the_epoch_said_is_the_one_whose_weights_training_kept(rule, history):
    stage = Stage(epochs=len(history), batch_size=1, learning_rate=1, keep=rule)
    watch, model = Watch(stage), nn.Linear(1, 1, bias=False)
    for epoch, entry in enumerate(history, start=1):
        nn.init.constant_(model.weight, epoch)
        watch.see(model, {"epoch": epoch, **entry})
    if watch.best is not None:
        model.load_state_dict(watch.best)
    recorded = [{name: None if math.isnan(value) else value for name, value in entry.items()} for entry in history]
    assert kept_epoch(stage, recorded) == int(model.weight.item())


def test_nothing_is_kept_of_no_history():
    assert kept_epoch(Stage(epochs=1, batch_size=1, learning_rate=1), []) is None
