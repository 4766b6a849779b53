"""The real table of 20,327 rows, real 16-bit wrists and real YOLO files; what is wrong with a folder is said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xraybench.data.sources.grazpedwri import Grazpedwri
from xraybench.errors import DataError, UsageError

SHARED = Path(__file__).parents[3] / "../shared/data/grazpedwri"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data at {SHARED}")


@needs_shared
def test_the_real_table_has_the_official_counts():
    source = Grazpedwri(SHARED, {})
    index = source.index()
    assert len(index) == source.about.official["images"]
    assert index["patient_id"].nunique() == source.about.official["patients"]
    assert (index["fracture"] == 1).sum() == source.about.official["fracture=1"]
    assert set(index["view"]) == {"PA", "lateral", "oblique"}
    shares = index["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.8, abs=0.01)
    assert index.groupby("patient_id")["split"].nunique().max() == 1
    by_split = index.groupby("split")["fracture"].mean()
    assert by_split.max() - by_split.min() < 0.03


@needs_shared
def test_real_wrists_are_read_with_all_sixteen_bits():
    source = Grazpedwri(SHARED, {"partial": True})
    index = source.index()
    assert len(index) == 12
    for row in index.to_dict("records"):
        grey = source.image(row)
        assert grey.max() <= 1
        assert len(np.unique(grey)) > 256


@needs_shared
def test_real_text_boxes_lie_on_the_bright_legend():
    source = Grazpedwri(SHARED, {"partial": True})
    annotated = [row for row in source.index().to_dict("records") if source.regions(row)]
    assert len(annotated) == 3
    for row in annotated:
        regions, grey = source.regions(row), source.image(row)
        assert regions["text"].shape == grey.shape
        assert regions["text"].any()
        assert not regions["finding"].any()
        assert grey[regions["text"]].max() > 0.9


@needs_shared
def test_the_label_is_the_visible_fracture_not_the_code_of_the_diagnosis():
    """On 938 images of the real table the two disagree."""
    index = Grazpedwri(SHARED, {}).index().set_index("image_id")
    table = pd.read_csv(SHARED / "dataset.csv", encoding="utf-8-sig", dtype=str).set_index("filestem")
    coded = table["ao_classification"].notna().astype(int)
    assert (index["fracture"] != coded[index.index]).sum() == 938
    visible = table["fracture_visible"].fillna("0").astype(float).astype(int)
    assert (index["fracture"] == visible[index.index]).all()


@needs_shared
def test_some_views_are_kept_and_patients_stay_in_their_split():
    whole = Grazpedwri(SHARED, {}).index().set_index("image_id")
    kept = Grazpedwri(SHARED, {"views": ["PA"]}).index().set_index("image_id")
    assert set(kept["view"]) == {"PA"}
    assert len(kept) == (whole["view"] == "PA").sum()
    assert (kept["split"] == whole.loc[kept.index, "split"]).all()


def test_views_that_there_are_not(tmp_path):
    with pytest.raises(UsageError, match="views has no 'AP'"):
        Grazpedwri(tmp_path, {"views": ["AP"]})


def written(folder, rows=4, **changes):
    table = pd.DataFrame(
        {
            "filestem": [f"{n:04d}_0_01_WRI-L1_M010" for n in range(rows)], "patient_id": range(rows),
            "study_number": 1, "timehash": "0012", "gender": "F", "age": 9.5, "laterality": "L", "projection": 2,
            "initial_exam": 1, "ao_classification": "", "cast": "", "diagnosis_uncertain": "", "osteopenia": "",
            "fracture_visible": [1, None] * (rows // 2), "metal": "", "pixel_spacing": 0.1, "device_manufacturer": "S",
        }
    ).assign(**changes)  # fmt: skip
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "dataset.csv", index=False, encoding="utf-8-sig")
    return folder


def test_blank_is_no_fracture(tmp_path):
    assert Grazpedwri(written(tmp_path), {}).listed()["fracture"].tolist() == [1, 0, 1, 0]


def test_identity_follows_the_table_and_the_files(tmp_path):
    first = Grazpedwri(written(tmp_path / "a"), {}).identity()
    assert Grazpedwri(written(tmp_path / "b"), {}).identity() == first
    assert Grazpedwri(written(tmp_path / "c", metal="1"), {}).identity() != first
    (tmp_path / "b/images_part1").mkdir()
    (tmp_path / "b/images_part1/0000_0_01_WRI-L1_M010.png").write_bytes(b"1")
    assert Grazpedwri(tmp_path / "b", {"split_seed": 0, "partial": False}).identity() != first


def test_what_is_wrong_with_a_folder_is_said(tmp_path):
    with pytest.raises(DataError, match="read from a folder"):
        Grazpedwri(None, {})
    with pytest.raises(DataError, match=r"dataset\.csv: missing"):
        Grazpedwri(tmp_path, {}).index()
    with pytest.raises(UsageError, match="split_sed"):
        Grazpedwri(tmp_path, {"split_sed": 1})
    written(tmp_path)
    text = (tmp_path / "dataset.csv").read_text("utf-8-sig").replace("fracture_visible", "fracture")
    (tmp_path / "dataset.csv").write_text(text)
    with pytest.raises(DataError, match=r"dataset\.csv: has no column 'fracture_visible'"):
        Grazpedwri(tmp_path, {}).index()


def test_a_path_out_of_the_folder_is_refused(tmp_path):
    source = Grazpedwri(written(tmp_path / "set"), {})
    (tmp_path / "set/link").symlink_to(tmp_path)
    for path in ("../x.png", "/etc/passwd", "link/x.png"):
        with pytest.raises(DataError, match="leads out"):
            source.image({"path": path})
