"""Layer-wise relevance propagation (Bach et al., PLOS ONE 2015), each composite of rules a method of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from xraybench.errors import UsageError
from xraybench.registry import parameters_of
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn

FLOORED = ("epsilon", "stabilizer", "beta_smooth")  # above 0: what divisors hold, and how sharp a smooth ReLU is


def check_rules(parameters: Mapping[str, Any]) -> None:
    """UsageError where a rule's number would divide by 0, or turn the sign of a share round."""
    for name in FLOORED:
        if name in parameters and parameters[name] <= 0:
            raise UsageError(f"{name}={parameters[name]}", f"{name} lies above 0")
    if parameters.get("gamma", 0) < 0:
        raise UsageError(f"gamma={parameters['gamma']}", "gamma is 0 (no preference) or more")


@dataclass(frozen=True)
class _Lrp:
    """What the methods share. bn: `canonised` folds BatchNorms into their neighbours (gain and shift count), `pass`
    hands relevance through them unchanged. stabilizer: added to denominators, with their sign.
    """

    bn: Literal["canonised", "pass"] = "canonised"
    stabilizer: float = 1e-6
    family: ClassVar[str] = "lrp"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.bn not in ("canonised", "pass"):
            raise UsageError(f"bn={self.bn!r} is no treatment of BatchNorm", "it is canonised or pass")
        check_rules(parameters_of(self))

    def cost(self, image_size: int) -> int:
        """A forward and a backward of the canonised copy (the rules compute each layer anew on the way back)."""
        return 3

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from the logit, relative."""
        from xraybench.explainers._notes import conservation_error

        return {"conservation_error": conservation_error(model, images, targets, context.batch_size, maps)}


def _propagated(
    method: _Lrp, composite: Any, model: nn.Module, images: Tensor, targets: Tensor, context: Context
) -> Tensor:
    """Maps [B,H,W] of the logit's relevance, colours summed."""
    from xraybench.explainers._relevance import prepared_once, relevance

    with prepared_once(model, method.bn) as copy:
        return relevance(copy, composite, images, targets, context.batch_size).sum(1)


@dataclass(frozen=True)
class EpsilonPlusFlat(_Lrp):
    """Epsilon in linear layers, z+ in convolutions, flat in the first (Lapuschkin et al., Nature Communications 2019).

    epsilon: of the epsilon rule. Where the first layer is fully connected the flat rule says nothing: not applicable.
    """

    epsilon: float = 1e-6

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import epsilon_plus_flat, refuse_flat

        refuse_flat(model)
        return _propagated(self, epsilon_plus_flat(self.epsilon, self.stabilizer), model, images, targets, context)


@dataclass(frozen=True)
class LrpZ(_Lrp):
    """The basic rule in every layer: each input's share of its neuron's sum (Bach et al. 2015, eq. 56; LRP-0).

    In exact arithmetic it is gradient times input for networks of ReLUs without biases; where a sum is near 0 its
    shares are huge, and cancel: in deep networks with BatchNorm, folded or passed, they explode.
    """

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import everywhere_epsilon

        return _propagated(self, everywhere_epsilon(self.stabilizer, self.stabilizer), model, images, targets, context)


@dataclass(frozen=True)
class LrpEpsilon(_Lrp):
    """The basic rule with epsilon added to every sum, which absorbs weak and contradictory shares (Bach et al. 2015,
    eq. 58).
    """

    epsilon: float = 0.25

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import everywhere_epsilon

        return _propagated(self, everywhere_epsilon(self.epsilon, self.stabilizer), model, images, targets, context)


@dataclass(frozen=True)
class LrpAlpha2Beta1(_Lrp):
    """Twice the shares of activating contributions less once those of inhibiting ones (Bach et al. 2015, eq. 60)."""

    alpha: ClassVar[float] = 2.0
    beta: ClassVar[float] = 1.0

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import everywhere_alpha_beta

        composite = everywhere_alpha_beta(self.alpha, self.beta, self.stabilizer)
        return _propagated(self, composite, model, images, targets, context)


@dataclass(frozen=True)
class LrpAlpha1Beta0(LrpAlpha2Beta1):
    """The shares of activating contributions alone (Bach et al. 2015, eq. 60; z+ where activations are positive)."""

    alpha: ClassVar[float] = 1.0
    beta: ClassVar[float] = 0.0


@dataclass(frozen=True)
class EpsilonGammaBox(_Lrp):
    """Epsilon in linear layers, gamma in convolutions, z-box in the first layer (Montavon et al. 2019, sec. 10.3).

    gamma: how much positive contributions are favoured (by the generalised rule for inputs of both signs, whose shares
    may cancel: see the error noted).
    """

    epsilon: float = 1e-6
    gamma: float = 0.25

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import epsilon_gamma_box

        low, high = context.low.to(images), context.high.to(images)
        composite = epsilon_gamma_box(self.epsilon, self.gamma, low, high, images.shape[2:], self.stabilizer)
        return _propagated(self, composite, model, images, targets, context)


@dataclass(frozen=True)
class ExcitationBackprop(_Lrp):
    """Winning probabilities handed down by activating contributions, from one (Zhang et al., IJCV 2018, eq. 5): by
    positive weights where inputs are positive, as after every ReLU; below 0, as pixels may be, by negative ones. What a
    map holds does not depend on the logit's size.

    Negative only where a mean or a sum is taken of values that are (DenseNet pools convolutions before a ReLU): these
    hand down in proportion to their inputs.
    """

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import everywhere_alpha_beta, prepared_once, relevance

        composite = everywhere_alpha_beta(1.0, 0.0, self.stabilizer)
        with prepared_once(model, self.bn) as copy:
            return relevance(copy, composite, images, targets, context.batch_size, start="one").sum(1)

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from the one that it starts from."""
        return {"conservation_error": float((maps.flatten(1).sum(1) - 1).abs().mean())}


@dataclass(frozen=True)
class DeepTaylor(_Lrp):
    """z+ in every layer, z-box in the first, within the input's bounds (Montavon et al., Pattern Recognition 2017)."""

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import deep_taylor

        composite = deep_taylor(context.low.to(images), context.high.to(images), images.shape[2:], self.stabilizer)
        return _propagated(self, composite, model, images, targets, context)
