"""Layer-wise relevance propagation (Bach et al., PLOS ONE 2015), each composite of rules a method of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from xraybench.errors import UsageError
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn


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
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.bn not in ("canonised", "pass"):
            raise UsageError(f"bn={self.bn!r} is no treatment of BatchNorm", "it is canonised or pass")

    def cost(self, image_size: int) -> int:
        """A forward and a backward of the canonised copy (the rules compute each layer anew on the way back)."""
        return 3

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from the logit, relative."""
        from xraybench.explainers._notes import conservation_error

        return {"conservation_error": conservation_error(model, images, targets, context.batch_size, maps)}


@dataclass(frozen=True)
class EpsilonPlusFlat(_Lrp):
    """Epsilon in linear layers, z+ in convolutions, flat in the first (Lapuschkin et al., Nature Communications 2019).

    epsilon: of the epsilon rule. Where the first layer is fully connected the flat rule says nothing: not applicable.
    """

    epsilon: float = 1e-6

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import epsilon_plus_flat, prepared, refuse_flat, relevance

        refuse_flat(model)
        composite = epsilon_plus_flat(self.epsilon, self.stabilizer)
        return relevance(prepared(model, self.bn), composite, images, targets, context.batch_size).sum(1)


@dataclass(frozen=True)
class DeepTaylor(_Lrp):
    """z+ in every layer, z-box in the first, within the input's bounds (Montavon et al., Pattern Recognition 2017)."""

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._relevance import deep_taylor, prepared, relevance

        composite = deep_taylor(context.low.to(images), context.high.to(images), images.shape[2:], self.stabilizer)
        return relevance(prepared(model, self.bn), composite, images, targets, context.batch_size).sum(1)
