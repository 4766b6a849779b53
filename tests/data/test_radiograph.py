"""One decode path: bit depths, colour modes, what does not decode. (DICOM: test_dicom.py.)"""

import re
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xraybench.data.radiograph import read_header, read_radiograph, read_shape
from xraybench.errors import DataError

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data at {SHARED.name}/data beside the checkout")


def test_eight_and_sixteen_bits_give_the_same_grey(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(levels).save(tmp_path / "8.png")
    Image.fromarray(levels.astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(np.repeat(levels[..., None], 3, 2)).save(tmp_path / "rgb.png")
    expected = levels.astype(np.float32) / 255
    for name in ("8.png", "16.png", "rgb.png"):
        grey = read_radiograph(tmp_path / name)
        assert grey.dtype == np.float32
        np.testing.assert_allclose(grey, expected, atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n broken"])
def test_what_does_not_decode_is_named(tmp_path, content):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.png"):
        read_radiograph(path)
    (tmp_path / "scan.dcm").mkdir()
    for folder in (tmp_path, tmp_path / "scan.dcm"):
        with pytest.raises(DataError, match="is a folder, not an image"):
            read_radiograph(folder)
    with pytest.raises(DataError, match="no such file"):
        read_radiograph(tmp_path / "missing.png")


# (row, column) of 41x41 patches, as shares of height and width: bone or mediastinum, then lung or air
DENSE_AND_DARK = {
    "RG1_J2KI.dcm": ((0.85, 0.60), (0.30, 0.25)),
    "RG3_J2KR.dcm": ((0.95, 0.47), (0.30, 0.28)),
    "nih_1.3.6.1.4.1.11129.5.5.1105036455.dcm": ((0.80, 0.55), (0.35, 0.28)),
}


@needs_shared
@pytest.mark.parametrize("name", DENSE_AND_DARK)
def test_real_dicoms_decode_with_bright_bone(name):
    grey = read_radiograph(SHARED / "dicom" / name)
    assert 0 <= grey.min() < grey.max() <= 1

    def patch(place):
        row, column = (int(share * side) for share, side in zip(place, grey.shape, strict=True))
        return np.median(grey[row - 20 : row + 21, column - 20 : column + 21])

    dense, dark = map(patch, DENSE_AND_DARK[name])
    assert dense > dark + 0.2


@needs_shared
def test_sixteen_bit_wrists_are_not_clipped():
    for path in sorted((SHARED / "grazpedwri" / "images").rglob("*.png"))[:3]:
        grey = read_radiograph(path)
        assert len(np.unique(grey)) > 256
        assert (grey == 1).mean() < 0.5


def rows_of(*levels):
    return np.repeat(np.array(levels)[:, None], 5, 1)


LEVELS = rows_of(0, 51, 102, 255)
GREY = rows_of(0.0, 0.2, 0.4, 1.0)


def picture(mode):
    """GREY in a colour mode of 8 bits."""
    grey = Image.fromarray(LEVELS.astype(np.uint8))
    if mode == "P":  # numbers of a palette that is not in the order of the greys
        indexed = Image.fromarray((255 - LEVELS).astype(np.uint8), "P")
        indexed.putpalette([level for number in range(256) for level in [255 - number] * 3])
        return indexed
    if mode in ("LA", "RGBA"):
        made = grey.convert(mode)
        made.putalpha(Image.fromarray((LEVELS // 2).astype(np.uint8)))
        return made
    return grey.convert(mode)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_every_colour_mode_gives_the_same_grey(tmp_path, mode):
    picture(mode).save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as stored:
        assert stored.mode == mode
    np.testing.assert_allclose(read_radiograph(tmp_path / "x.png"), GREY, atol=1e-6)


def test_one_bit_and_jpeg(tmp_path):
    Image.fromarray(LEVELS > 100).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_radiograph(tmp_path / "x.png"), LEVELS > 100)
    Image.new("L", (16, 16), 51).save(tmp_path / "x.jpg", quality=95)
    np.testing.assert_allclose(read_radiograph(tmp_path / "x.jpg"), 0.2, atol=0.005)


def tiff(path, values, order="<", photometric=1, bits=16):
    """A TIFF with one strip of 16-bit numbers, written tag by tag (TIFF 6.0, section 2)."""
    data = values.astype(f"{order}u2").tobytes()
    height, width = values.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, height)]
    tags.append((279, len(data)))
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data))
    path.write_bytes(head + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4))


@pytest.mark.parametrize(("order", "photometric"), [("<", 1), (">", 1), ("<", 0)])
def test_sixteen_bit_tiff_of_either_byte_order_and_white_as_zero(tmp_path, order, photometric):
    tiff(tmp_path / "x.tif", LEVELS * 257, order, photometric)
    np.testing.assert_allclose(read_radiograph(tmp_path / "x.tif"), GREY if photometric else 1 - GREY, atol=1e-6)


def test_a_tiff_of_floats_or_of_32_bits_is_refused(tmp_path):
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(LEVELS.astype(np.int32)).save(tmp_path / "int.tif")
    for name in ("float.tif", "int.tif"):
        with pytest.raises(DataError, match=f"{name}: holds pixels of mode .*\n.*8 or 16 bits"):
            read_radiograph(tmp_path / name)


def test_several_frames_are_refused(tmp_path):
    page = Image.new("L", (4, 4))
    page.save(tmp_path / "x.tif", save_all=True, append_images=[page, page])
    with pytest.raises(DataError, match=r"x\.tif: has 3 frames"):
        read_radiograph(tmp_path / "x.tif")


@pytest.mark.parametrize("side", [9000, 20_000], ids=["over our limit", "over Pillow's too"])
def test_a_decompression_bomb_is_refused_before_it_goes_off(tmp_path, side):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes((side + 1) * 20)))
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"x\.png: "):
        read_radiograph(tmp_path / "x.png")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_read_as_pillow_reads_it_and_damage_is_told(tmp_path, mode):
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.integers(0, 256, (12, 15, len(mode)), np.uint8), np.ones((8, 8, 1), np.uint8))
    path = tmp_path / "x.jpg"
    Image.fromarray(blocks.squeeze()).save(path, quality=90)
    with Image.open(path) as picture:
        expected = np.asarray(picture.convert("L"), np.float32) / 255
    np.testing.assert_allclose(read_radiograph(path), expected, atol=1e-6)

    whole = path.read_bytes()
    middle = len(whole) // 2
    zeros, cut = whole[:middle] + bytes(20) + whole[middle + 20 :], whole[:middle] + b"\xff\xd9"
    for damaged in (whole[:middle], cut, zeros):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"x\.jpg: does not decode: .*JPEG"):
            read_radiograph(path)


@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.98])
def test_a_truncated_file_is_named(tmp_path, kind, share):
    noise = np.random.default_rng(0).integers(0, 256, (80, 80)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{kind}")
    whole = (tmp_path / f"whole.{kind}").read_bytes()
    (tmp_path / f"cut.{kind}").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=rf"cut\.{kind}: does not decode.*\n.*obtain it again"):
        read_radiograph(tmp_path / f"cut.{kind}")


def test_a_format_that_is_no_radiographs_is_refused(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "x.gif")
    with pytest.raises(DataError, match=r"x\.gif: does not decode"):
        read_radiograph(tmp_path / "x.gif")


def test_a_pictures_header_is_read_without_its_pixels(tmp_path):
    Image.new("L", (30, 20)).save(tmp_path / "x.png", dpi=(300, 300))
    data = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(data[: data.index(b"IDAT") + 6])
    header = read_header(tmp_path / "x.png")
    assert (header.height, header.width, header.spacing) == (20, 30, None)
    assert read_shape(tmp_path / "x.png") == (20, 30)


@needs_shared
def test_real_files_cut_off_are_named(tmp_path):
    real = [*(SHARED / "dicom").glob("*.dcm"), *(SHARED / "fracatlas").rglob("*.jpg")]
    real += [*(SHARED / "nih_cxr14").rglob("*.png")][:2]
    assert len(real) > 5
    for path in real:
        cut = tmp_path / path.name
        cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.9)])
        with pytest.raises(DataError, match=re.escape(path.name)):
            read_radiograph(cut)
