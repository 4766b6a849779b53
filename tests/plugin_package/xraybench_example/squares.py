"""A source for xraybench: all that a third party writes for computed images with a known finding."""

from typing import ClassVar

import numpy as np
import pandas as pd

from xraybench.spec import About, opens

SIDE, SPLITS = 32, ("train", "train", "validation", "test")


class Squares:
    """Noise, with a bright square on every other image."""

    name: ClassVar[str] = "squares"
    about: ClassVar[About] = About("Squares", "CC0", "computed; no patients", "computed where it is used")
    phantom: ClassVar[bool] = True
    redistributable: ClassVar[bool] = True
    offers: ClassVar[frozenset] = frozenset({"finding"})

    def identity(self):
        return {"source": self.name, "version": 1}

    def index(self):
        names = [f"squares-{number:03d}" for number in range(64)]
        split = [SPLITS[number // 2 % 4] for number in range(64)]
        table = {"image_id": names, "patient_id": names, "study_id": names, "path": "", "split": split, "view": ""}
        return pd.DataFrame({**table, "site": "", "square": [number % 2 for number in range(64)]})

    def image(self, row):
        noise = np.random.default_rng(int(row["image_id"][-3:])).random((SIDE, SIDE), np.float32) / 2
        return np.where(self.regions(row)["finding"], np.float32(1), noise)

    def regions(self, row):
        finding = np.zeros((SIDE, SIDE), bool)
        finding[8:16, 8:16] = row["square"]
        return {"finding": finding}

    def twin(self, row):
        return None


@opens(Squares)
def open_source(root, settings):
    return Squares()
