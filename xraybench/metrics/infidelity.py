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
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._probes import drops, predicted

        change, foretold = drops(evidence, self, self.share), predicted(evidence, self, self.share)
        power = foretold.square().sum(1)
        scale = (foretold * change).sum(1) / power.masked_fill(power == 0, 1.0)
        moved = change.square().sum(1)
        left = (scale[:, None] * foretold - change).square().sum(1) / moved.masked_fill(moved == 0, float("nan"))
        return left.clamp(0, 1).masked_fill(undefined(evidence.maps), float("nan"))
