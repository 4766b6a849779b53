"""Single images explained with the model of a finished run: values, pictures, the page, and what is refused."""

import json
import os
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from tests.here import here
from tests.run.conftest import run_folder
from xraybench.cells.bench import bench
from xraybench.cli.explain import explain
from xraybench.errors import DataError, UsageError
from xraybench.leaderboard.overlays import NEGATIVE, POSITIVE, STRONG, decode
from xraybench.results import ModelRecord, RunRecord, read_record, write_record
from xraybench.single.explain import Request, explain_images
from xraybench.single.findings import Explained, Findings, MapOf, Target, as_json
from xraybench.single.page import write_page
from xraybench.single.picture import draw, overlay, write_picture
from xraybench.single.targets import probabilities, targets_of
from xraybench.single.trained import trained_model
from xraybench.tasks import load_task

DOCUMENT = Path(__file__).parents[2] / "docs/explaining.md"
DICOM = Path(__file__).parents[2] / "../shared/data/dicom"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> tuple[Path, Path]:
    """Two images of the same name in different folders."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    paths = folder / "wrist.png", folder / "second" / "wrist.png"
    paths[1].parent.mkdir()
    for path in paths:
        Image.fromarray((rng.random((80, 60)) * 255).astype(np.uint8)).save(path)
    return paths


def request(
    out: Path, *images: Path, explainers=("gradient", "channel-activation"), targets=("predicted",), **more
) -> Request:
    return Request(images, run_folder(out), more.pop("model", None), explainers, targets, **more)


@pytest.fixture(scope="module")
def findings(finished, pictures) -> Findings:
    return explain_images(request(finished, *pictures))


def test_images_explained_together_get_what_each_gets_alone(finished, pictures, findings):
    for path, together in zip(pictures, findings.images, strict=True):
        (alone,) = explain_images(request(finished, path)).images
        assert alone.logits == pytest.approx(together.logits, rel=1e-4)
        for one, other in zip(alone.targets[0].maps, together.targets[0].maps, strict=True):
            np.testing.assert_allclose(one.values, other.values, atol=1e-4 * np.abs(other.values).max())
    assert [one.name for one in findings.images] == ["wrist", "wrist-2"]


def test_the_map_is_the_gradient_of_the_logit(finished, findings):
    import torch
    from safetensors.torch import load_file

    from xraybench.data.prepared import Prepared
    from xraybench.data.preprocessing import View, process
    from xraybench.data.radiograph import read_radiograph
    from xraybench.models import small_cnn
    from xraybench.steps import DEFAULT

    (weights,) = run_folder(finished).glob("models/*/weights.safetensors")
    model = small_cnn.build(1, 1, 64).eval()
    model.load_state_dict(load_file(weights))
    (data,) = (finished / "data").iterdir()
    statistics = Prepared(data).statistics
    one = findings.images[0]
    grey = torch.from_numpy(process(View(read_radiograph(one.path)), DEFAULT, 64).image)
    image = ((grey - statistics.mean) / statistics.std)[None, None].requires_grad_()
    logit = model(image)[0, 0]
    (gradient,) = torch.autograd.grad(logit, image)
    assert one.logits == {"fracture": pytest.approx(logit.item(), rel=1e-4)}
    assert one.targets[0].probability == pytest.approx(logit.sigmoid().item(), rel=1e-4)
    expected = gradient[0, 0].numpy()
    np.testing.assert_allclose(one.targets[0].maps[0].values, expected, atol=1e-4 * np.abs(expected).max())


def made_up(signed: bool, values: np.ndarray, box: np.ndarray | None = None, scale: float = 2.0) -> Findings:
    found = MapOf("a-method", {}, signed, values, scale)
    grey = np.full((64, 64), 80, dtype=np.uint8)
    box = np.zeros((64, 64), dtype=bool) if box is None else box
    one = Explained(Path("x.png"), "x", grey, box, {"sick": 1.0}, (Target("sick", 0, 1.0, 0.73, (found,)),))
    return Findings("net (seed 0)", "run", "task", True, 64, (one,), ())


@pytest.mark.parametrize(("signed", "ends"), [(True, (NEGATIVE, POSITIVE)), (False, (None, STRONG))])
def test_colours_are_symmetric_about_zero_or_start_there(signed, ends):
    values = np.zeros((64, 64))
    values[:8], values[-8:] = -2.0, 2.0
    findings = made_up(signed, values)
    pixels = overlay(findings.images[0].grey, findings.images[0].targets[0].maps[0])
    assert (pixels[32, 32] == 80).all()  # zero has no colour
    for row, colour in zip((0, -1), ends, strict=True):
        expected = (80, 80, 80) if colour is None else np.rint(0.15 * 80 + 0.85 * np.array(colour))
        np.testing.assert_array_equal(pixels[row, 0], expected)


def test_the_scale_speaks_for_the_label_where_the_map_does():
    signed, agnostic, unsigned = (MapOf("m", {}, *flags) for flags in (
        (True, np.ones((2, 2)), 3868.4), (True, np.ones((2, 2)), 0.25, True), (False, np.ones((2, 2)), 0.25, True)
    ))  # fmt: skip
    assert signed.ends == ("−3.87e+03 against", "0", "for +3.87e+03")
    assert agnostic.ends == ("−0.25", "0", "+0.25")
    assert unsigned.ends == ("0", "", "0.25")


def test_a_map_of_zeros_has_no_scale():
    blank = MapOf("m", {}, True, np.zeros((2, 2)), 1.0)
    assert blank.ends == ("", "zero everywhere", "")


@pytest.mark.parametrize("scale", [1.23e-5, 0.000123, 0.25, 3868.0, 1.23e10, 1.23e300])
def test_the_words_below_a_scale_stand_apart(scale):
    findings = made_up(True, np.zeros((64, 64)), scale=scale)
    figure = draw(findings, findings.images[0])
    figure.canvas.draw()
    (bar,) = [axes for part in figure.subfigs for axes in part.axes if axes.texts]
    left, middle, right = (text.get_window_extent() for text in bar.texts)
    assert left.x1 + 5 < middle.x0
    assert middle.x1 + 5 < right.x0


def test_the_picture_shows_box_and_map(tmp_path):
    values, box = np.zeros((64, 64)), np.zeros((64, 64), dtype=bool)
    values[:32], box[40:60, 40:60] = 2.0, True
    for name, shown in (("plain", made_up(True, np.zeros((64, 64)))), ("full", made_up(True, values, box))):
        write_picture(tmp_path / f"{name}.png", shown, shown.images[0])
    plain, full = (
        np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")).astype(int) for name in ("plain", "full")
    )
    red, cyan = (
        [((pixels - colour).__abs__().max(2) < 40).sum() for pixels in (plain, full)]
        for colour in (np.rint(0.15 * 80 + 0.85 * np.array(POSITIVE)), (57, 230, 255))
    )
    assert red[1] - red[0] > 0.3 * full.shape[0] ** 2 / 16
    assert cyan[0] == 0 < cyan[1]


def test_maps_are_named_with_the_settings_of_the_runs_preset(finished, pictures):
    from xraybench.single.trained import trained_model

    trained = trained_model(run_folder(finished), None)
    settings = {"rise": {"masks": 7}, "grad-cam": {"relu": True}}
    preset = trained.preset.model_copy(update={"explainers": settings})
    asked = request(finished, pictures[0], explainers=("gradient", "rise", "rise(masks=5)", "grad-cam"))
    with patch("xraybench.single.explain.trained_model", lambda *_: replace(trained, preset=preset)):
        (one,) = explain_images(asked).images
    names = [found.explainer for found in one.targets[0].maps]
    assert names == ["gradient", "rise(masks=7)", "rise(masks=5)", "grad-cam(relu=true)"]
    masks = [found.parameters.get("masks") for found in one.targets[0].maps]
    assert masks == [None, 7, 5, None]


def test_the_page_stands_alone_and_holds_every_map(tmp_path, findings):
    write_page(tmp_path / "index.html", findings)
    text = (tmp_path / "index.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)[^"]+"', text)
    assert not re.findall(r"url\((?!data:)", text.partition("<section")[2])
    assert text.count('class="map"') == 4
    assert "phantom" in text
    layer = decode(re.search(r'class="map" src="([^"]*)"', text)[1])
    values = findings.images[0].targets[0].maps[0].values
    assert layer.shape[2] == 4
    coarse = layer[..., 3].reshape(64, 4, 64, 4).mean((1, 3))
    assert np.corrcoef(coarse.ravel(), np.abs(values).clip(0, np.abs(values).max()).ravel())[0, 1] > 0.8


def test_values_for_other_programs(findings):
    told = json.loads(json.dumps(as_json(findings, {"wrist": Path("a"), "wrist-2": Path("b"), "page": Path("c")})))
    first = told["images"][0]["targets"][0]
    assert {"label", "logit", "probability", "maps"} <= set(first)
    assert [one["explainer"] for one in first["maps"]] == ["gradient", "channel-activation"]
    assert [one["signed"] for one in first["maps"]] == [True, False]
    assert [one["class_agnostic"] for one in first["maps"]] == [False, True]
    row, column = first["maps"][0]["largest_at"]
    values = findings.images[0].targets[0].maps[0].values
    assert values[row, column] == values.max() == first["maps"][0]["largest"]


def test_a_target_is_a_label_a_number_or_the_largest_logit():
    digits, logits = load_task("mnist"), np.array([0.0, 3, 1, 9, 2, 2, 2, 2, 2, 2])
    assert targets_of(("predicted", "3", "1"), digits, logits) == [3, 1]
    assert probabilities(digits, logits).sum() == pytest.approx(1)
    chest = load_task("chexpert")
    logits = np.linspace(-1, 1, chest.num_outputs)
    assert targets_of((chest.labels[2].upper(), "0", "predicted"), chest, logits) == [2, 0, chest.num_outputs - 1]
    assert probabilities(chest, np.zeros(chest.num_outputs)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"explainers": ("grad-camm",)}, UsageError, "did you mean 'grad-cam'"),
        ({"targets": ("fractur",)}, UsageError, "did you mean 'fracture'"),
        ({"targets": ("1",)}, UsageError, r"there is no logit 1.*\n.*this task has 0 to 0: fracture"),
        ({"targets": ("-1",)}, UsageError, "there is no logit -1"),
        ({"explainers": ("rise(masks=abc)",)}, UsageError, "masks should be a whole number"),
        ({"model": "small"}, UsageError, "small-cnn"),
        ({"explainers": ("attention-rollout",)}, UsageError, "no explainer applies"),
        ({"box": (500.0, 0.0, 5.0, 5.0)}, UsageError, "outside"),
    ],
)
def test_what_does_not_fit_is_said_with_its_cure(finished, pictures, change, error, said):
    with pytest.raises(error, match=said):
        explain_images(request(finished, pictures[0], **change))


@pytest.fixture
def of_two(finished, tmp_path) -> Path:
    """The run beside a copy of its data, its model there twice, under two names."""
    shutil.copytree(finished, tmp_path / "runs")
    (first,) = run_folder(tmp_path / "runs").glob("models/*")
    second = shutil.copytree(first, first.with_name("second"))
    record = ModelRecord.model_validate_json((second / "model.json").read_text())
    (second / "model.json").write_text(
        record.model_copy(update={"model": "other-cnn", "id": "second"}).model_dump_json()
    )
    return run_folder(tmp_path / "runs")


def explained(*arguments: object) -> Result:
    return CliRunner().invoke(explain, [str(one) for one in arguments])


def test_a_folder_as_model_is_the_run_or_its_model(finished, pictures, tmp_path):
    (folder,) = run_folder(finished).glob("models/*")
    options = pictures[0], "--out", tmp_path, "--json", "--explainer", "gradient"
    named = explained(*options, "--run", run_folder(finished), "--model", "small-cnn")
    assert named.exit_code == 0
    for place in (run_folder(finished), folder, os.path.relpath(folder)):
        assert explained(*options, "--model", place).stdout == named.stdout


def test_a_folder_of_several_models_names_them_and_each_has_its_own(of_two, pictures):
    found = explained(pictures[0], "--model", of_two).exception
    assert isinstance(found, UsageError)
    assert "several models" in found.message
    assert all(name in found.hint for name in ("small-cnn", "other-cnn", f"--run {of_two}"))
    assert trained_model(of_two / "models" / "second", None).job.id == "second"
    assert trained_model(of_two, "small-cnn").job.id != "second"


def test_of_several_seeds_of_a_model_the_first_is_explained(finished, tmp_path):
    folder = run_folder(shutil.copytree(finished, tmp_path / "runs"))
    (path,) = folder.glob("models/*/model.json")
    record = read_record(path, ModelRecord)
    for seed in (2, 10):
        other = record.model_copy(update={"seed": seed, "id": f"small-cnn-s{seed}"})
        write_record(folder / "models" / other.id / "model.json", other)
    assert trained_model(folder, "small-cnn").job.seed == record.seed == 0


def test_a_model_of_some_rows_is_explained_as_its_board_explains_it(finished, tmp_path, monkeypatch):
    """What explainers know of the training images is of those rows alone."""
    folder = run_folder(shutil.copytree(finished, tmp_path / "runs"))
    (path,) = folder.glob("models/*/model.json")
    record = read_record(path, ModelRecord)
    stages = [{**stage, "rows": {"fracture": [1]}} for stage in record.recipe["stages"]]
    write_record(path, record.model_copy(update={"recipe": {**record.recipe, "stages": stages}}))
    desk = bench(trained_model(folder, None).place)
    monkeypatch.setattr(type(desk), "items", property(lambda _: pytest.fail("no image of the data is explained")))
    everything = bench(trained_model(run_folder(finished), None).place)
    training = everything.rows("train")
    broken = everything.images(training[everything.labels(training)[:, 0].numpy() == 1])
    known = {image.numpy().tobytes() for image in broken}
    assert {image.numpy().tobytes() for image in desk.context.background} <= known
    assert not {image.numpy().tobytes() for image in everything.context.background} <= known


def test_it_computes_as_a_run_does(finished, pictures, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    torch.use_deterministic_algorithms(False)
    bench.cache_clear()
    explain_images(request(finished, pictures[0], device="cpu"))
    assert not torch.backends.cudnn.allow_tf32
    assert torch.are_deterministic_algorithms_enabled()


def test_what_is_done_is_told_and_kept_image_by_image(finished, pictures):
    told, kept = [], []
    asked = request(finished, *pictures, explainers=("gradient", "attention-rollout"))
    findings = explain_images(
        asked, lambda *progress: told.append(progress), lambda so_far, one: kept.append((len(so_far.images), one))
    )
    assert [(done, total) for _, done, total in told] == [(done, 4) for done in range(5)]
    assert told[0][0] == "explaining · wrist, gradient"
    assert kept == [(1, findings.images[0]), (2, findings.images[1])]
    assert [one.explainer for one in findings.skipped] == ["attention-rollout"]


def test_peers_name_all_their_parameters(finished, pictures):
    peers = ("captum:IntegratedGradients(n_steps=3)", "captum:Occlusion", "zennit:EpsilonPlus(epsilon=0.1)")
    (one,) = explain_images(request(finished, pictures[0], explainers=peers)).images
    integrated, occlusion, propagated = (found.parameters for found in one.targets[0].maps)
    assert integrated == {"n_steps": 3, "method": "gausslegendre", "multiply_by_inputs": True}
    assert occlusion == {"sliding_window_shapes": [1, 8, 8], "strides": [1, 8, 8]}
    assert propagated == {"epsilon": 0.1, "stabilizer": 1e-6, "zero_params": None, "bn": "canonised"}


@pytest.mark.parametrize("model", [(), ("--model", "small-cnn")])
def test_without_a_run_there_is_no_model(model, pictures):
    found = explained(pictures[0], *model)
    assert isinstance(found.exception, UsageError)
    assert "--run" in found.exception.hint


def test_a_box_belongs_to_one_image(finished, pictures):
    with pytest.raises(UsageError, match="one image"):
        explain_images(request(finished, *pictures, box=(0.0, 0.0, 5.0, 5.0)))


@pytest.mark.parametrize("box", [(0.0, 0.0, 0.0, 0.0), (5.0, 5.0, -3.0, 4.0)])
def test_a_box_has_an_inside(finished, pictures, box):
    with pytest.raises(UsageError, match="is empty"):
        explain_images(request(finished, pictures[0], box=box))


def test_an_image_that_does_not_decode_is_named(finished, tmp_path, pictures):
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictures[0].read_bytes()[:200])
    with pytest.raises(DataError, match=r"broken\.png") as caught:
        explain_images(request(finished, pictures[0], broken))
    assert "obtain it again" in caught.value.hint


def test_a_folder_is_no_image(finished, pictures):
    with pytest.raises(DataError, match="is a folder, not an image"):
        explain_images(request(finished, pictures[0].parent))


def test_a_run_without_models_says_how_to_train_them(finished, tmp_path, pictures):
    record = run_folder(finished) / "run.json"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_bytes(record.read_bytes())
    with pytest.raises(DataError, match="holds no trained model") as caught:
        explain_images(Request(pictures, tmp_path / "run", None, ("gradient",), ("predicted",)))
    assert RunRecord.model_validate_json(record.read_text()).command in caught.value.hint


def test_the_commands_of_the_document_run(finished, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("wrist.png", "other.png"):
        (tmp_path / name).write_bytes(pictures[0].read_bytes())
    lines = re.search(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1].splitlines()
    assert len(lines) == 4
    for line in lines[1:3]:  # the others differ in what is the default, and in more explainers
        words = shlex.split(line.replace("runs/NAME", str(run_folder(finished))))[1:]
        done = here(*words)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert json.loads(done.stdout)["images"][0]["picture"] == "explained/wrist.png"
    assert {path.name for path in (tmp_path / "explained").iterdir()} == {"wrist.png", "other.png", "index.html"}


@pytest.mark.skipif(not DICOM.is_dir(), reason="the DICOM files of shared/data are not there")
def test_dicom_files_are_explained(finished):
    paths = sorted(DICOM.glob("*.dcm"))
    assert paths
    found = explain_images(request(finished, *paths, explainers=("gradient",)))
    assert all(one.grey.std() > 10 and one.targets[0].maps[0].values.any() for one in found.images)
