"""Explanations from the attention of a vision transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class AttentionRollout:
    """Attention from the class token back to the patches, through all layers: the product of (A + I) / 2, A the mean
    over heads and I for the residual sum (Abnar & Zuidema, ACL 2020, sec. 3), enlarged.

    It looks at no logit: all targets have the same map. Patches share what the class token does not keep for itself.
    """

    family: ClassVar[str] = "attention"
    class_agnostic: ClassVar[bool] = True
    signed: ClassVar[bool] = False
    needs: ClassVar[Needs] = "nothing"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """A forward."""
        return 1

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._attention import attention_layers, from_class_token, rolled_out
        from xraybench.explainers._batches import in_batches
        from xraybench.explainers._hooks import enlarged
        from xraybench.explainers._model import explained

        attention_layers(model)
        with explained(model), torch.no_grad():
            maps = in_batches(
                lambda batch, classes: from_class_token(rolled_out(model, batch)), images, targets, context.batch_size
            )
        return enlarged(maps, images)
