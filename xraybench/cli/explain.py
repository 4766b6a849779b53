"""`xraybench explain`: radiographs explained with a trained model."""

from __future__ import annotations

from pathlib import Path

import click

from xraybench.cli._common import DEVICE, JSON, check_gpu, names, print_json
from xraybench.errors import UsageError


@click.command()
@click.argument("images", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="IMAGE...")
@click.option("--run", "run_folder", type=click.Path(path_type=Path),
              help="A run folder (runs/<name>) with a trained model.")  # fmt: skip
@click.option("--model", help="A model of that run, where it has several. Without --run: the run's folder, or that of "
              "a model in it (runs/<name>/models/<id>).")  # fmt: skip
@click.option("--explainer", "explainers", multiple=True, default=("grad-cam",), show_default=True,
              help='By name ("rise(masks=500)"), or all, fast, paper. Repeat, or use commas.')  # fmt: skip
@click.option("--target", "targets", multiple=True, default=("predicted",), show_default=True,
              help="What is explained: predicted, a label, or a logit's number. Repeat, or use commas.")  # fmt: skip
@click.option("--box", help="Outline X,Y,WIDTH,HEIGHT (pixels of the file) on the pictures of a single image.")
@DEVICE
@click.option("--out", type=click.Path(path_type=Path), default="explained", show_default=True,
              help="Folder of the pictures and their page.")  # fmt: skip
@JSON
def explain(
    images: tuple[Path, ...], run_folder: Path | None, model: str | None, explainers: tuple[str, ...],
    targets: tuple[str, ...], box: str | None, device: str, out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Explain radiographs (PNG, JPEG, TIFF, DICOM) with a trained model: overlays side by side, and a page."""
    from xraybench.narration import narrator
    from xraybench.single.explain import Request, explain_images
    from xraybench.single.findings import as_json as values_of
    from xraybench.single.page import write_page
    from xraybench.single.picture import write_picture

    check_gpu(device)
    if run_folder is None:
        run_folder, model = _folder(model), None
    request = Request(images, run_folder, model, names(explainers), names(targets), _box(box), device)
    with narrator() as voice:
        findings = explain_images(
            request, voice.progress, lambda so_far, one: write_picture(out / f"{one.name}.png", so_far, one)
        )
    files = {one.name: out / f"{one.name}.png" for one in findings.images} | {"page": out / "index.html"}
    write_page(files["page"], findings)
    for skipped in findings.skipped:
        click.echo(f"skipped: {skipped.explainer}: {skipped.reason}", err=True)
    if as_json:
        print_json(values_of(findings, files))
        return
    for one in findings.images:
        said = ", ".join(f"{target.label}: logit {target.logit:.3f}" for target in one.targets)
        click.echo(f"{files[one.name]}: {findings.model}, {said}")
    click.echo(f"page: {files['page']}")


def _folder(model: str | None) -> Path:
    """What --model names where --run is left out."""
    if model is None or not Path(model).is_dir():
        raise UsageError(
            "no run is named", "give --run runs/NAME, or its folder as --model; `xraybench status` lists them"
        )
    return Path(model)


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        x, y, width, height = (round(float(part)) for part in text.split(","))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"cannot read --box {text!r}", "give X,Y,WIDTH,HEIGHT in pixels") from error
    return x, y, width, height
