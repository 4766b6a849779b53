"""The index of a data set of digits: one label a class, each image its own patient."""

from __future__ import annotations

import numpy as np
import pandas as pd


def digit_table(digits: np.ndarray, split: np.ndarray) -> pd.DataFrame:
    """digits: int [N] of 0..9; split: str [N]. Ids are the positions in the data set, counted within a split's file."""
    positions = np.arange(len(digits))
    ids = [f"{position:05d}" for position in positions]
    table = pd.DataFrame(
        {
            "image_id": ids,
            "patient_id": ids,
            "study_id": ids,
            "path": "",
            "split": split,
            "view": "",
            "site": "",
            "position": positions,
        }
    )
    return table.assign(**{str(digit): (digits == digit).astype(int) for digit in range(10)})
