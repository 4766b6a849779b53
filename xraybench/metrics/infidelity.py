"""How far is the map, taken as a linear model of the output, from what perturbations do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._subsets import Subsets
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Infidelity(Subsets):
    """min over b of E[(b I.a - (f(x) - f(x - I)))^2] / E[(f(x) - f(x - I))^2]; I = x - x with a random subset replaced.

    The best scale b is the paper's own way of comparing maps of different units; the division by the mean squared
    change, ours, makes images of different logits comparable. Maps [B,H,W] (I summed over channels); range 0 to 1,
    lower is better: 0 where the map predicts every change, 1 for a map that predicts none. NaN where the output never
    moves. The map multiplies the *change*: it is judged as a gradient is; maps that are already contributions are at a
    disadvantage here, and at an advantage in `faithfulness-correlation`.

    share: of the patches that a perturbation replaces.
    """

    share: float = 0.25

    higher_is_better: ClassVar[bool | None] = False
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = "Yeh et al., On the (in)fidelity and sensitivity of explanations, NeurIPS 2019 (eq. 1)"

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The probes of one share."""
        return self.probes_cost(self.share)

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch

        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._probes import drops

        change = drops(evidence, self, self.share)
        predicted = torch.stack([self._predicted(evidence, draw) for draw in range(self.draws)], 1)
        power = predicted.square().sum(1)
        scale = (predicted * change).sum(1) / power.masked_fill(power == 0, 1.0)
        moved = change.square().sum(1)
        left = (scale[:, None] * predicted - change).square().sum(1) / moved.masked_fill(moved == 0, float("nan"))
        return left.clamp(0, 1).masked_fill(undefined(evidence.maps), float("nan"))

    def _predicted(self, evidence: Evidence, draw: int) -> Tensor:
        """Float64 [B]: I.a of one draw."""
        import torch

        from xraybench.metrics._imputers import IMPUTERS
        from xraybench.metrics._probes import subsets

        rows = torch.arange(len(evidence.maps), device=evidence.maps.device)
        removed = subsets(evidence, self, self.share, slice(draw, draw + 1))
        change = (evidence.images - IMPUTERS[self.imputer](evidence)(rows, ~removed)).double().sum(1)
        return (change * evidence.maps.double()).flatten(1).sum(1)
