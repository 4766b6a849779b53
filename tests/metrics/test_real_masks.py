"""Localisation on radiographs that radiologists annotated: lesion masks (COVID-19), boxes (NIH); the same readers."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tests.data.test_masks import LESIONS, pasted
from tests.metrics.cases import map_evidence
from tests.metrics.definitions import DEFINITIONS
from tests.metrics.test_localisation import expected_average_precision
from xraybench import registry
from xraybench.data.masks import resized
from xraybench.data.prepare import Recipe, prepare
from xraybench.data.sources.folder import OwnFolder
from xraybench.data.sources.nih_cxr14 import NihCxr14
from xraybench.metrics.miou import Miou
from xraybench.metrics.pointing_game import PointingGame

SHARED = Path(__file__).parents[2] / "../shared/data"
COVID, NIH = SHARED / "covid_ieee8023_open", SHARED / "nih_cxr14"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data at {SHARED}")
SIDE, DRAWS = 64, 60
NAMES = [
    name for name in registry.METRICS if registry.build("metrics", registry.Call(name, {})).family == "localisation"
]


def covid(folder):
    """Grey images and lesion masks of one's own folder, as a run prepares them: the annotated two are explained."""
    table = pd.read_csv(COVID / "masks.csv")
    rows = ["path,patient_id,label,split,mask"]
    for number, path in enumerate(sorted((COVID / "images").iterdir())):
        shutil.copy(path, folder)
        crops, mask = table[table["filename"] == path.name], ""
        if len(crops):
            mask = f"{path.stem}-mask.png"
            Image.fromarray(255 * pasted(crops, LESIONS).astype(np.uint8)).save(folder / mask)
        split = "test" if mask else ("train", "validation")[number % 2]
        rows.append(f"{path.name},p{number},1,{split},{mask}")
    (folder / "images.csv").write_text("\n".join(rows))
    prepared = prepare(
        OwnFolder(folder, {}), folder / "prepared", Recipe(SIDE, ["label"], "positive", 2), 1, lambda *_: 0
    )
    explained = prepared.explained
    return torch.from_numpy(prepared.grey(explained.rows)), torch.from_numpy(explained.regions["finding"])


def nih(folder):
    """Grey images and boxes of the twelve that have one."""
    source = NihCxr14(NIH, {"partial": True})
    rows = [row for row in source.index().to_dict("records") if row["boxed"]]
    masks = [resized(source.regions(row)["finding"], (SIDE, SIDE)) for row in rows]
    images = [np.asarray(Image.fromarray(source.image(row)).resize((SIDE, SIDE))) for row in rows]
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks))


@pytest.fixture(scope="module", params=[covid, nih])
def annotated(request, tmp_path_factory):
    images, masks = request.param(tmp_path_factory.mktemp("folder"))
    assert masks.flatten(1).any(1).all()
    return images, masks


def held(maps, masks):
    """Evidence whose text is the finding, so that energy-on has a region as well."""
    here = map_evidence(maps, masks)
    return dataclasses.replace(here, regions={"finding": masks, "text": masks})


def metric(name):
    return registry.build("metrics", registry.parse_call(name + DEFINITIONS[name].settings))


def reference(name, images, masks, seeds):
    built = registry.build("references", registry.Call(name, {}))
    return built(images[:, None], masks, masks.float().mean(0), seeds)


def test_there_are_two_lesions_and_twelve_boxes(annotated):
    assert len(annotated[0]) in (2, 12)


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_reaches_the_ceiling(annotated, name):
    """Of top-k-intersection (k a tenth of the pixels) that is the share of k which the finding can fill."""
    images, masks = annotated
    maps = reference("oracle", images, masks, torch.arange(len(images)))
    sizes = masks.flatten(1).sum(1).double()
    top = round(0.1 * SIDE**2)
    ceiling = (
        sizes.clamp(max=top) / top if name == "top-k-intersection" else torch.ones(len(images), dtype=torch.float64)
    )
    torch.testing.assert_close(metric(name)(held(maps, masks)), ceiling)


@pytest.mark.parametrize("name", NAMES)
def test_random_maps_stay_near_chance(annotated, name):
    images, masks = (part.repeat_interleave(DRAWS, 0) for part in annotated)
    maps = reference("random", images, masks, torch.arange(len(images)))
    scores = metric(name)(held(maps, masks))
    chance = torch.tensor([chance_of(name, mask) for mask in annotated[1]]).repeat_interleave(DRAWS)
    over = scores - chance
    assert abs(over.mean()) < 4 * over.std() / len(over) ** 0.5


def chance_of(name, mask):
    """What a random order of the pixels expects."""
    size, pixels = int(mask.sum()), mask.numel()
    if name == "pixel-auroc":
        return 0.5
    if name == "pixel-auprc":
        return expected_average_precision(pixels, size)
    if name == "miou":  # of uniform values Otsu's threshold lets half of the pixels through, and half of the finding
        return size / (pixels + size)
    return size / pixels


@pytest.mark.parametrize("name", NAMES)
def test_values_are_their_definitions(annotated, name):
    """Of the image itself as a map: smooth, with equal values, as real maps have them."""
    images, masks = annotated
    here = held(images - images.mean((1, 2), keepdim=True), masks)
    np.testing.assert_allclose(metric(name)(here), DEFINITIONS[name].scores(here), atol=1e-9)


def test_a_tuned_threshold_is_at_least_as_good_as_any_other_where_it_was_tuned(annotated):
    """As CheXlocalize tunes it, on half of the images; hit rate beside it."""
    images, masks = annotated
    maps = reference("blurred-oracle", images, masks, torch.arange(len(images)))
    half = slice(0, len(maps) // 2)
    scores = {t / 10: Miou(threshold=t / 10)(held(maps[half], masks[half])).mean().item() for t in range(10)}
    tuned = max(scores, key=scores.get)
    assert scores[tuned] > scores[0.0]
    rest = held(maps[half.stop :], masks[half.stop :])
    assert Miou(threshold=tuned)(rest).mean() > Miou(threshold=0.0)(rest).mean()
    assert PointingGame()(rest).mean() > 0.5
