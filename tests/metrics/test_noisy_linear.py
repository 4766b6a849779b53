"""Noisy linear imputation against a sparse direct solver."""

import numpy as np
import pytest
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from tests.metrics.cases import evidence
from xraybench.metrics._imputers import IMPUTERS
from xraybench.metrics._noisy_linear import _cycle, _grids, linear_imputation


def direct(image, keep):
    """One equation a replaced pixel: its neighbours' weights times itself, less the weighted neighbours, is 0."""
    height, width = image.shape
    matrix, right = lil_matrix((image.size, image.size)), np.zeros(image.size)
    for y in range(height):
        for x in range(width):
            here = y * width + x
            if keep[y, x]:
                matrix[here, here], right[here] = 1.0, image[y, x]
                continue
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if (dy, dx) != (0, 0) and 0 <= y + dy < height and 0 <= x + dx < width:
                        weight = 1 / 12 if dy and dx else 1 / 6
                        matrix[here, here] += weight
                        matrix[here, here + dy * width + dx] -= weight
    return spsolve(matrix.tocsc(), right).reshape(image.shape)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_is_the_direct_solution(share):
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(3, 2, 14, 17, generator=draw)
    keep = torch.rand(3, 1, 14, 17, generator=draw) < share
    keep[0], keep[0, 0, :2, :2] = False, True  # one corner alone
    filled = linear_imputation(images, keep)
    for n in range(3):
        for c in range(2):
            expected = direct(images[n, c].double().numpy(), keep[n, 0].numpy())
            np.testing.assert_allclose(filled[n, c], expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(40, 44), (37, 41)])
def test_is_the_direct_solution_in_wide_holes(shape):
    height, width = shape
    images = torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(1))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    disc, below = (y - 18) ** 2 + (x - 20) ** 2 > 15**2, y < height // 3
    keep = torch.stack([disc, below])[:, None]
    filled = linear_imputation(images, keep)
    assert [len(_grids((~mask[None]).float())) for mask in keep] == [4, 4]
    for n in range(2):
        expected = direct(images[n, 0].double().numpy(), keep[n, 0].numpy())
        np.testing.assert_allclose(filled[n, 0], expected, atol=2e-4)


def test_scattered_holes_need_no_coarser_grid():
    assert len(_grids((torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) < 0.8).float())) == 1


@pytest.mark.parametrize("shape", [(16, 24), (15, 22), (13, 13)])
def test_the_preconditioner_is_symmetric_and_positive(shape):
    replaced = torch.zeros(1, 1, *shape, dtype=torch.float64)
    replaced[..., 2:-1, 1:-3] = 1
    grids = _grids(replaced)
    assert len(grids) > 1
    units = torch.eye(shape[0] * shape[1], dtype=torch.float64).view(-1, 1, *shape) * replaced
    matrix = torch.cat([_cycle(grids, unit[None]).flatten(1) for unit in units])
    inside = matrix[replaced.flatten() == 1][:, replaced.flatten() == 1]
    torch.testing.assert_close(inside, inside.T)
    assert torch.linalg.eigvalsh(inside).min() > 0
    assert matrix[:, replaced.flatten() == 0].eq(0).all()


def test_none_kept_is_the_mean_and_all_kept_the_image():
    images = torch.randn(2, 1, 8, 8)
    keep = torch.tensor([False, True])[:, None, None, None].expand(2, 1, 8, 8)
    filled = linear_imputation(images, keep)
    torch.testing.assert_close(filled[0], images[0].mean().expand(1, 8, 8))
    assert torch.equal(filled[1], images[1])


def test_a_solved_image_does_not_wait_for_its_batch_mates():
    images, keep = torch.randn(5, 1, 16, 16), torch.rand(5, 1, 16, 16) < 0.3
    keep[3], keep[3, 0, 0, 0] = False, True
    together, alone = linear_imputation(images, keep), linear_imputation(images[1:2], keep[1:2])
    torch.testing.assert_close(together[1:2], alone, atol=1e-6, rtol=0)


def test_noise_is_fixed_by_the_seed_and_spares_the_kept_pixels():
    here = evidence()
    fill = IMPUTERS["noisy-linear"](here)
    rows, keep = torch.tensor([4, 2]), torch.rand(2, 1, 12, 12) < 0.5
    once, again = fill(rows, keep), fill(rows.flip(0), keep.flip(0)).flip(0)
    torch.testing.assert_close(once, again, atol=1e-5, rtol=0)
    images = here.images[rows]
    assert torch.equal(torch.where(keep, once, 0), torch.where(keep, images, 0))
    noise = (once - linear_imputation(images, keep))[~keep]
    values = images.flatten(1)
    spread = 0.01 * (values.amax(1) - values.amin(1)).mean()
    assert noise.std().item() == pytest.approx(spread.item(), rel=0.2)
