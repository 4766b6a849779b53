"""What a checkpoint holds comes back; what is damaged is refused, and the file is named."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xraybench.errors import RecordError
from xraybench.recipe.checkpoint import Checkpoints

TENSORS = st.sampled_from(
    [
        torch.arange(6).reshape(2, 3),
        torch.tensor(2.5, dtype=torch.float64),
        torch.zeros(0),
        torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last),
        torch.rand(4, 4)[:, ::2],
        torch.tensor([True, False]),
    ]
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text() | TENSORS
NESTED = st.recursive(
    PLAIN,
    lambda held: (
        st.lists(held, max_size=3)
        | st.lists(held, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(0, 9), held, max_size=3)
    ),
    max_leaves=8,
)


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and one == other


@given(state=NESTED)
def test_what_is_kept_comes_back(tmp_path_factory, state):
    kept = Checkpoints(tmp_path_factory.mktemp("kept"))
    kept.write({"older": torch.ones(3)})
    kept.write({"state": state})
    assert equal(kept.read()["state"], state)
    assert len(list(kept.folder.iterdir())) == 2, "the older tensors are gone"


def test_nothing_kept_is_none_and_clearing_leaves_nothing(tmp_path):
    kept = Checkpoints(tmp_path / "checkpoint")
    assert kept.read() is None
    kept.clear()
    kept.write({"weights": torch.ones(3)})
    kept.clear()
    assert kept.read() is None
    assert not kept.folder.exists()


def test_time_before_an_interruption_counts(tmp_path):
    first = Checkpoints(tmp_path)
    while first.seconds < 0.05:
        pass
    first.write({})
    second = Checkpoints(tmp_path)
    assert second.seconds < first.seconds
    second.read()
    assert second.seconds > 0.05


@pytest.mark.parametrize("damage", ["truncated", "tampered", "missing", "facts", "version", "no json"])
def test_damage_is_refused_with_the_file_and_the_cure(tmp_path, damage):
    kept = Checkpoints(tmp_path)
    kept.write({"weights": torch.arange(100.0)})
    (tensors,) = tmp_path.glob("*.safetensors")
    facts = tmp_path / "checkpoint.json"
    if damage == "truncated":
        tensors.write_bytes(tensors.read_bytes()[:-4])
    elif damage == "tampered":
        tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x7f")
    elif damage == "missing":
        tensors.unlink()
    elif damage == "facts":
        facts.write_text("[]")
    elif damage == "version":
        facts.write_text(json.dumps(json.loads(facts.read_text()) | {"format": 0}))
    else:
        facts.write_text(facts.read_text()[:-9])
    with pytest.raises(RecordError, match=str(tmp_path)) as error:
        kept.read()
    assert "delete the folder" in error.value.hint


def test_what_json_and_tensors_cannot_say_is_an_error(tmp_path):
    with pytest.raises(TypeError, match="cannot hold set"):
        Checkpoints(tmp_path).write({"state": {1, 2}})
