"""Orders of values, a batch of rows at a time; several times as fast on a CPU as torch's own."""

from __future__ import annotations

import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xraybench.metrics._draws import generator

ENTRIES = 2**16  # that are worked on at once, in whole rows: they stay in the processor's cache
UPPER = 1 if sys.byteorder == "little" else 0  # the half of 64 bits that is worth more

Values = NDArray[np.floating]
Keys = NDArray[np.int32]


def places(values: Tensor, seeds: Tensor) -> Tensor:
    """Int64 [B,P]: the place of each value in its row's descending order, 0 the largest.

    Equal values take their places in an order drawn once from the row's seed.
    """
    order = ascending(-values)
    falling = values.gather(1, order)
    tied = (falling[:, 1:] == falling[:, :-1]).any(1)
    if tied.any():
        order[tied] = _drawn_order(values[tied], seeds[tied.to(seeds.device)])
    return torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )


def _drawn_order(values: Tensor, seeds: Tensor) -> Tensor:
    """Int64 [B,P]: descending, equal values in an order drawn from the row's seed."""
    drawn = [torch.randperm(values.shape[1], generator=generator("ties", seed)) for seed in seeds.tolist()]
    shuffled = torch.stack(drawn).to(values.device)
    return shuffled.gather(1, values.gather(1, shuffled).argsort(dim=1, descending=True, stable=True))


def ascending(values: Tensor) -> Tensor:
    """Int64 [B,P]: the order of each row, equal values in any order."""
    if values.device.type != "cpu":
        return values.argsort(dim=1)
    rows = values.detach().numpy()
    if not _has_keys(values):
        return torch.from_numpy(np.argsort(rows, axis=1))
    if _slow_sort():
        return torch.cat([_order_by_halves(_keys(piece.numpy())) for piece in _pieces(values)])
    return _sorted_with(_keys(rows), np.arange(rows.shape[1], dtype=np.int32))[1].long()


def rising(values: Tensor, beside: Tensor) -> tuple[Tensor, Tensor]:
    """[B,P] and int32 [B,P]: each row in ascending order, and what stands beside its values in that order.

    The first are the values, or whole numbers that rise and are equal where they do.
    """
    if _has_keys(values) and not _slow_sort():
        return _sorted_with(_keys(values.detach().numpy()), beside.numpy())
    order = ascending(values)
    return values.gather(1, order), beside.gather(1, order)


def _has_keys(values: Tensor) -> bool:
    """Whether the values are float32 on a CPU, with none undefined."""
    floats = values.device.type == "cpu" and values.dtype == torch.float32
    return floats and len(values) > 0 and not bool(values.amax().isnan())


def _keys(rows: Values) -> Keys:
    """The bits of float32: whole numbers of the same order once the lower ones of a negative float are turned round."""
    keys = (rows + np.float32(0)).view(np.int32)  # -0 becomes 0
    keys ^= (keys >> 31) & np.int32(2**31 - 1)
    return keys


def _sorted_with(keys: Keys, beside: Keys) -> tuple[Tensor, Tensor]:
    """Each key with what stands beside it below, as one whole number of 64 bits: numpy sorts these without detour."""
    both = np.empty((*keys.shape, 2), np.int32)
    both[..., UPPER], both[..., 1 - UPPER] = keys, beside
    both.view(np.int64)[..., 0].sort(axis=1)
    pairs = torch.from_numpy(both)
    return pairs[..., UPPER], pairs[..., 1 - UPPER]


def _slow_sort() -> bool:
    """With AVX-512 numpy's sort is slow on some processors, and `_order_by_halves` 2 to 3 times as fast; elsewhere that
    takes twice as long.
    """
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def _pieces(values: Tensor) -> tuple[Tensor, ...]:
    """A few rows at a time."""
    return torch.split(values.detach(), max(1, ENTRIES // values.shape[1]))


def _order_by_halves(keys: Keys) -> Tensor:
    """By the lower halves of the bits, then by the upper ones: numpy's stable sort of 16 bits is a radix sort."""
    lower = torch.from_numpy(keys.astype(np.uint16).argsort(axis=1, kind="stable"))
    upper = torch.from_numpy((keys >> 16).astype(np.int16)).gather(1, lower).numpy()
    return lower.gather(1, torch.from_numpy(upper.argsort(axis=1, kind="stable")))


def ordered(values: Tensor) -> Tensor:
    """[B,P]: the values of each row, ascending."""
    if values.device.type == "cpu" and not _slow_sort():
        return torch.from_numpy(np.sort(values.detach().numpy(), axis=1))
    return values.gather(1, ascending(values))


def largest(values: Tensor, counts: Tensor) -> Tensor:
    """[B,1]: the counts-th largest of each row [B,P]."""
    places = values.shape[1] - counts
    if values.device.type != "cpu":
        return values.sort(1).values.gather(1, places)
    rows = zip(values.detach().numpy(), places.flatten().tolist(), strict=True)
    return values.new_tensor([[np.partition(row, place)[place]] for row, place in rows])
