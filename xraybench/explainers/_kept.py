"""The copies that relevance is propagated through, each kept with its model: prepared once while the model is the same.

Same are modules that print alike and weights and buffers of equal values. Values are compared, not version counters:
an edit through `.data`, as randomisation tests make them, leaves no other trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from xraybench.explainers._copy import with_hooks_of
from xraybench.explainers._relevance import prepared


@dataclass(frozen=True)
class _Kept:
    """A prepared copy, and what it was made of."""

    copy: nn.Module
    bn: str
    printed: str
    values: dict[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module, bn: str) -> _Kept:
        values = {name: value.detach().clone() for name, value in _values(model).items()}
        return cls(prepared(model, bn), bn, repr(model), values)

    def fits(self, model: nn.Module, bn: str) -> bool:
        """Whether a copy made now would be the same."""
        values = _values(model)
        return (
            (bn, repr(model), values.keys()) == (self.bn, self.printed, self.values.keys())
            and all((v.dtype, v.device) == (self.values[k].dtype, self.values[k].device) for k, v in values.items())
            and all(torch.equal(value, self.values[name]) for name, value in values.items())
        )


_KEPT: WeakKeyDictionary[nn.Module, _Kept] = WeakKeyDictionary()


@contextmanager
def kept(model: nn.Module, bn: str) -> Iterator[nn.Module]:
    """The model's prepared copy, with the hooks that the model as a whole has now.

    Nobody else has it meanwhile, and it is not kept after an exception inside. NotApplicableError as `prepared`.
    """
    found = _KEPT.pop(model, None)
    if found is None or not found.fits(model, bn):
        found = _Kept.of(model, bn)
    yield with_hooks_of(model, found.copy)
    with_hooks_of(nn.Module(), found.copy)
    _KEPT[model] = found


def _values(model: nn.Module) -> dict[str, Tensor]:
    return dict(chain(model.named_parameters(), model.named_buffers()))
