"""The findings of a model's explained images: how large each is, and whether the model sees it."""

from __future__ import annotations

from torch import Tensor, nn

from xraybench.cells.bench import Bench
from xraybench.lineage import ModelJob
from xraybench.results import FINDINGS, Finding, FindingsRecord, read_record, write_record
from xraybench.training import predict


def keep_findings(desk: Bench, job: ModelJob, model: nn.Module, weights: str) -> None:
    """Put them on record for all cells of the model, unless they are; nothing where the data have no masks.

    Two workers may do it at once: both write the same.
    """
    path = desk.place.model_folder(job) / FINDINGS
    if "finding" not in desk.regions:
        return
    if not path.exists() or read_record(path, FindingsRecord).weights_digest != weights:
        write_record(path, FindingsRecord(weights_digest=weights, findings=_findings(desk, model)))


def _findings(desk: Bench, model: nn.Module) -> dict[str, Finding]:
    """By item, of those that have a finding; its region is the label's own where each label has a map."""
    shares = desk.regions["finding"].flatten(1).double().mean(1).tolist()
    found = finds(predict(model, desk.explained_images), desk.targets(model), desk.place.task.kind).tolist()
    items = zip(desk.explained_table["image_id"], found, shares, strict=True)
    return {name: Finding(found=yes, share=share) for name, yes, share in items if share}


def finds(logits: Tensor, targets: Tensor, kind: str) -> Tensor:
    """Bool [M]: the explained logit is above 0; of classes, the explained one has the largest. logits [M,K]."""
    if kind == "multi-class":
        return logits.argmax(1) == targets
    return logits.gather(1, targets[:, None])[:, 0] > 0
