"""The pairs of models that a task file names. A pair belongs to every preset that trains both of its models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field


class _Pairing(BaseModel):
    """Base of all pairs: an unknown key is an error, and so is a value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    @abstractmethod
    def names(self) -> tuple[str, str]:
        """Both models, the first named first."""

    def within(self, models: Iterable[str]) -> bool:
        """Whether both are among these."""
        return set(self.names) <= set(models)


class SimilarityPair(_Pairing):
    """Two models whose layers are compared at the end of every run that trains both."""

    models: tuple[str, str] = Field(strict=False)  # written as a list
    images: int = Field(default=2000, ge=10)  # at most so many validation images
    grid: int = Field(default=4, gt=0)  # positions a side that count as samples

    @property
    def names(self) -> tuple[str, str]:
        """Both models."""
        return self.models


class ShortcutPair(_Pairing):
    """A model that learnt to read a mark that tells nothing, and one of the same recipe that did not."""

    shortcut: str
    clean: str
    region: str = "text"  # where the mark is

    @property
    def names(self) -> tuple[str, str]:
        """The model that reads the mark first."""
        return self.shortcut, self.clean
