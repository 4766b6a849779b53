"""What explainers make of a model before they look at an image, kept with it: made once while the model is the same.

Same are modules that print alike and weights and buffers of equal values. Values are compared, not version counters:
an edit through `.data`, as randomisation tests make them, leaves no other trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

Made = TypeVar("Made")


@dataclass(frozen=True)
class _Kept:
    """A model as it was, and what was made of it, by kind."""

    printed: str
    values: dict[str, Tensor]
    made: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, model: nn.Module) -> _Kept:
        return cls(repr(model), {name: value.detach().clone() for name, value in _values(model).items()})

    def fits(self, model: nn.Module) -> bool:
        """Whether the model is still what it was."""
        values = _values(model)
        return (
            (repr(model), values.keys()) == (self.printed, self.values.keys())
            and all((v.dtype, v.device) == (self.values[k].dtype, self.values[k].device) for k, v in values.items())
            and all(torch.equal(value, self.values[name]) for name, value in values.items())
        )


_KEPT: WeakKeyDictionary[nn.Module, _Kept] = WeakKeyDictionary()


@contextmanager
def kept(model: nn.Module, kind: str, serves: Callable[[Made], bool], make: Callable[[], Made]) -> Iterator[Made]:
    """What was made of the model, the last of its kind where it still `serves`, a new one otherwise.

    Nobody else has it meanwhile, and it is not kept after an exception inside. It may not refer to the model: it would
    keep it alive.
    """
    found = _KEPT.get(model)
    if found is None or not found.fits(model):
        found = _KEPT[model] = _Kept.of(model)
    last = found.made.pop(kind, None)
    made = last if last is not None and serves(last) else make()
    yield made
    found.made[kind] = made


def _values(model: nn.Module) -> dict[str, Tensor]:
    return dict(chain(model.named_parameters(), model.named_buffers()))
