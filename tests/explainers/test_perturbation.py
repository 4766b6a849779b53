"""Occlusion and RISE against captum and against the plain loops of their papers."""

import dataclasses

import captum.attr
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import interpolate

from xraybench.errors import UsageError
from xraybench.explainers._masking import smooth_masks
from xraybench.explainers.perturbation import Occlusion, Rise
from xraybench.explainers.superpixel import FeatureAblation, KernelShap, Lime


@pytest.mark.parametrize(("window", "stride"), [(0.1875, 0.125), (0.25, 0.25), (0.3, 0.2)])
def test_occlusion_is_captums(window, stride, build, images, targets, context_of):
    model, baseline = build("small-cnn"), torch.full((1, 32, 32), 0.5)
    found = Occlusion(window, stride)(model, images, targets, context_of(images, baseline))
    size, step = round(window * 32), round(stride * 32)
    expected = captum.attr.Occlusion(model).attribute(
        images, (1, size, size), strides=(1, step, step), baselines=baseline[None], target=targets
    )
    torch.testing.assert_close(found, expected.detach().sum(1), atol=1e-6, rtol=1e-4)


def test_occlusion_is_the_loop_over_windows(build, images, targets, context_of):
    model = build("mlp-400-tanh")
    found = Occlusion(window=0.1875, stride=0.125)(model, images, targets, context_of(images))
    total, count = torch.zeros(4, 32, 32), torch.zeros(32, 32)
    whole = model(images).gather(1, targets[:, None])[:, 0]
    for top in range(0, 32, 4):
        for left in range(0, 32, 4):
            hidden = images.clone()
            hidden[:, :, top : top + 6, left : left + 6] = 0
            fall = whole - model(hidden).gather(1, targets[:, None])[:, 0]
            total[:, top : top + 6, left : left + 6] += fall.detach()[:, None, None]
            count[top : top + 6, left : left + 6] += 1
    torch.testing.assert_close(found, total / count, atol=1e-6, rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(side=st.integers(8, 100), window=st.floats(0.05, 1.0), share=st.floats(0.2, 1.0))
def test_occlusion_covers_every_pixel_and_costs_what_it_says(side, window, share):
    explainer = Occlusion(window, window * share)
    windows = explainer._windows(torch.zeros(1, 1, side, side))
    assert windows.sum(0).min() >= 1
    assert explainer.cost(side) == len(windows) + 1


def test_perturbation_methods_spend_about_the_same_by_default():
    assert Occlusion().cost(224) == 22 * 22 + 1
    assert {explainer().cost(224) for explainer in (Rise, Lime, KernelShap, FeatureAblation)} == {500}


def test_rise_is_the_loop_of_the_paper(build, images, targets, context_of):
    """Grids enlarged as a picture and cut at a random shift, one mask after the other."""
    model, count, cells = build("mlp-400-tanh"), 12, 5
    baseline = torch.full((1, 32, 32), 0.2)
    context = context_of(images, baseline)
    found = Rise(masks=count, cells=cells, p=0.4)(model, images, targets, context)
    cell = -(-32 // cells)
    for i, seed in enumerate(context.seeds):
        generator = torch.Generator().manual_seed(int(seed))
        grids = (torch.rand(count, cells + 1, cells + 1, generator=generator) < 0.4).float()
        downs, rights = ((torch.rand(count, generator=generator) * cell).long() for _ in range(2))
        masks = []
        for grid, down, right in zip(grids, downs, rights, strict=True):
            large = interpolate(grid[None, None], size=(cells + 1) * cell, mode="bilinear")[0, 0]
            masks.append(large[down : down + 32, right : right + 32])
        logits = [model((mask * images[i] + (1 - mask) * baseline)[None])[0, targets[i]].item() for mask in masks]
        mean = sum(logits) / count
        expected = sum((logit - mean) * mask for logit, mask in zip(logits, masks, strict=True)) / (count * 0.4)
        torch.testing.assert_close(found[i], expected, atol=1e-6, rtol=1e-3)


@settings(max_examples=20, deadline=None)
@given(side=st.integers(8, 80), cells=st.integers(1, 12), p=st.sampled_from([0.2, 0.5, 0.8]))
def test_rise_masks_keep_a_share_p(side, cells, p):
    masks = smooth_masks(torch.tensor([1, 2]), 400, cells, p, torch.zeros(2, 1, side, side))
    assert masks.shape == (2, 400, side, side)
    assert masks.min() >= 0
    assert masks.max() <= 1 + 1e-6
    assert float(masks.mean()) == pytest.approx(p, abs=0.06)


class Patch(nn.Module):
    """Looks at one square alone."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :, 4:12, 20:28].mean((2, 3))


def test_rise_points_at_the_only_square_that_counts(images, context_of):
    targets = torch.zeros(len(images), dtype=torch.long)
    maps = Rise(masks=400)(Patch(), images, targets, context_of(images))
    peaks = maps.flatten(1).argmax(1)
    assert all(3 <= int(peak) // 32 <= 12 and 19 <= int(peak) % 32 <= 28 for peak in peaks)


@pytest.mark.parametrize(
    ("made", "wrong", "bound"),
    [
        (Occlusion, {"window": 0.1, "stride": 0.2}, "stride <= window"),
        (Rise, {"p": 1.0}, "below 1"),
        (Rise, {"masks": 1}, "two masks or more"),
        (Rise, {"cells": 0}, "a cell or more"),
    ],
)
def test_parameters_that_make_no_sense_are_usage_errors_that_name_them_alone(made, wrong, bound):
    with pytest.raises(UsageError, match=bound) as caught:
        made(**wrong)
    named = {field.name for field in dataclasses.fields(made) if f"{field.name}=" in caught.value.message}
    assert named == set(wrong)
