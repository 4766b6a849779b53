"""Compute one cell: explain a model's images with one explainer, and score the maps.

A cell is committed by its record, written last, so it is safe to compute twice.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xraybench import registry
from xraybench.cells.artefacts import ModelArtefacts
from xraybench.cells.bench import Bench, bench
from xraybench.cells.drawing import drawn_where_read
from xraybench.cells.findings import keep_findings
from xraybench.cells.gallery import write_gallery
from xraybench.cells.place import Place
from xraybench.cells.provenance import hardware, versions
from xraybench.cells.tuning import annotated
from xraybench.errors import NotApplicableError, reason_of
from xraybench.explaining import ExplainAgain, baseline_name, explain
from xraybench.identity import digest_bytes
from xraybench.planning import CellJob, MetricJob
from xraybench.results import (
    CellRecord,
    MetricInfo,
    ModelRecord,
    ScoreInfo,
    Spent,
    read_record,
    replacing,
    write_record,
)
from xraybench.score_files import ImageScores, scores_there, write_scores
from xraybench.scoring import score, why_not
from xraybench.spec import (
    Annotated,
    ClassAgnostic,
    Context,
    Contrast,
    Contrasting,
    Cost,
    Evidence,
    Explainer,
    Metric,
    MetricDetails,
    MetricNotes,
    Notes,
    ReExplaining,
    Reference,
    Twins,
)

Report = Callable[[str, int, int], None]
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Maps:
    """A cell's maps float32 [M,S,S], with what making them took and showed."""

    maps: Tensor
    spent: Spent
    notes: Figures
    seconds: float
    digest: str


def compute_cell(place: Place, job: CellJob, report: Report) -> CellRecord:
    """Explain and score one cell, or add to a finished one the metrics it lacks; an error becomes its record.

    Tracebacks lie in log.txt: of what failed the last time the cell was computed.
    """
    folder = place.cell_folder(job)
    (folder / "log.txt").unlink(missing_ok=True)
    try:
        record = _compute(bench(place.for_model(job.model)), job, folder, report)
    except NotApplicableError as error:
        record = _cell_record(place, job, status="skipped", reason=error.message)
    except OSError:  # a full or read-only disk is not this cell's fault: the run stops and says so
        raise
    except Exception as error:
        record = _cell_record(place, job, status="failed", reason=reason_of(error))
        _log(folder, job.label)
    write_record(folder / "cell.json", record)
    return record


def _log(folder: Path, what: str) -> None:
    """Add where the error came from that is being handled."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{what}\n{traceback.format_exc()}\n")


def _cell_record(place: Place, job: CellJob, context: Context | None = None, **fields: Any) -> CellRecord:
    built: Explainer | Reference = registry.build(job.kind, job.call)
    method = isinstance(built, Explainer)
    return CellRecord(
        id=job.id,
        task=place.task.name,
        model=job.model.entry.name,
        model_id=job.model.id,
        seed=job.model.seed,
        explainer=job.label,
        name=job.call.name,
        parameters=dict(job.parameters),
        family=built.family if isinstance(built, Explainer) else "reference",
        role="method" if isinstance(built, Explainer) else built.role,
        signed=isinstance(built, Explainer) and built.signed,
        class_agnostic=isinstance(built, ClassAgnostic) and built.class_agnostic,
        origin=registry.find(job.kind, job.call.name).origin,
        versions=versions(),
        hardware=hardware(bench(place).device),
        flags=_flags(context),
        reproduce=f"{place.command} --model {job.model.entry.name}" + (f" --explainer '{job.label}'" if method else ""),
        **fields,
    )


def _flags(context: Context | None) -> dict[str, str]:
    """How the process computed; images at once, with a gradient and without."""
    flags = {"deterministic": "warn-only", "dtype": "float32", "threads": str(torch.get_num_threads())}
    flags["tf32"] = "on" if torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32 else "off"
    if context is not None:
        flags |= {"batch_size": str(context.batch_size), "forward_batch": str(context.forwards_at_once)}
    return flags


def _compute(desk: Bench, job: CellJob, folder: Path, report: Report) -> CellRecord:
    model = desk.model(job.model)
    weights = read_record(desk.place.model_folder(job.model) / "model.json", ModelRecord).weights_digest
    built: Explainer | Reference = registry.build(job.kind, job.call)
    context = desk.context_of(model, desk.seeds)
    again = ExplainAgain(built, model, desk.targets(model), context) if isinstance(built, Explainer) else None
    kept = _kept(folder, weights, desk)
    if kept:
        made = kept[0]
    elif again:
        made = _keep(folder, *_explained(again, desk.explained_images))
    else:
        assert not isinstance(built, Explainer)
        made = _keep(folder, *drawn_where_read(desk, built))
    evidence = _evidence(desk, model, context, again, made, annotated(desk, model, built))
    keep_findings(desk, job.model, model, weights)
    scores, on_record = (scores_there(folder), kept[1].scores) if kept else ({}, {})
    scoring = Scoring(desk, job, evidence, again, weights, made.digest, scores)
    lost = {label: info for label, info in on_record.items() if info.status == "ok" and label not in scores}
    done = {label: info for label, info in on_record.items() if label not in lost}
    asked = {metric.info.label: metric for metric in job.metrics}
    metrics = ({label: _asked_before(info.metric) for label, info in lost.items()} | asked).values()
    for number, metric in enumerate(metrics):
        report(f"{job.model.label} {job.label}", number, len(metrics))
        if not _is_done(done.get(metric.info.label), metric, made.digest):
            done[metric.info.label] = _score(scoring, metric)
    report(f"{job.model.label} {job.label}", len(metrics), len(metrics))
    write_scores(folder, scores)
    if not kept:
        write_gallery(desk, made.maps, folder, scores)
    return _cell_record(
        desk.place,
        job,
        context,
        status="ok",
        weights_digest=weights,
        maps_digest=made.digest,
        n_images=len(made.maps),
        baseline=baseline_name(again.explainer, again.context) if again else None,
        spent=made.spent,
        scores=done,
        notes={**made.notes, **scoring.notes},
        seconds={"explain": made.seconds, "score": sum(info.seconds for info in done.values())},
    )


def _asked_before(info: MetricInfo) -> MetricJob:
    """A metric on record, whoever asked for it, to be measured again."""
    return MetricJob(info, registry.Call(info.name, info.parameters))


def _explained(again: ExplainAgain, images: Tensor) -> tuple[Tensor, Cost, Figures]:
    """Maps by an explainer, what they cost, and what it notes of them."""
    maps, cost = explain(again, images)
    if not isinstance(again.explainer, Notes):
        return maps, cost, {}
    return maps, cost, {**again.explainer.notes(again.model, images, again.targets, again.context, maps)}


def _keep(folder: Path, maps: Tensor, cost: Cost, notes: Figures) -> Maps:
    """Write maps.npy, from which metrics asked for later are computed."""
    array = maps.cpu().numpy()
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "maps.npy") as path, path.open("wb") as file:
        np.save(file, array)
    seconds = cost.milliseconds * len(maps) / 1000
    return Maps(maps, Spent(**dataclasses.asdict(cost)), notes, seconds, digest_bytes(array.tobytes()))


def _kept(folder: Path, weights: str, desk: Bench) -> tuple[Maps, CellRecord] | None:
    """The maps of a finished cell, where they still are what its record says."""
    if not (folder / "cell.json").exists() or not (folder / "maps.npy").exists():
        return None
    record = read_record(folder / "cell.json", CellRecord)
    array = np.load(folder / "maps.npy")
    digest = digest_bytes(array.tobytes())
    if (
        record.status != "ok"
        or record.spent is None
        or record.maps_digest != digest
        or record.weights_digest != weights
    ):
        return None
    maps = torch.from_numpy(array).to(desk.device)
    return Maps(maps, record.spent, record.notes, record.seconds["explain"], digest), record


def _evidence(
    desk: Bench,
    model: nn.Module,
    context: Context,
    again: ExplainAgain | None,
    made: Maps,
    validation: Callable[[], Annotated] | None,
) -> Evidence:
    return Evidence(
        model=model,
        images=desk.explained_images,
        grey=desk.explained_grey,
        targets=desk.targets(model),
        maps=made.maps,
        regions=desk.regions,
        baseline=context.baseline,
        seeds=desk.seeds,
        cost=Cost(**made.spent.model_dump()),
        twins=desk.twins,
        of_one_label=desk.items.labels is not None and desk.prepared.explained.twins is not None,
        explain=again,
        contrast=_contrast(again),
        batch_size=context.forwards_at_once,
        validation=validation,
        true_labels=desk.true_labels,
        explain_targets=_retargeted(again, desk.explained_images),
    )


def _contrast(again: ExplainAgain | None) -> Contrast | None:
    """Explaining against other baselines, where the explainer has one."""
    return again.against if again and isinstance(again.explainer, Contrasting) else None


def _is_done(info: ScoreInfo | None, metric: MetricJob, maps_digest: str) -> bool:
    """Scored by this version with these parameters on these maps."""
    return (
        info is not None
        and info.metric == metric.info
        and info.status != "failed"
        and (info.status == "skipped" or info.maps_digest == maps_digest)
    )


@dataclass(frozen=True)
class Scoring:
    """A cell's maps as evidence, and what its scores are filed under."""

    desk: Bench
    job: CellJob
    evidence: Evidence
    again: ExplainAgain | None
    weights: str
    maps_digest: str
    scores: dict[str, ImageScores]  # by metric label: what is there, and what is added
    subsets: dict[int, Evidence] = field(default_factory=dict)  # by number of images: what metrics of one share
    notes: Figures = field(default_factory=dict)  # what metrics found beside their scores

    @property
    def folder(self) -> Path:
        """The cell's."""
        return self.desk.place.cell_folder(self.job)

    @property
    def explainer_cost(self) -> int:
        """Image-forwards of one explanation."""
        return self.again.explainer.cost(self.desk.image_size) if self.again else 0

    def artefacts(self, rows: Tensor) -> ModelArtefacts:
        """What the model's cells share, for these rows of the explained images."""
        ids = self.desk.explained_table["image_id"].iloc[rows.tolist()]
        images = list(zip(ids, self.evidence.targets[rows].tolist(), strict=True))
        folder = self.desk.place.model_folder(self.job.model) / "artefacts"
        return ModelArtefacts(folder, self.evidence.model, self.weights, images)

    def of(self, rows: Tensor) -> Evidence:
        """The evidence of these rows: the first patients', so that their number says which."""
        if len(rows) == len(self.evidence.maps):
            return self.evidence
        if len(rows) not in self.subsets:
            self.subsets[len(rows)] = _subset(self.evidence, rows, self.again)
        return self.subsets[len(rows)]


def _score(scoring: Scoring, job: MetricJob) -> ScoreInfo:
    """One metric of the cell: scored, or skipped with its reason, or failed with its error."""
    scoring.scores.pop(job.info.label, None)
    try:
        return _scored(scoring, job)
    except NotApplicableError as error:
        return ScoreInfo(metric=job.info, status="skipped", reason=error.message)
    except OSError:  # as for the cell
        raise
    except Exception as error:  # the other metrics' scores are as good as without it
        _log(scoring.folder, job.info.label)
        return ScoreInfo(metric=job.info, status="failed", reason=reason_of(error))


def _scored(scoring: Scoring, job: MetricJob) -> ScoreInfo:
    metric: Metric = registry.build("metrics", job.call)
    reason = why_not(metric, scoring.evidence, scoring.explainer_cost)
    if reason is not None:
        raise NotApplicableError(reason)
    rows = scoring.desk.rows_of_patients(metric.patients if isinstance(metric, ReExplaining) else None)
    artefacts = scoring.artefacts(rows)
    evidence = dataclasses.replace(scoring.of(rows), artefacts=artefacts)
    scored = score(metric, evidence)
    if isinstance(metric, MetricNotes):
        scoring.notes.update({f"{job.info.label}: {name}": value for name, value in metric.notes(evidence).items()})
    details = metric.details(evidence) if isinstance(metric, MetricDetails) else {}
    table = scoring.desk.explained_table.iloc[rows.cpu().numpy()]
    scoring.scores[job.info.label] = ImageScores(
        table["image_id"].to_numpy().astype(str),
        table["patient_id"].to_numpy().astype(str),
        scored.scores.numpy(),
        {name: values.double().cpu().numpy() for name, values in details.items()},
    )
    return ScoreInfo(
        metric=job.info.model_copy(update={"version": metric.version}),
        status="ok",
        maps_digest=scoring.maps_digest,
        seconds=scored.seconds,
        image_forwards=scored.image_forwards - artefacts.image_forwards,
    )


def _subset(evidence: Evidence, rows: Tensor, again: ExplainAgain | None) -> Evidence:
    """The evidence of some images only."""
    twins = evidence.twins and Twins(evidence.twins.images[rows], evidence.twins.difference[rows])
    return dataclasses.replace(
        evidence,
        images=evidence.images[rows],
        grey=evidence.grey[rows],
        targets=evidence.targets[rows],
        maps=evidence.maps[rows],
        regions={name: mask[rows] for name, mask in evidence.regions.items()},
        seeds=evidence.seeds[rows],
        twins=twins,
        explain=again and again.take(rows),
        contrast=_contrast(again and again.take(rows)),
        shared={},
        true_labels=None if evidence.true_labels is None else evidence.true_labels[rows],
        explain_targets=_retargeted(again and again.take(rows), evidence.images[rows]),
    )


def _retargeted(again: ExplainAgain | None, images: Tensor) -> Callable[[Tensor], Tensor] | None:
    """Explaining the images for other logits, where the map comes from the model."""
    return (lambda targets: dataclasses.replace(again, targets=targets)(images)) if again else None
