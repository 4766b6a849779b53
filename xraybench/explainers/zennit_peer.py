"""Any of zennit's composites, named directly: `zennit:EpsilonGammaBox(gamma=0.25)`.

zennit's own defaults hold; `low` and `high` come from the context; `bn` says how BatchNorm is treated (see lrp.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from xraybench.explainers.lrp import check_rules
from xraybench.parameters import check_value
from xraybench.registry import near
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn

RULES: Mapping[str, Any] = {"epsilon": 1e-6, "stabilizer": 1e-6, "zero_params": None, "bn": "canonised"}
COMPOSITES: Mapping[str, Mapping[str, Any]] = {
    "EpsilonGammaBox": {**RULES, "gamma": 0.25},
    "EpsilonPlus": RULES,
    "EpsilonPlusFlat": RULES,
    "EpsilonAlpha2Beta1": RULES,
    "EpsilonAlpha2Beta1Flat": RULES,
    "ExcitationBackprop": {"stabilizer": 1e-6, "zero_params": None, "bn": "canonised"},
    "DeconvNet": {},
    "GuidedBackprop": {},
    "BetaSmooth": {"beta_smooth": 10.0, "zero_params": None},
}
TYPES: Mapping[str, Any] = {  # of parameters whose default does not tell
    "zero_params": Literal["weight", "bias"] | list[Literal["weight", "bias"]],
    "bn": Literal["canonised", "pass"],
}


@dataclass(frozen=True)
class Zennit:
    """One of zennit's composites with its parameters, as pairs of name and value."""

    composite: str
    parameters: tuple[tuple[str, Any], ...] = ()
    family: ClassVar[str] = "zennit"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        known = near(self.composite, COMPOSITES, "composite of zennit")
        for name, value in self.parameters:
            default = near(name, known, f"parameter of zennit:{self.composite}")
            check_value(f"zennit:{self.composite}", name, value, TYPES.get(name, type(default)))
        check_rules(dict(self.parameters))

    @property
    def settings(self) -> dict[str, Any]:
        """All parameters, defaults included."""
        return {**COMPOSITES[self.composite], **dict(self.parameters)}

    def cost(self, image_size: int) -> int:
        """A forward and a backward of the copy (the rules compute each layer anew on the way back)."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._zennit import propagated

        return propagated(self.composite, self.settings, model, images, targets, context)

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from the logit, relative, where relevance starts from it: not of changed gradients.

        Biases take their share unless told not to (zero_params=bias).
        """
        from xraybench.explainers._notes import conservation_error

        if "bn" not in COMPOSITES[self.composite]:
            return {}
        return {"conservation_error": conservation_error(model, images, targets, context.batch_size, maps)}
