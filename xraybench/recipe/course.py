"""Where the training of a stage stands: all that its next step depends on, and what of it a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from xraybench.recipe.optimise import optimizer_of, schedule_of
from xraybench.recipe.watching import Entry, Tally, Watch, watched
from xraybench.tasks import Stage


@dataclass
class Course:
    """A model on its way through `steps` optimiser steps, of which `step` are done.

    order: the state that the generator of orders and augmentations had when the epoch began; an epoch that was
    interrupted draws its batches again from there, and goes on with the one it had come to.
    """

    model: nn.Module
    stage: Stage
    steps: int
    per_epoch: int
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    watch: Watch
    order: Tensor
    step: int = 0
    tally: Tally = field(default_factory=Tally)
    history: list[Entry] = field(default_factory=list)

    @classmethod
    def begin(cls, model: nn.Module, stage: Stage, images: int, generator: torch.Generator) -> Course:
        """Before the first step of a stage on so many training images."""
        per_epoch = -(-images // stage.batch_size)
        steps = stage.iterations or (stage.epochs or 0) * per_epoch
        optimizer = optimizer_of(model, stage)
        schedule = schedule_of(optimizer, stage, steps)
        return cls(model, stage, steps, per_epoch, optimizer, schedule, Watch(stage), generator.get_state())

    @property
    def epoch(self) -> int:
        """The number of the epoch that goes on, from 1."""
        return len(self.history) + 1

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.watch.stop or self.step >= self.steps

    @property
    def skipped(self) -> int:
        """Batches of the epoch that are done."""
        return self.step - len(self.history) * self.per_epoch

    @property
    def ahead(self) -> int:
        """Batches of the epoch that are left."""
        return min(self.steps, self.epoch * self.per_epoch) - self.step

    def take_step(self) -> None:
        """The optimiser's step on the gradients that are there."""
        self.optimizer.step()
        if not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()
        self.step += 1

    def end_epoch(self, entry: Entry, generator: torch.Generator) -> None:
        """Take note of what was measured; the next epoch's order goes on from the generator's state."""
        self.history.append(entry)
        self.watch.see(self.model, entry)
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(watched(self.stage, entry))
        self.order, self.tally = generator.get_state(), Tally()

    def state(self) -> dict[str, Any]:
        """All of it, and what dropout draws from next."""
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "watch": self.watch.state(),
            "tally": vars(self.tally),
            "history": self.history,
            "order": self.order,
            "step": self.step,
            "random": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        device = next(self.model.parameters()).device
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.watch.resume(state["watch"], device)
        self.tally = Tally(**{name: _on(device, value) for name, value in state["tally"].items()})
        self.history, self.order, self.step = state["history"], state["order"], state["step"]
        torch.set_rng_state(state["random"])
        if state["cuda"] is not None and device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"])


def _on(device: torch.device, value: Any) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value
