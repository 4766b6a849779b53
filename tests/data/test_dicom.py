"""DICOM: greys by the header (bits, window, tables), transfer syntaxes, and what is refused."""

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.processing import apply_windowing
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from xraybench.data._dicom import Window
from xraybench.data.radiograph import read_header, read_radiograph
from xraybench.errors import DataError

STORED = np.arange(256, dtype=np.uint16).reshape(16, 16) * 7 + 300  # 300 to 2085: not the whole range of 12 bits


def dataset(stored=STORED, bits=12, photometric="MONOCHROME2", **elements):
    """A digital radiograph of so many stored bits."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3"
    made.Rows, made.Columns = stored.shape[-2:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, photometric
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, bits, bits - 1
    made.PixelRepresentation = int(stored.dtype.kind == "i")
    made.PixelData = stored.tobytes()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def grey_of(made, folder):
    made.save_as(folder / "x.dcm", enforce_file_format=True)
    return read_radiograph(folder / "x.dcm")


def test_without_a_window_the_stored_bits_are_the_scale(tmp_path):
    np.testing.assert_allclose(grey_of(dataset(), tmp_path), STORED / 4095, atol=1e-6)
    inverted = grey_of(dataset(photometric="MONOCHROME1"), tmp_path)
    np.testing.assert_allclose(inverted, 1 - STORED / 4095, atol=1e-6)


def test_the_scale_does_not_depend_on_what_is_in_the_picture(tmp_path):
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        whole = grey_of(dataset(photometric=photometric), tmp_path)
        part = grey_of(dataset(STORED[4:9, 2:7].copy(), photometric=photometric), tmp_path)
        np.testing.assert_array_equal(part, whole[4:9, 2:7])


def test_signed_pixels(tmp_path):
    stored = (STORED.astype(np.int32) - 1200).astype(np.int16)
    np.testing.assert_allclose(grey_of(dataset(stored), tmp_path), (stored + 2048.0) / 4095, atol=1e-6)


def test_rescaling_changes_the_range_with_the_values(tmp_path):
    rescaled = grey_of(dataset(RescaleSlope=-2, RescaleIntercept=100), tmp_path)
    np.testing.assert_allclose(rescaled, 1 - STORED / 4095, atol=1e-6)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_first_window_is_the_scale_after_rescaling(tmp_path, photometric):
    window = {"WindowCenter": [2000, 5], "WindowWidth": [1001, 6], "RescaleSlope": 2, "RescaleIntercept": -100}
    grey = grey_of(dataset(photometric=photometric, **window), tmp_path)
    expected = np.clip((STORED * 2.0 - 100 - 1999.5) / 1000 + 0.5, 0, 1)
    np.testing.assert_allclose(grey, expected if photometric == "MONOCHROME2" else 1 - expected, atol=1e-6)
    assert {0, 1} <= set(grey.ravel())


@given(st.floats(-500, 4500), st.floats(2, 5000), st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]))
def test_windows_are_those_of_pydicom(centre, width, function):
    made = dataset(WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
    shown = apply_windowing(STORED, made) / 4095
    np.testing.assert_allclose(Window.of(made)(STORED.astype(float)), shown, atol=1e-9)


def test_a_window_that_the_standard_does_not_allow_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"x\.dcm: has a window of width 0"):
        grey_of(dataset(WindowCenter=100, WindowWidth=0), tmp_path)


def table(first, entries, bits):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "OW", np.asarray(entries, np.uint16).tobytes())
    return [item]


def test_a_voi_table_comes_before_a_window(tmp_path):
    entries = (np.arange(2000) ** 2) // 4000  # to 999, of 10 bits
    made = dataset(VOILUTSequence=table(200, entries, 10), WindowCenter=1, WindowWidth=2)
    np.testing.assert_allclose(grey_of(made, tmp_path), entries[np.minimum(STORED - 200, 1999)] / 1023, atol=1e-6)


def test_a_modality_table_gives_the_range(tmp_path):
    entries = np.arange(2500) * 20
    made = dataset(ModalityLUTSequence=table(0, entries, 16))
    np.testing.assert_allclose(grey_of(made, tmp_path), STORED * 20 / 65535, atol=1e-6)


def test_padding_is_no_part_of_the_radiograph(tmp_path):
    grey = grey_of(dataset(photometric="MONOCHROME1", PixelPaddingValue=300, PixelPaddingRangeLimit=307), tmp_path)
    assert grey[0, 0] == grey[0, 1] == 0
    assert grey[0, 2] == pytest.approx(1 - 314 / 4095)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless], ids=lambda uid: uid.keyword)
def test_compressed_pixels(tmp_path, syntax):
    stored = np.tile(STORED, (4, 4))
    made = dataset(stored)
    made.compress(syntax, generate_instance_uid=False)
    np.testing.assert_allclose(grey_of(made, tmp_path), stored / 4095, atol=1e-6)


def test_lossless_jpeg(tmp_path):
    gdcm = pytest.importorskip("gdcm")
    dataset().save_as(tmp_path / "plain.dcm", enforce_file_format=True)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(tmp_path / "plain.dcm"))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(tmp_path / "x.dcm"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert pydicom.dcmread(tmp_path / "x.dcm").file_meta.TransferSyntaxUID == JPEGLosslessSV1
    np.testing.assert_allclose(read_radiograph(tmp_path / "x.dcm"), STORED / 4095, atol=1e-6)


def without_pixels():
    made = dataset()
    del made.PixelData
    return made


def without_rows():
    made = dataset()
    del made.Rows
    return made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (without_pixels, "without pixels"),
        (without_rows, "does not decode: .*Rows"),
        (lambda: dataset(np.stack([STORED, STORED]), NumberOfFrames=2), "has 2 frames"),
        (lambda: dataset(photometric="RGB", SamplesPerPixel=3), r"colour image \(RGB\)"),
        (lambda: dataset(photometric="PALETTE COLOR"), r"colour image \(PALETTE COLOR\)"),
        (lambda: dataset(Rows=60_000, Columns=60_000), "60000 x 60000 pixels"),
        (lambda: dataset(Rows=17), "does not decode"),
    ],
    ids=["no pixels", "no rows", "frames", "colour", "palette", "bomb", "too few pixels"],
)
def test_what_is_not_one_grey_frame_is_named(tmp_path, make, message):
    with pytest.raises(DataError, match=rf"x\.dcm: .*{message}"):
        grey_of(make(), tmp_path)


def test_floating_point_pixels_are_refused(tmp_path):
    made = without_pixels()
    made.BitsAllocated, made.FloatPixelData = 32, STORED.astype(np.float32).tobytes()
    with pytest.raises(DataError, match=r"x\.dcm: holds floating point pixels"):
        grey_of(made, tmp_path)


def test_a_file_that_is_only_called_dicom_is_named(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"not DICOM at all" * 20)
    for read in (read_radiograph, read_header):
        with pytest.raises(DataError, match=r"x\.dcm: does not (decode|open)"):
            read(tmp_path / "x.dcm")


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"PixelSpacing": [0.2, 0.3], "ImagerPixelSpacing": [0.4, 0.5]}, (0.2, 0.3)),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.4, 0.5]}, (0.4, 0.5)),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, (0.1, 0.1)),
        ({"PixelSpacing": [0, 0]}, None),
        ({"PixelSpacing": None}, None),
        ({}, None),
    ],
)
def test_size_and_spacing_are_read_without_decoding(tmp_path, elements, spacing):
    made = dataset(**elements)
    made.PixelData = b"\0\0"
    made.save_as(tmp_path / "no-suffix", enforce_file_format=True)
    header = read_header(tmp_path / "no-suffix")
    assert (header.height, header.width, header.spacing) == (16, 16, spacing)
