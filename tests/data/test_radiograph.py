"""One decode path: bit depths, colour modes, DICOM; and fitting images and masks to a square."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from xraybench.data.radiograph import fit, fit_mask, read_radiograph
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


@given(st.integers(3, 40), st.integers(3, 40), st.integers(8, 48), st.randoms(use_true_random=False))
def test_masks_follow_the_image(height, width, size, random):
    top, left = random.randrange(height), random.randrange(width)
    mask = np.zeros((height, width), bool)
    mask[top : top + height // 2 + 1, left : left + width // 2 + 1] = True
    fitted = fit_mask(mask, size)
    assert fitted.shape == (size, size)
    np.testing.assert_array_equal(fitted, fit(mask.astype(np.float32), size) >= 0.5)
    share, expected = fitted.mean(), mask.sum() / max(height, width) ** 2
    assert abs(share - expected) < 8 / min(size, max(height, width))


def test_an_image_of_the_right_size_is_left_alone():
    image = np.random.default_rng(0).random((32, 32), dtype=np.float32)
    np.testing.assert_array_equal(fit(image, 32), image)


def test_padding_is_centred():
    fitted = fit(np.ones((10, 20), np.float32), 20)
    assert (fitted[5:15] == 1).all()
    assert (fitted[:5] == 0).all()
    assert (fitted[15:] == 0).all()
