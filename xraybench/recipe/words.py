"""A recipe in words: one line for what a model starts from, and one for each stage."""

from __future__ import annotations

from collections.abc import Sequence

from xraybench.tasks import ModelEntry, Stage

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
WATCHED = {"loss": "validation loss", "accuracy": "validation accuracy", "auc": "validation AUC"}
PARTS = {"output": "the output layer", "head": "the head"}
KEPT = {
    "last": "the last epoch is kept",
    "best-loss": "the epoch of least validation loss is kept",
    "best-auc": "the epoch of best validation AUC is kept",
    "smallest-gap": "the epoch with the smallest gap between training and validation accuracy is kept",
}


def start_words(first: ModelEntry) -> str:
    """What the first entry of a chain starts from."""
    if first.weights is not None:
        return f"weights of {first.weights.rpartition('/')[2]}"
    return "ImageNet weights" if first.init == "imagenet" else "random weights"


def stage_words(stage: Stage) -> str:
    """One sentence: on what, how long, how fast, against what loss, with which changes to the images, what is kept."""
    parts = [_length(stage), *_course(stage), *_loss(stage), *_augmentation(stage), *_search(stage)]
    parts += [] if "keep" in stage.search else [KEPT[stage.keep]]
    text = f"{_data(stage)}{'; '.join(parts)}."
    return text[0].upper() + text[1:]


def _data(stage: Stage) -> str:
    """What is read, where it is not simply the training images of the entry's own task."""
    parts = [f"on the task {stage.task}"] if stage.task else []
    parts += [
        f"images whose {column} is {_listed(list(map(str, values)), 'or')}" for column, values in stage.rows.items()
    ]
    parts += [
        f"{source} with {_listed([f'{key} = {value}' for key, value in settings.items()])}"
        for source, settings in stage.sources.items()
    ]
    parts += ["no labels inferred from reports"] if not stage.inferred_labels else []
    parts += [f"to tell {_listed(stage.labels)} apart"] if stage.labels else []
    return f"{', '.join(parts)}: " if parts else ""


def _length(stage: Stage) -> str:
    """How long, by which optimiser, in which batches, how fast."""
    most = "at most " if stage.early_stopping else ""
    length = f"{stage.epochs} epochs" if stage.epochs else f"{stage.iterations:,} iterations"
    batch = f"batches of {stage.batch_size}"
    batch += f" ({stage.micro_batch} in memory at once)" if stage.micro_batch else ""
    return f"{most}{length} of {_optimizer(stage)}, {batch}, {_rate(stage)}"


def _optimizer(stage: Stage) -> str:
    settings = []
    if stage.optimizer == "sgd":
        settings.append(f"momentum {stage.momentum:g}")
    elif stage.betas != (0.9, 0.999):
        settings.append(f"betas {stage.betas[0]:g} and {stage.betas[1]:g}")
    if stage.weight_decay:
        kind = "weight decay" if stage.optimizer == "adamw" else "L2 penalty"
        settings.append(f"{kind} {_small(stage.weight_decay)}")
    return OPTIMIZERS[stage.optimizer] + (f" ({', '.join(settings)})" if settings else "")


def _rate(stage: Stage) -> str:
    """The learning rate, over time and by layer."""
    text = f"learning rate {_small(stage.learning_rate)}"
    if stage.schedule == "one-cycle":
        text = f"learning rate up to {_small(stage.learning_rate)} in one cycle"
    if stage.schedule == "steps":
        to, at = (_listed([f"{100 * share:g}" for share in shares]) for shares in (stage.decay_to, stage.decay_at))
        text += f" falling to {to} % of itself at {at} % of the training"
    if stage.schedule == "plateau":
        floor = f", down to {_small(stage.plateau_floor)}" if stage.plateau_floor else ""
        waits = f"after {stage.plateau_patience} epochs without a better {WATCHED[stage.watch]}"
        text += f", times {stage.plateau_factor:g} {waits}{floor}"
    return text + "".join(
        f", {multiple:g} times that for {PARTS.get(part, part)}" for part, multiple in stage.rates.items()
    )


def _course(stage: Stage) -> list[str]:
    """What is frozen at first, and what ends training early."""
    parts = [f"the head alone learns for the first {stage.frozen_epochs} epochs"] if stage.frozen_epochs else []
    if stage.early_stopping:
        parts.append(f"ends after {stage.early_stopping} epochs without a better {WATCHED[stage.watch]}")
    return parts


def _loss(stage: Stage) -> list[str]:
    parts = []
    if stage.class_weights == "balanced":
        parts.append("classes weighted by inverse frequency")
    elif stage.class_weights is not None:
        parts.append(f"classes weighted {_listed([f'{weight:g}' for weight in stage.class_weights])}")
    parts += [f"labels smoothed by {stage.label_smoothing:g}"] if stage.label_smoothing else []
    parts += [f"dropout {stage.dropout:g}"] if stage.dropout is not None else []
    parts += ["bfloat16" if stage.bf16 == "everywhere" else "bfloat16 on a GPU"] if stage.bf16 else []
    return parts + (["compiled"] if stage.compile else [])


def _augmentation(stage: Stage) -> list[str]:
    """What is done to training images at random."""
    changes = [
        (stage.flip, "left-right flips"),
        (stage.rotation, f"rotations up to {stage.rotation:g}°"),
        (stage.shift, f"shifts up to {100 * stage.shift:g} % of the side"),
        (stage.shift_pixels, f"shifts up to {stage.shift_pixels} pixels"),
        (stage.scale, f"sizes up to {100 * stage.scale:g} % off"),
        (stage.noise, f"noise of deviation {stage.noise:g}"),
        (stage.salt_and_pepper, f"salt and pepper on {100 * stage.salt_and_pepper:g} % of pixels"),
    ]
    done = [words for there, words in changes if there]
    return [f"random {_listed(done)}"] if done else []


def _search(stage: Stage) -> list[str]:
    if not stage.search:
        return []
    values = [f"{name} ({_listed(list(map(str, found)), 'or')})" for name, found in stage.search.items()]
    return [f"the best by validation loss of {stage.search_draws} recipes drawn from {_listed(values)}"]


def _listed(words: Sequence[str], last: str = "and") -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _small(value: float) -> str:
    """`0.001`, `1e-7`."""
    return f"{value:g}".replace("e-0", "e-")
