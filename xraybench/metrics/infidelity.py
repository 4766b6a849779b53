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
    """min over b >= 0 of E[(b I.a - (f(x) - f(x - I)))^2] / E[(f(x) - f(x - I))^2]; I = x - x with a subset replaced.

    The best scale b is the paper's own way of comparing maps of different units. That it is not negative is ours: a map
    of the opposite sign explains the opposite, and must not score the same. So is the division by the mean squared
    change, which makes images of different logits comparable. Maps [B,H,W] (I summed over channels, subsets random);
    range 0 to 1, lower is better: 0 where the map predicts every change, 1 where no positive multiple of it is nearer
    to the changes than 0 is. Changes are not centred: a random map whose sum has the right sign for an image foretells
    a part of their mean there, and scores below 1, so compare with the random reference map, not with 1. NaN where the
    output never moves. The map multiplies the *change*: it is judged as a gradient is; maps that are already
    contributions are at a disadvantage here, and at an advantage in `faithfulness-correlation`; a mask of the finding,
    which knows the place but no sign, can do worse than random maps.

    share: of the patches that a perturbation replaces.
    """

    share: float = 0.25

    higher_is_better: ClassVar[bool | None] = False
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = "Yeh et al., On the (in)fidelity and sensitivity of explanations, NeurIPS 2019 (eq. 1)"
    version: ClassVar[int] = 2  # b no longer negative

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The probes of one share."""
        return self.probes_cost(self.share)

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._probes import drops, predicted

        change, foretold = drops(evidence, self, self.share), predicted(evidence, self, self.share)
        power = foretold.square().sum(1)
        scale = ((foretold * change).sum(1) / power.masked_fill(power == 0, 1.0)).clamp(min=0)
        moved = change.square().sum(1)
        left = (scale[:, None] * foretold - change).square().sum(1) / moved.masked_fill(moved == 0, float("nan"))
        return left.clamp(0, 1).masked_fill(undefined(evidence.maps), float("nan"))
