"""ImageCLEF/IRMA and UNIFESP, written as their publishers describe them: codes as text, several parts on an image."""

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from xraybench.data.sources.imageclef_irma import LABELS, ImageclefIrma
from xraybench.data.sources.unifesp import PARTS, Unifesp
from xraybench.errors import DataError

CODES = {"1880": "1121-127-700-500", "1881": "1121-120-413-700", "0007": "1123-211-520-3a0", "1883": r"\N"}


def irma(folder, codes=CODES):
    (folder / "ImageCLEFmed2009_train.02").mkdir(exist_ok=True)
    lines = [f"{image};{code};1;2" for image, code in codes.items()]
    text = "\n".join(["image_id;irma_code;05_class;06_class", *lines])
    (folder / "ImageCLEFmed2009_train_codes.02.csv").write_text(text + "\n")
    for image in codes:
        Image.new("L", (30, 20), 51).save(folder / f"ImageCLEFmed2009_train.02/{image}.png")
    return folder


def test_codes_are_text_and_images_without_one_are_left_out(tmp_path):
    source = ImageclefIrma(irma(tmp_path), {})
    index = source.index().set_index("image_id")
    assert set(index.index) == {"1880", "1881", "0007"}  # 0007 keeps its zeros
    assert index["body_part"].to_dict() == {"1880": "abdomen", "1881": "hand", "0007": "chest"}
    assert index.loc["0007", "irma_code"] == "1123-211-520-3a0"
    assert (index[list(LABELS)].sum(axis=1) == 1).all()
    assert source.image(source.index().iloc[0].to_dict()) == pytest.approx(np.full((20, 30), 0.2))


@pytest.mark.parametrize(
    ("anatomy", "part"),
    [("100", "whole-body"), ("213", "cranium"), ("310", "spine"), ("421", "wrist"), ("438", "forearm"),
     ("442", "elbow"), ("450", "upper-arm"),
     ("463", "shoulder"), ("400", "arm"), ("610", "breast"), ("800", "pelvis"), ("9a1", "leg")],
)  # fmt: skip
def test_the_grouping_of_the_anatomy_axis(tmp_path, anatomy, part):
    index = ImageclefIrma(irma(tmp_path, {"1": f"1121-127-{anatomy}-500"}), {}).index()
    assert index["body_part"].item() == part
    assert index[part].item() == 1


@pytest.mark.parametrize("code", ["1121-127-700", "1121-127-7.0-500", "1121-127-000-500", ""])
def test_codes_that_are_none_are_named_with_their_line(tmp_path, code):
    with pytest.raises(DataError, match=r"codes\.02\.csv: line 3: (is no code|has an anatomy)"):
        ImageclefIrma(irma(tmp_path, {"1": "1121-127-700-500", "2": code}), {}).index()


def test_irma_is_cut_by_body_part(tmp_path):
    codes = {str(n): f"1121-127-{'500' if n % 2 else '911'}-500" for n in range(100)}
    index = ImageclefIrma(irma(tmp_path, codes), {}).index()
    counts = index.groupby(["split", "body_part"]).size().unstack()
    assert counts["chest"].to_dict() == counts["leg"].to_dict() == {"train": 40, "validation": 5, "test": 5}


def dicom(path, image, study, photometric="MONOCHROME2"):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = image
    dataset.StudyInstanceUID = study
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 8, 6, 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    pixels = np.zeros((8, 6), "<u2")
    pixels[2:4] = 4095
    dataset.PixelData = (4095 - pixels if photometric == "MONOCHROME1" else pixels).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def unifesp(folder, targets, deep="train/train/a"):
    lines = [f"1.2.{n},{target}" for n, target in enumerate(targets)]
    (folder / "train.csv").write_text("SOPInstanceUID,Target\n" + "\n".join(lines) + "\n")
    for n in range(len(targets)):
        dicom(
            folder / f"{deep}/1.2.{n}{'-c' if n % 2 else ''}.dcm", f"1.2.{n}", f"1.9.{n // 2}", f"MONOCHROME{1 + n % 2}"
        )
    return folder


def test_several_parts_on_an_image_and_both_photometric_interpretations(tmp_path):
    source = Unifesp(unifesp(tmp_path, ["3 ", "0 15 10", "21", "9"]), {})
    rows = source.index().to_dict("records")
    shown = [{part for part in PARTS if row[part]} for row in rows]
    assert shown == [{"chest"}, {"abdomen", "pelvis", "hip"}, {"wrist"}, {"hand"}]
    for row in rows:
        grey = source.image(row)
        assert (grey[2:4] > 0.9).all()
        assert (grey[5:] < 0.1).all()


def test_images_of_one_study_stay_together(tmp_path):
    index = Unifesp(unifesp(tmp_path, ["3"] * 60), {}).index()
    assert index["study_id"].nunique() == 30
    assert index.groupby("patient_id")["split"].nunique().max() == 1
    assert set(index["split"]) == {"train", "validation", "test"}


def test_an_image_that_is_not_there_is_listed_and_can_be_left_out(tmp_path):
    folder = unifesp(tmp_path, ["3", "4"])
    (folder / "train/train/a/1.2.0.dcm").unlink()
    assert len(Unifesp(folder, {}).index()) == 2
    left = Unifesp(folder, {"partial": True}).index()
    assert left["image_id"].tolist() == ["1.2.1"]


@pytest.mark.parametrize("target", ["22", "chest", "", "-1"])
def test_targets_that_are_none_are_named_with_their_line(tmp_path, target):
    with pytest.raises(DataError, match=r"train\.csv: line 3: is no list of numbers from 0 to 21"):
        Unifesp(unifesp(tmp_path, ["1", target]), {}).index()


def test_a_file_that_is_no_dicom_is_its_own_study_and_does_not_decode(tmp_path):
    folder = unifesp(tmp_path, ["3"])
    (folder / "train/train/a/1.2.0.dcm").write_bytes(b"torn")
    source = Unifesp(folder, {})
    row = source.index().iloc[0].to_dict()
    assert row["patient_id"] == "1.2.0"
    with pytest.raises(DataError, match=r"1\.2\.0\.dcm"):
        source.image(row)
