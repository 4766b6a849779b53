"""DeepLIFT: contributions to the difference of the logit from a baseline's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import NotApplicableError, UsageError
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_INCOMPLETE = 0.01  # relative completeness error above which a map is refused


@dataclass(frozen=True)
class DeepLift:
    """(x - baseline) times the rescale multipliers (Shrikumar et al., ICML 2017).

    Contributions must sum to f(x) - f(baseline); where they miss it by more than 1 % (a nonlinearity without a rule,
    such as softmax attention) the method does not apply, and says so.
    """

    family: ClassVar[str] = "gradient"
    contrasting: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 3

    def cost(self, image_size: int) -> int:
        """A forward and a backward (and one forward of the baseline while the model stays the same)."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._model import explained
        from xraybench.explainers._rescale import rescaled

        baseline = context.baseline.to(images)
        maps, changes = [], []
        with explained(model), rescaled(model, baseline) as logits:
            for batch, classes in _pairs(images, targets, context.batch_size):
                multipliers, values = _multipliers(model, batch, classes)
                maps.append(((batch - baseline) * multipliers).sum(1))
                changes.append(values - logits[classes])
        result = torch.cat(maps)
        _refuse_incomplete(result, torch.cat(changes), logits)
        return result

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from f(x) - f(baseline), relative."""
        from xraybench.explainers._notes import completeness_error

        error = completeness_error(model, images, targets, context.baseline[None], context.batch_size, maps)
        return {"completeness_error": error}


@dataclass(frozen=True)
class DeepLiftShap:
    """The mean of DeepLIFT over training images as baselines (Lundberg & Lee, NeurIPS 2017, sec. 4.2).

    baselines: of the context's background, the first so many. Contributions sum to f(x) - mean f(baselines).
    """

    baselines: int = 8
    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 3

    def __post_init__(self) -> None:
        if self.baselines < 1:
            raise UsageError(f"deepliftshap with baselines={self.baselines}", "at least one baseline")

    def cost(self, image_size: int) -> int:
        """DeepLIFT's for each baseline, as far as the background has so many."""
        return 3 * self.baselines

    def baseline_name(self, context: Context) -> str:
        """Training images, as many as the background has of those asked for."""
        return f"{len(context.background[: self.baselines])} training images"

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        each = [
            DeepLift()(model, images, targets, replace(context, baseline=baseline))
            for baseline in context.background[: self.baselines]
        ]
        return torch.stack(each).mean(0)

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from f(x) - mean f(baselines), relative."""
        from xraybench.explainers._notes import completeness_error

        references = context.background[: self.baselines]
        error = completeness_error(model, images, targets, references, context.batch_size, maps)
        return {"completeness_error": error}


def _pairs(images: Tensor, targets: Tensor, size: int) -> zip[tuple[Tensor, Tensor]]:
    import torch

    return zip(torch.split(images, size), torch.split(targets, size), strict=True)


def _multipliers(model: nn.Module, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Multipliers [B,C,H,W] and the explained logits [B]."""
    import torch

    from xraybench.explainers._model import target_logits

    leaves = images.detach().clone().requires_grad_()
    values = target_logits(model, leaves, targets)
    (multipliers,) = torch.autograd.grad(values.sum(), leaves)
    return multipliers, values.detach()


def _refuse_incomplete(maps: Tensor, changes: Tensor, logits: Tensor) -> None:
    error = (maps.flatten(1).sum(1) - changes).abs().mean()
    rounding = 1e-5 * (logits.abs().max() + changes.abs().mean())
    if error > MOST_INCOMPLETE * changes.abs().mean() + rounding:
        share = float(error / changes.abs().mean())
        raise NotApplicableError(f"DeepLIFT's contributions miss the logit's difference by {share:.0%} on this model")
