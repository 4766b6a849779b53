"""Processes that train one model together, each a part of every batch (started by torchrun)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from xraybench.recipe.watching import Entry, Tally

Batch = tuple[Tensor, Tensor]  # images and labels


@dataclass(frozen=True)
class Team:
    """This process's place among `size` processes; the first one leads: it measures and writes."""

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> Team:
        """The process group that this process is of, else a team of one."""
        if not distributed.is_initialized():
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this process is the first."""
        return self.rank == 0

    def part(self, batch: Batch) -> tuple[Batch, bool]:
        """This process's part of a batch, and whether it counts: with fewer images than processes some do not."""
        if self.size == 1:
            return batch, True
        images, labels = (whole.tensor_split(self.size)[self.rank] for whole in batch)
        return ((images, labels), True) if len(labels) else ((batch[0][:1], batch[1][:1]), False)

    def joined(self, model: nn.Module) -> nn.Module:
        """The model as its forward pass is called: gradients are the mean over the processes'."""
        return DistributedDataParallel(model) if self.size > 1 else model

    def apart(self, model: nn.Module) -> AbstractContextManager[None]:
        """While gradients are only added up: no process waits for another."""
        return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()

    def settle(self, model: nn.Module, tally: Tally) -> None:
        """Before measuring: the leader's batch statistics everywhere, the sums of all processes in the tally."""
        if self.size > 1:
            for buffer in model.buffers():
                distributed.broadcast(buffer, 0)
            device = next(model.parameters()).device
            for one in fields(tally):
                total = torch.as_tensor(getattr(tally, one.name), dtype=torch.float64, device=device)
                distributed.all_reduce(total)
                setattr(tally, one.name, int(total) if one.name == "images" else total)

    def told(self, entry: Entry, device: torch.device) -> Entry:
        """The leader's measurements, so that all processes decide alike."""
        if self.size == 1:
            return entry
        values = torch.tensor([*entry.values()], dtype=torch.float64, device=device)
        distributed.broadcast(values, 0)
        return dict(zip(entry, values.tolist(), strict=True))

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()
