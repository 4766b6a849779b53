"""Montgomery and Shenzhen, written file by file: readings in all their forms, one patient twice, lungs and findings."""

import numpy as np
import pytest
from PIL import Image

from xraybench.data.sources._tuberculosis import read_reading
from xraybench.data.sources.montgomery import Montgomery
from xraybench.data.sources.montgomery_shenzhen import MontgomeryShenzhen
from xraybench.data.sources.shenzhen import Shenzhen
from xraybench.errors import DataError

SHAPE = (30, 40)


def mask(path, rows, columns, shape=SHAPE):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros(shape, np.uint8)
    picture[rows, columns] = 255
    Image.fromarray(picture).save(path)


def case(folder, stem, reading):
    mask(folder / f"CXR_png/{stem}.png", slice(0, 9), slice(0, 9))
    (folder / "ClinicalReadings").mkdir(exist_ok=True)
    (folder / f"ClinicalReadings/{stem}.txt").write_text(reading)


@pytest.fixture
def root(tmp_path):
    maryland, china = tmp_path / "MontgomerySet", tmp_path / "ChinaSet_AllFiles"
    case(maryland, "MCUCXR_0001_0", "Patient's Sex: F \nPatient's Age: 027Y\nnormal")
    case(maryland, "MCUCXR_0162_1", "Patient's Sex: M\nPatient's Age: 049Y\ncavity in the right upper lobe")
    case(maryland, "MCUCXR_0166_1", "Patient's Sex: M\nPatient's Age: 049Y\nNO REPORT (same pt as MCUCXR_0162_1)")
    mask(maryland / "ManualMask/leftMask/MCUCXR_0001_0.png", slice(5, 20), slice(22, 35))
    mask(maryland / "ManualMask/rightMask/MCUCXR_0001_0.png", slice(5, 20), slice(3, 15))
    mask(maryland / "ManualMask/leftMask/MCUCXR_0162_1.png", slice(5, 20), slice(22, 35))
    for number in range(1, 11):
        case(china, f"CHNCXR_{number:04d}_0", "male 45yrs\nnormal")
        case(china, f"CHNCXR_{number + 326:04d}_1", "femal 32yrs\nbilateral PTB")
    masks = china / "Annotations-2/masks"
    mask(masks / "CHNCXR_0330_1_Pleural_Effusion_2.png", slice(0, 4), slice(0, 4))
    mask(masks / "CHNCXR_0330_1_Pleural_Effusion_3.png", slice(2, 6), slice(0, 4))
    mask(masks / "CHNCXR_0330_1_Clustered_Nodule_(2mm-5mm_apart)_1.png", slice(20, 22), slice(20, 22))
    (china / "Annotations-2/Statistics_ShenzhenDataset_US.csv").write_text(
        "imagename,Pleural_Effusion,Cavity\nCHNCXR_0330_1.png,1,0\nCHNCXR_0331_1.png,0,1\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("text", "sex", "age", "report"),
    [
        ("Patient's Sex: F \nPatient's Age: 027Y\nnormal", "F", 27, "normal"),
        ("Patient's Sex: O\r\nPatient's Age: 005Y\r\n", "O", 5, ""),
        ("Patient's Sex: M\nPatient's Age: 006M\nnormal", "M", 0.5, "normal"),
        ("male 45yrs\nnormal", "M", 45, "normal"),
        ("Female 45 years\nSTB\nmale nurse, seen 3 days ago", "F", 45, "STB\nmale nurse, seen 3 days ago"),
        ("femal 32yrs\nnormal", "F", 32, "normal"),
        ("female24yrs\nnormal", "F", 24, "normal"),
        ("male , 29yrs  \t\nbilateral PTB", "M", 29, "bilateral PTB"),
        ("male 16month\nnormal", "M", 16 / 12, "normal"),
        ("female 64days\nnormal", "F", 64 / 365.25, "normal"),
        ("male 42\nnormal", "M", np.nan, "normal"),
        ("", "", np.nan, ""),
    ],
)
def test_readings_in_all_their_forms(tmp_path, text, sex, age, report):
    (tmp_path / "reading.txt").write_bytes(text.encode())
    reading = read_reading(tmp_path / "reading.txt")
    assert (reading.sex, reading.text.replace("\r", "")) == (sex, report)
    assert reading.age == pytest.approx(age, nan_ok=True)


def test_a_reading_that_is_not_there_or_not_utf8(tmp_path):
    assert read_reading(tmp_path / "none.txt").sex == ""
    (tmp_path / "latin.txt").write_bytes(b"male 45yrs\n37\xb0")
    assert read_reading(tmp_path / "latin.txt").age == 45


@pytest.mark.parametrize("inner", ["", "MontgomerySet"])
def test_montgomery(root, inner):
    source = Montgomery(root / inner, {})
    index = source.index()
    assert index["tb"].tolist() == [0, 1, 1]
    assert index["patient_id"].tolist() == ["MCUCXR_0001", "MCUCXR_0162", "MCUCXR_0162"]
    assert set(index["site"]) == {"Montgomery"}
    assert source.image(index.to_dict("records")[0]).shape == SHAPE


def test_lung_masks_are_not_lesion_masks(root):
    source = Montgomery(root / "MontgomerySet", {})
    assert source.offers == frozenset()
    normal, half, none = source.index().to_dict("records")
    lungs = np.zeros(SHAPE, bool)
    lungs[5:20, 22:35] = lungs[5:20, 3:15] = True
    assert set(source.regions(normal)) == {"lung"}
    assert (source.regions(normal)["lung"] == lungs).all()
    assert source.regions(half) == source.regions(none) == {}  # one lung is not the lungs


def test_shenzhen_findings(root):
    source = Shenzhen(root, {})
    assert source.offers == {"finding"}
    rows = {row["image_id"]: row for row in source.index().to_dict("records")}
    assert len(rows) == 20
    regions = source.regions(rows["CHNCXR_0330_1"])
    assert set(regions) == {"finding", "finding:Pleural_Effusion", "finding:Clustered_Nodule_(2mm-5mm_apart)"}
    assert regions["finding:Pleural_Effusion"][:6, :4].all()
    assert regions["finding:Pleural_Effusion"].sum() == 24
    assert regions["finding"].sum() == 24 + 4
    assert source.regions(rows["CHNCXR_0331_1"]) == {}
    assert (rows["CHNCXR_0330_1"]["Pleural_Effusion"], rows["CHNCXR_0330_1"]["Cavity"]) == (1, 0)
    assert np.isnan(rows["CHNCXR_0001_0"]["Cavity"])


def test_both_sites_as_one_set(root):
    index = MontgomeryShenzhen(root, {}).index()
    assert index["site"].value_counts().to_dict() == {"Shenzhen": 20, "Montgomery": 3}
    assert index["image_id"].is_unique
    assert index.groupby("patient_id")["split"].nunique().max() == 1
    shares = index[index["site"] == "Shenzhen"].groupby(["tb", "split"]).size()
    assert shares.unstack()[["train", "validation", "test"]].to_numpy().tolist() == [[7, 2, 1]] * 2
    with pytest.raises(DataError, match=r"CHNCXR_\*\.png \(Shenzhen\)"):
        MontgomeryShenzhen(root / "MontgomerySet", {}).index()


def test_identity_follows_the_readings(root):
    first = Shenzhen(root, {}).identity()
    (root / "ChinaSet_AllFiles/ClinicalReadings/CHNCXR_0001_0.txt").write_text("male 46yrs\nnormal")
    assert Shenzhen(root, {}).identity() != first


def test_what_is_wrong_is_said(root, tmp_path):
    china = root / "ChinaSet_AllFiles"
    mask(china / "Annotations-2/masks/CHNCXR_0332_1_Cavity_1.png", slice(0, 1), slice(0, 1), (9, 9))
    source = Shenzhen(root, {})
    row = next(row for row in source.index().to_dict("records") if row["image_id"] == "CHNCXR_0332_1")
    with pytest.raises(DataError, match=r"CHNCXR_0332_1_Cavity_1\.png: the mask is \(9, 9\)"):
        source.regions(row)
    table = china / "Annotations-2/Statistics_ShenzhenDataset_US.csv"
    table.write_text(table.read_text().replace("png,0,1", "png,0,some"))
    with pytest.raises(DataError, match=r"Statistics_ShenzhenDataset_US\.csv: line 3: has a finding that is no number"):
        Shenzhen(root, {"split_seed": 1}).index()
    case(china, "CHNCXR_0400_2", "")
    with pytest.raises(DataError, match=r"CHNCXR_0400_2\.png: is not named"):
        Shenzhen(root, {"split_seed": 2}).index()
    with pytest.raises(DataError, match=r"holds no CXR_png/MCUCXR_\*\.png"):
        Montgomery(china, {}).index()
