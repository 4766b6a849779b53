"""DICOM files and labels written by hand: several boxes an image, Target, the mapping to NIH's patients."""

import json

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from xraybench.data.sources.rsna_pneumonia import RsnaPneumonia
from xraybench.errors import DataError

LABELS = """\
patientId,x,y,width,height,Target
0004cfab-14fd-4e49-80ba-63a80b6bddd6,,,,,0
00436515-870c-4b36-a041-de91049b9ab4,2.0,4.0,8.0,16.0,1
00436515-870c-4b36-a041-de91049b9ab4,30.0,40.0,10.0,10.0,1
00569f44-917d-4c86-a842-81832af98c30,,,,,0
"""
IDS = list(dict.fromkeys(line.split(",")[0] for line in LABELS.splitlines()[1:]))


def write_dicom(path, side=1024):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    header = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID, header.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    header.Rows = header.Columns = side
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    header.PixelData = np.tile(np.arange(side, dtype=np.uint8), (side, 1)).tobytes()
    pydicom.dcmwrite(path, header, enforce_file_format=True)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "stage_2_train_labels.csv").write_text(LABELS)
    (tmp_path / "stage_2_train_images").mkdir()
    for image in IDS:
        write_dicom(tmp_path / f"stage_2_train_images/{image}.dcm")
    return tmp_path


def test_one_row_an_image_and_all_its_boxes(root):
    source = RsnaPneumonia(root, {})
    index = source.index()
    assert index["image_id"].tolist() == IDS
    assert index["pneumonia"].tolist() == [0, 1, 0]
    none, two, _ = index.to_dict("records")
    expected = np.zeros((1024, 1024), bool)
    expected[4:20, 2:10] = expected[40:50, 30:40] = True
    assert (source.regions(two)["finding"] == expected).all()
    assert not source.regions(none)["finding"].any()
    assert source.image(two).shape == (1024, 1024)


def test_boxes_follow_a_smaller_copy(root):
    write_dicom(root / f"stage_2_train_images/{IDS[1]}.dcm", 512)
    source = RsnaPneumonia(root, {})
    expected = np.zeros((512, 512), bool)
    expected[2:10, 1:5] = expected[20:25, 15:20] = True
    assert (source.regions(source.index().to_dict("records")[1])["finding"] == expected).all()


def test_the_mapping_says_which_patient_of_nih_it_is(root):
    listed = [{"subset_img_id": image, "img_id": f"0000000{n // 2 + 1}_00{n}.png"} for n, image in enumerate(IDS[:2])]
    assert set(RsnaPneumonia(root, {}).index()["nih_patient"]) == {""}
    (root / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(listed))
    index = RsnaPneumonia(root, {"split_seed": 1}).index()
    assert index["nih_patient"].tolist() == ["1", "1", ""]
    assert index["patient_id"].tolist() == ["1", "1", IDS[2]]
    (root / "pneumonia-challenge-dataset-mappings_2018.json").write_text('[{"img_id": "1"}]')
    with pytest.raises(DataError, match=r"mappings_2018\.json: is not the mapping"):
        RsnaPneumonia(root, {"split_seed": 2}).index()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Target", "Label", "has no column 'Target'"),
        (",,,,,0\n00436515", ",,,,,2\n00436515", "line 2: Target is not 0 or 1: '2'"),
        ("16.0,1", ",1", "line 3: Target is 1 exactly where there is a box"),
        ("8.0,16.0,1", "8.0,-16.0,1", "line 3: Target is 1 exactly where there is a box"),
        ("16.0,1", "16.0,0", "line 3: Target is 1 exactly where there is a box"),
        ("2.0,4.0,8.0,16.0,1", ",,,,0", "line 3: has rows with Target 0 and 1"),
        ("0004cfab", "../../0004cfab", "line 2: is no patientId"),
    ],
)
def test_a_broken_table_is_refused_by_file_and_line(root, old, new, message):
    path = root / "stage_2_train_labels.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=rf"stage_2_train_labels\.csv: {message}"):
        RsnaPneumonia(root, {}).index()
