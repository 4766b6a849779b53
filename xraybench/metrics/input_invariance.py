"""Is the map the same for a model that does the same on inputs shifted by a constant?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class InputInvariance(ReExplaining):
    """||map of g at x + c - map of f at x|| / ||map of f at x||, Euclidean, where g(y) = f(y - c).

    Both models give the same outputs, and the same gradients, at matching inputs; a map that differs depends on where
    the input's zero lies, such as gradient times input. A method's baseline stays where it was: one that compares with
    a fixed image, too, depends on the input's zero. Maps [B,H,W]; 0 or more, lower is better; NaN where the map is all
    zero.

    shift: c, in the model's input units (inputs are normalised to mean 0 and deviation 1 over the training images).
    """

    shift: float = 1.0

    family: ClassVar[str] = "axiomatic"
    higher_is_better: ClassVar[bool | None] = False
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    reference: ClassVar[str] = "Kindermans et al., The (un)reliability of saliency methods, 2017 (section 2)"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"explain"})
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shift == 0:
            raise UsageError(f"shift={self.shift}", "inputs that are not shifted test nothing")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One explanation."""
        return {f"explanation of shifted inputs ({self.shift})": explainer_cost}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._explain import explainer_of
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._perturbed import norm

        explain, maps = explainer_of(evidence), evidence.maps.double()
        found = explain(evidence.images + self.shift, _undoing(evidence.model, self.shift)).double()
        length = norm(maps)
        unclear = (length == 0) | undefined(maps) | undefined(found)
        return (norm(found - maps) / length).masked_fill(unclear, float("nan"))


def _undoing(model: nn.Module, shift: float) -> nn.Module:
    """A copy of the model that first takes the shift away again."""
    from xraybench.metrics._randomise import copied

    def undo(_module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0] - shift, *inputs[1:])

    changed = copied(model)
    changed.register_forward_pre_hook(undo)
    return changed
