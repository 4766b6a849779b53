"""What explainers take beside what they cannot do without: `python benchmarks/explaining.py [NAME...] [--json]`.

Three kinds of rivals, each at the batch size that is fastest for the network's forward:
- zennit's composites (the LRP family, every `zennit:NAME`): zennit alone, on a copy that was prepared beforehand;
- every `captum:NAME`: captum's attribution alone, on the network itself, told what ours tells it;
- all others: as many forwards and backwards of the network as the explainer spends, and nothing else.
The ratio is the median over interleaved pairs. Run it alone on the machine; names without
parameters take their defaults. Where none is named, all of the project's own run, and EXTRA.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from zennit.core import Composite

from xraybench import registry
from xraybench.counting import counting
from xraybench.errors import NotApplicableError
from xraybench.explainers import _captum, _relevance, _zennit
from xraybench.explainers._copy import detached_copy
from xraybench.explainers.captum_peer import Captum
from xraybench.explainers.zennit_peer import Zennit
from xraybench.explaining import ExplainAgain
from xraybench.memory import keep_freed_memory
from xraybench.spec import Context, Explainer

BATCHES = (4, 8, 16, 32, 64)
EXTRA = ("captum:InputXGradient", "captum:IntegratedGradients", "captum:DeepLift", "zennit:EpsilonPlusFlat")


@dataclass(frozen=True)
class Case:
    """A network, images for it, and the batch size that its forward likes best."""

    model: nn.Module
    images: Tensor
    targets: Tensor
    context: Context

    @property
    def size(self) -> int:
        """Images at once."""
        return self.context.batch_size

    def pieces(self, size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and targets in batches, of the best size unless another is given."""
        size = size or self.size
        return zip(self.images.split(size), self.targets.split(size), strict=True)


@dataclass(frozen=True)
class Row:
    """One explainer: seconds of it and of its rival (medians), and the median ratio of pairs."""

    name: str
    rival: str
    seconds: float
    rival_seconds: float
    ratio: float


def case_of(model: str, side: int, images: int, device: str) -> Case:
    """Random weights and images."""
    torch.manual_seed(0)
    network = registry.load(registry.find("models", model))(3, 1, side).eval().to(device)
    network = network.requires_grad_(False).to(memory_format=torch.channels_last)
    inputs = torch.rand(images, 1, side, side, device=device)
    bounds = torch.zeros(1, 1, 1, device=device), torch.ones(1, 1, 1, device=device)
    best = min(BATCHES, key=lambda size: seconds_of(lambda: forwards(network, inputs, size, images), device))
    context = Context(inputs.mean(0), inputs[:8], *bounds, torch.arange(images), best)
    return Case(network, inputs, torch.arange(images, device=device) % 3, context)


def forwards(model: nn.Module, images: Tensor, size: int, count: int) -> None:
    """So many image-forwards, in batches, without gradients."""
    with torch.inference_mode():
        for start in range(0, count, size):
            model(images[:1].expand(min(size, count - start), -1, -1, -1).contiguous())


def backwards(model: nn.Module, images: Tensor, size: int, count: int) -> None:
    """So many image-forwards, each with its backward to the image."""
    for start in range(0, count, size):
        leaves = images[:1].expand(min(size, count - start), -1, -1, -1).contiguous().requires_grad_()
        torch.autograd.grad(model(leaves)[:, 0].sum(), leaves)


def rival_of(name: str, explainer: Explainer, case: Case) -> tuple[str, Callable[[], object]]:
    """What the explainer is held against."""
    if isinstance(explainer, Captum):
        size = _captum.images_at_once(explainer.method, explainer.settings, case.context)
        return "captum", lambda: [direct_captum(explainer, case, *piece) for piece in case.pieces(size)]
    if isinstance(explainer, Zennit):
        bn = explainer.settings.get("bn")  # composites without it change gradients: of the network as it is, from one
        copy = _relevance.prepared(case.model, bn) if bn else detached_copy(case.model)
        composite = _zennit.composed(explainer.composite, explainer.settings, case.images, case.context)
        return "zennit", lambda: [direct_zennit(copy, composite, *piece, bool(bn)) for piece in case.pieces()]
    if explainer.family == "lrp":
        copy = _relevance.prepared(case.model, "canonised")
        composite = composite_of(name.partition("(")[0], case)
        return "zennit", lambda: [direct_zennit(copy, composite, *piece) for piece in case.pieces()]
    with counting(case.model) as count:
        explainer(case.model, case.images, case.targets, case.context)
    plain, full = round(count.forwards - count.backwards), round(count.backwards)

    def pure() -> None:
        forwards(case.model, case.images, case.size, plain)
        backwards(case.model, case.images, case.size, full)

    return f"{plain} forwards, {full} forwards with backwards", pure


def composite_of(name: str, case: Case) -> Composite:
    """The rules of a method, as zennit's own composite."""
    tiny, box = 1e-6, (case.context.low, case.context.high, case.images.shape[2:])
    known: dict[str, Callable[[], Composite]] = {
        "lrp-z": lambda: _relevance.everywhere_epsilon(tiny, tiny),
        "lrp-epsilon": lambda: _relevance.everywhere_epsilon(0.25, tiny),
        "lrp-alpha2-beta1": lambda: _relevance.everywhere_alpha_beta(2.0, 1.0, tiny),
        "lrp-alpha1-beta0": lambda: _relevance.everywhere_alpha_beta(1.0, 0.0, tiny),
        "lrp-epsilon-plus-flat": lambda: _relevance.epsilon_plus_flat(tiny, tiny),
        "lrp-epsilon-gamma-box": lambda: _relevance.epsilon_gamma_box(tiny, 0.25, *box, tiny),
        "excitation-backprop": lambda: _relevance.everywhere_alpha_beta(1.0, 0.0, tiny),
        "deep-taylor": lambda: _relevance.deep_taylor(*box, tiny),
    }
    return known[name]()


def direct_captum(peer: Captum, case: Case, images: Tensor, targets: Tensor) -> Tensor:
    """captum's attribution, as its documentation calls it, with the peer's settings."""
    settings = peer.settings_for(images.shape[1:])
    attribution = _captum.constructed(peer.method, settings, case.model)
    arguments = _captum.arguments_of(attribution, settings, images, case.context)
    return attribution.attribute(images.clone(), target=targets, **arguments)


def direct_zennit(
    copy: nn.Module, composite: Composite, images: Tensor, targets: Tensor, from_logit: bool = True
) -> Tensor:
    """zennit's documented use: a composite's context, a forward, a backward from the logit (or from one)."""
    leaves = images.clone().requires_grad_()
    with composite.context(copy) as hooked:
        logits = hooked(leaves)
        chosen = torch.zeros_like(logits).scatter(1, targets[:, None], 1.0)
        return torch.autograd.grad(logits, leaves, chosen * logits.detach() if from_logit else chosen)[0]


def seconds_of(work: Callable[[], object], device: str) -> float:
    """Of one call, the device's queue emptied before and after."""
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(name: str, case: Case, pairs: int, device: str) -> Row:
    """NotApplicableError where the explainer does not apply."""
    explainer = registry.build("explainers", registry.parse_call(name))
    again = ExplainAgain(explainer, case.model, case.targets, case.context)
    again(case.images)
    what, rival = rival_of(name, explainer, case)
    rival()
    taken = [(seconds_of(lambda: again(case.images), device), seconds_of(rival, device)) for _ in range(pairs)]
    own, other = (statistics.median(column) for column in zip(*taken, strict=True))
    return Row(name, what, own, other, statistics.median(one / two for one, two in taken))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="explainers; all where none is named")
    parser.add_argument("--model", default="densenet121")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    keep_freed_memory()  # as every process that explains
    case = case_of(asked.model, asked.side, asked.images, asked.device)
    rows, skipped = [], {}
    for name in asked.names or [*registry.EXPLAINERS, *EXTRA]:
        try:
            rows.append(measure(name, case, asked.pairs, asked.device))
            print(f"{name}: {rows[-1].ratio:.2f}", file=sys.stderr, flush=True)
        except NotApplicableError as error:
            skipped[name] = error.message
    if asked.json:
        setting = {"model": asked.model, "side": asked.side, "images": asked.images, "batch_size": case.size}
        print(json.dumps({**setting, "rows": [asdict(row) for row in rows], "skipped": skipped}, indent=1))
        return
    print(f"{asked.model}, {asked.images} images of {asked.side} pixels, {case.size} at once")
    for row in rows:
        print(f"{row.name:32}{row.ratio:6.2f}  {row.seconds:8.3f} s beside {row.rival_seconds:8.3f} s: {row.rival}")
    for name, reason in skipped.items():
        print(f"{name:32}  skipped: {reason}")


if __name__ == "__main__":
    main()
