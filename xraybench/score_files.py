"""Scores by image: one Parquet file a metric, beside its cell's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xraybench.errors import RecordError
from xraybench.results import replacing

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

IDS = ("image_id", "patient_id")  # columns that are no numbers


def write_scores(path: Path, scores: pd.DataFrame, stamp: Mapping[str, str]) -> None:
    """Write one metric's scores (columns image_id, patient_id, value, details) with what they were made from."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(scores, preserve_index=False)
    table = table.replace_schema_metadata({f"xraybench.{key}": value for key, value in stamp.items()})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_scores(path: Path) -> pd.DataFrame:
    """One metric's scores, one row an image; RecordError where the file cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
        return frame
    except (OSError, pa.ArrowException) as error:
        raise RecordError(f"{path}: cannot be read: {error}", "remove it to have this metric computed again") from error


@dataclass(frozen=True)
class ImageScores:
    """One metric's scores as arrays [N]: ids as str, values and details, by name, float64 (NaN: undefined)."""

    image_ids: np.ndarray
    patient_ids: np.ndarray
    values: np.ndarray
    details: Mapping[str, np.ndarray] = field(default_factory=dict)


def read_values(path: Path) -> ImageScores:
    """What read_scores reads, without pandas (whose import takes a second): a board reads hundreds of these."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
        images, patients = (np.array(table[name].to_pylist(), dtype=str) for name in IDS)
        numbers = {
            name: np.array(table[name].to_pylist(), np.float64) for name in table.column_names if name not in IDS
        }
        return ImageScores(images, patients, numbers.pop("value"), numbers)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise RecordError(f"{path}: cannot be read: {error}", "remove it to have this metric computed again") from error


def scores_path(cell: Path, label: str) -> Path:
    """Where the scores of a metric lie: its label, made safe for file names."""
    safe = "".join(char if char.isalnum() or char in "-_.=," else "_" for char in label)
    return cell / "scores" / f"{safe}.parquet"
