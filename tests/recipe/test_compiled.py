"""A compiled training ends with the weights of one that is not, under the same names, and may be interrupted."""

import shutil

import pytest
import torch

from tests.test_resuming import KilledError, Mortal, run
from tests.test_training import network, recipe, same, trained
from xraybench.errors import UsageError
from xraybench.recipe import compiled
from xraybench.recipe.checkpoint import Checkpoints
from xraybench.recipe.team import Team

RECIPES = {
    "two sizes of batch": {"batch_size": 48},
    "a frozen warm-up": {"frozen_epochs": 1, "optimizer": "sgd", "momentum": 0.9},
    "micro-batches": {"micro_batch": 7, "keep": "best-loss"},
}
BY_GRAPHS = {
    "two sizes of batch": {"batch_size": 48},
    "a frozen warm-up": {"frozen_epochs": 1},
    "micro-batches": {"micro_batch": 7},
    "bfloat16": {"bf16": True},
}
needs_a_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="no g++")


@pytest.fixture
def traced(monkeypatch):
    """Forward and backward are traced as for inductor, and run as torch's own kernels: no C++ compiler is needed."""
    asked = []
    real = torch.compile

    def compile(module, **options):
        asked.append(options)
        return real(module, backend="aot_eager", **options)

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(compiled, "_check_compiler", lambda device: None)
    return asked


def close(first, second, **tolerance):
    assert list(first.state_dict()) == list(second.state_dict())
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, **tolerance)


@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
def test_traced_it_learns_the_same_under_the_same_names(traced, fields):
    plain, history = run(recipe(dropout=0.0, **fields))
    model, again = run(recipe(dropout=0.0, compile=True, **fields))
    close(plain, model, atol=1e-6, rtol=1e-5)
    assert [entry["validation_loss"] for entry in again] == pytest.approx(
        [entry["validation_loss"] for entry in history], rel=1e-4
    )
    assert traced == [{"dynamic": False, "mode": "default"}]


def test_traced_and_interrupted_it_ends_the_same(traced, tmp_path):
    stage = recipe(compile=True, keep="best-auc")
    whole, history = run(stage)
    with pytest.raises(KilledError):
        run(stage, Mortal(tmp_path, 6))
    resumed, again = run(stage, Checkpoints(tmp_path))
    assert same(whole, resumed)
    assert again == history


def test_only_steps_are_compiled(traced):
    model, evaluated = network(), []

    class Asking(torch.nn.Module):
        def forward(self, images):
            if not self.training:
                evaluated.append((len(images), torch.compiler.is_compiling()))
            return images

    model.insert(0, Asking())
    model.layers = ("2", "4")
    _, history = trained(recipe(compile=True), model=model)
    assert evaluated == [(60, False)] * len(history)


def test_cuda_graphs_where_nothing_adds_up_gradients():
    plain = recipe()
    assert compiled.mode(plain, Team(), "cuda") == "reduce-overhead"
    assert compiled.mode(plain, Team(0, 2), "cuda") == "default"
    assert compiled.mode(recipe(micro_batch=4), Team(), "cuda") == "default"
    assert compiled.mode(plain, Team(), "cpu") == "default"


@pytest.mark.parametrize(("device", "variable"), [("cpu", "CXX"), ("cuda", "CC")])
def test_without_a_compiler_it_says_so(monkeypatch, device, variable):
    monkeypatch.setenv(variable, "no-such-compiler")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="no-such-compiler") as error:
        compiled._check_compiler(device)
    assert variable in error.value.hint
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    compiled._check_compiler(device)


@pytest.mark.slow
@needs_a_compiler
def test_compiled_on_a_cpu_it_learns_the_same_and_resumes(tmp_path):
    fields = {
        "dropout": 0.0,
        "optimizer": "sgd",
        "momentum": 0.9,
    }  # Adam makes steps of the rounding of a zero gradient
    plain, _ = run(recipe(**fields))
    stage = recipe(**fields, compile=True)
    model, history = run(stage)
    close(plain, model, atol=1e-5, rtol=1e-4)
    with pytest.raises(KilledError):
        run(stage, Mortal(tmp_path, 3))
    resumed, again = run(stage, Checkpoints(tmp_path))
    assert same(model, resumed)
    assert again == history


@pytest.mark.gpu
@pytest.mark.parametrize("fields", BY_GRAPHS.values(), ids=BY_GRAPHS)
def test_compiled_on_a_gpu_it_learns_the_same_and_resumes(monkeypatch, tmp_path, fields):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    fields = {"dropout": 0.0, "optimizer": "sgd", "momentum": 0.9, "epochs": 4} | fields
    tolerance = {"atol": 2e-2, "rtol": 2e-2} if "bf16" in fields else {"atol": 1e-4, "rtol": 1e-3}
    plain, _ = run(recipe(**fields), device="cuda")
    skipped = torch._dynamo.utils.counters["inductor"]["cudagraph_skips"]
    stage = recipe(**fields, compile=True)
    model, history = run(stage, device="cuda")
    assert torch._dynamo.utils.counters["inductor"]["cudagraph_skips"] == skipped
    close(plain, model, **tolerance)
    with pytest.raises(KilledError):
        run(stage, Mortal(tmp_path, 3), device="cuda")
    resumed, again = run(stage, Checkpoints(tmp_path), device="cuda")
    close(model, resumed, **tolerance)
    assert [entry["epoch"] for entry in again] == [entry["epoch"] for entry in history]
