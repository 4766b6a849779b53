"""Which logits are explained: `predicted`, a label by name, or an output by number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xraybench import registry
from xraybench.errors import UsageError
from xraybench.tasks import Task

PREDICTED = "predicted"


def outputs_of(task: Task) -> list[str]:
    """The label behind each logit."""
    return task.labels[: task.num_outputs]


def targets_of(asked: Sequence[str], task: Task, logits: NDArray[np.float64]) -> list[int]:
    """Numbers of the logits [K] of one image that are explained, in the order asked for, none twice."""
    named = [int(np.argmax(logits)) if text == PREDICTED else _number(text, task) for text in asked]
    return list(dict.fromkeys(named))


def check_targets(asked: Sequence[str], task: Task) -> None:
    """UsageError where one of them is no output of this task."""
    for text in asked:
        if text != PREDICTED:
            _number(text, task)


def _number(text: str, task: Task) -> int:
    outputs = {label.lower(): number for number, label in enumerate(outputs_of(task))}
    if text.lower() in outputs:  # a label first: those of digits are numbers too
        return outputs[text.lower()]
    if text.removeprefix("-").isdecimal():
        if 0 <= int(text) < task.num_outputs:
            return int(text)
        last = task.num_outputs - 1
        raise UsageError(f"there is no logit {text}", f"this task has 0 to {last}: {', '.join(outputs)}")
    return registry.near(text.lower(), {PREDICTED: 0, **outputs}, "label of this task")


def probabilities(task: Task, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over exclusive classes, else the sigmoid of each logit: [K]. Not calibrated."""
    if task.kind == "multi-class":
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum())
    return np.asarray(1 / (1 + np.exp(-logits)))
