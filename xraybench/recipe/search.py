"""Randomised search of hyper-parameters (Bergstra & Bengio, JMLR 2012): recipes drawn from the values a stage lists."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError as PydanticError
from sklearn.model_selection import ParameterSampler

from xraybench.errors import TaskFileError
from xraybench.tasks import Stage


@dataclass(frozen=True)
class Draw:
    """One drawn recipe: the values drawn, by field, and the stage that they make."""

    values: dict[str, Any]
    stage: Stage


def draws_of(stage: Stage, seed: int) -> list[Draw]:
    """`search_draws` recipes without repeats (all, where there are fewer); TaskFileError where one is no recipe."""
    combinations = math.prod(map(len, stage.search.values()))
    sampler = ParameterSampler(stage.search, n_iter=min(stage.search_draws, combinations), random_state=seed % 2**32)
    return [_draw(stage, values) for values in sampler]


def _draw(stage: Stage, values: dict[str, Any]) -> Draw:
    plain = stage.model_dump(exclude_unset=True, exclude={"search", "search_draws"})
    try:
        return Draw(values, Stage.model_validate(plain | values))
    except PydanticError as error:
        message = f"search draws {values}: {error.errors()[0]['msg']}"
        raise TaskFileError(message, "list only values that the field takes") from error
