"""docs/your-own-data.md: fifty DICOM files, the page's table, its task file and its command give a board."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from tests.here import here
from xraybench.data.sources._own_table import OwnTable

PAGE = (Path(__file__).parents[1] / "docs/your-own-data.md").read_text()


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def write_dicom(path, grey, photometric):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.Rows, dataset.Columns = grey.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = (4095 - grey if photometric == "MONOCHROME1" else grey).astype("<u2").tobytes()
    dataset.save_as(path, enforce_file_format=True)


def write_hospital(folder):
    """Fifty patients; half with a bright square; half of the files inverted, as MONOCHROME1."""
    header, rng = block("csv").splitlines()[0], np.random.default_rng(0)
    lines = [header]
    (folder / "a").mkdir(parents=True)
    for number in range(50):
        grey = rng.integers(500, 1500, (96, 80))
        if number % 2:
            grey[30:50, 20:40] = 3500
        write_dicom(folder / f"a/{number:04d}.dcm", grey, f"MONOCHROME{1 + number // 2 % 2}")
        lines.append(f"a/{number:04d}.dcm,p{number:02d},p{number:02d}-1,PA,{number % 2}")
    (folder / "images.csv").write_text("\n".join(lines) + "\n")


def test_from_fifty_dicom_files_to_a_board_in_one_command(tmp_path, monkeypatch):
    write_hospital(tmp_path / "images")
    (tmp_path / "my-task.toml").write_text(block("toml"))
    commands = block("sh").splitlines()
    assert len(commands) == 1
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XRAYBENCH_RUN_WORKERS", "0")
    done = here(*shlex.split(commands[0])[1:])
    assert done.returncode == 0, done.stderr
    assert "grad-cam" in done.stdout
    run = json.loads(next(tmp_path.rglob("run.json")).read_text())
    assert (run["source"], run["redistributable"], run["phantom"]) == ("folder", False, False)
    assert run["explained"].startswith("8 test images")
    assert list(tmp_path.rglob("index.html"))


def test_the_pages_table_has_the_columns_that_are_needed(tmp_path):
    (tmp_path / "page.csv").write_text(block("csv"))
    table = OwnTable.read(tmp_path / "page.csv", ("path", "patient_id", "label"))
    assert table.label("label").tolist() == [1, 0]
