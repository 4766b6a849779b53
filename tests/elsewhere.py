"""A device other than the CPU, pretended: it computes what the CPU computes, and refuses what a GPU refuses.

Refused are operations on tensors of two devices (numbers and, as a GPU takes them, the CPU's indices aside), random
draws there from the CPU's generators, and numpy. What depends on `is_cuda`, on memory or on rounding is not pretended:
tests marked gpu are for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

ELSEWHERE = torch.device("meta")  # of the names that torch knows, one for which it looks for no driver
CPU = torch.device("cpu")
aten = torch.ops.aten
ACROSS = (aten._to_copy.default, aten.copy_.default)  # between devices
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)


class There(Tensor):
    """A tensor of that device; `held` has its values."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> There:
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        return Tensor._make_wrapper_subclass(cls, held.size(), **layout, device=CPU, dispatch_device=True)

    def __init__(self, held: Tensor) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"There({self.held})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        made = There(self.held.clone())
        memo[id(self)] = nn.Parameter(made, self.requires_grad) if isinstance(self, nn.Parameter) else made
        return memo[id(self)]

    def numpy(self, *arguments: Any, **named: Any) -> Any:
        raise TypeError("numpy reads the CPU's memory")

    __array__ = numpy

    def tolist(self) -> Any:
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


class _Constructors(TorchFunctionMode):
    """What torch makes of Python's lists, before any operation is dispatched."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and _asked(named) == ELSEWHERE:
            return There(func(*args, **{**named, "device": CPU}))
        if func is Tensor.new_tensor and isinstance(args[0], There):
            return There(args[0].held.new_tensor(*args[1:], **named))
        if func is Tensor.__getitem__ and isinstance(args[1], list):
            return args[0][torch.tensor(args[1])]
        return func(*args, **named)


def _without_inference_mode() -> AbstractContextManager[Any]:
    """No gradients instead: torch makes no views, in that mode, of such a tensor made outside of it."""
    return patch.object(torch._C, "_InferenceMode", lambda mode: torch.no_grad() if mode else nullcontext())


def _without_autocast() -> AbstractContextManager[Any]:
    """Full precision there, as torch knows no other for its name."""
    known = torch.autocast

    def autocast(device: str, *arguments: Any, **named: Any) -> AbstractContextManager[Any]:
        return nullcontext() if device == ELSEWHERE.type else known(device, *arguments, **named)

    return patch.object(torch, "autocast", autocast)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Within it, `.to(ELSEWHERE)` moves tensors and modules there, and `.cpu()` back."""
    overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # a module's `to` makes new parameters
    try:
        with _Dispatch(), _Constructors(), _without_inference_mode(), _without_autocast():
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(overwrites)


def _asked(named: Mapping[str, Any]) -> torch.device | None:
    return None if named.get("device") is None else torch.device(named["device"])


def computed(func: Any, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """An operation's result, of the device that it belongs to."""
    if func is torch.ops.prim.device.default:
        return ELSEWHERE
    tensors = [leaf for leaf in tree_leaves((args, named)) if isinstance(leaf, Tensor)]
    there, asked = any(isinstance(tensor, There) for tensor in tensors), _asked(named)
    if there and func not in ACROSS:
        _refuse_two_devices(func, args, tensors)
    if asked == ELSEWHERE and named.get("generator") is not None:
        raise RuntimeError(f"{func}: a generator of the CPU draws nothing elsewhere")
    values = tree_map_only(There, lambda tensor: tensor.held, (tuple(args), dict(named)))
    result = func(*values[0], **values[1] | ({} if asked is None else {"device": CPU}))
    if func is aten.copy_.default:
        return args[0]
    if asked == CPU or not (there or asked == ELSEWHERE):
        return result
    moved = tree_map_only(Tensor, There, result)
    return return_and_correct_aliasing(func, args, named, moved) if there else moved


def _refuse_two_devices(func: Any, args: Sequence[Any], tensors: Sequence[Tensor]) -> None:
    indices = tree_leaves(args[1]) if func in INDEXED and isinstance(args[0], There) else []
    here = [tensor for tensor in tensors if not isinstance(tensor, There) and tensor.dim()]
    if any(all(tensor is not index for index in indices) for tensor in here):
        raise RuntimeError(f"{func}: tensors of two devices")
