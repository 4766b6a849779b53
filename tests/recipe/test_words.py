"""Recipes in words."""

import pytest

from xraybench.recipe.words import stage_words, start_words
from xraybench.tasks import ModelEntry, Stage, load_task

PLAIN = {"epochs": 10, "batch_size": 4, "learning_rate": 0.01}
OTHERWISE = {  # for each field a value that changes a recipe, with the fields that it needs beside it
    "task": {"task": "mura"},
    "labels": {"task": "mura", "labels": ["hand", "elbow"]},
    "sources": {"sources": {"phantom-wrist": {"shortcut": 0.9}}},
    "rows": {"rows": {"body_part": ["wrist", "hand"]}},
    "epochs": {"epochs": 11},
    "iterations": {"epochs": None, "iterations": 50_000},
    "batch_size": {"batch_size": 8},
    "micro_batch": {"micro_batch": 2},
    "optimizer": {"optimizer": "sgd"},
    "learning_rate": {"learning_rate": 0.02},
    "rates": {"rates": {"output": 10}},
    "betas": {"betas": (0.5, 0.9)},
    "momentum": {"optimizer": "sgd", "momentum": 0.8},
    "weight_decay": {"weight_decay": 5e-4},
    "schedule": {"schedule": "one-cycle"},
    "decay_at": {"schedule": "steps", "decay_at": [0.3], "decay_to": [0.1]},
    "decay_to": {"schedule": "steps", "decay_at": [0.5], "decay_to": [0.2]},
    "plateau_factor": {"schedule": "plateau", "plateau_factor": 0.5},
    "plateau_patience": {"schedule": "plateau", "plateau_patience": 7},
    "plateau_floor": {"schedule": "plateau", "plateau_floor": 1e-7},
    "watch": {"schedule": "plateau", "watch": "auc"},
    "early_stopping": {"early_stopping": 10},
    "frozen_epochs": {"frozen_epochs": 25},
    "class_weights": {"class_weights": [1.0, 3.0]},
    "label_smoothing": {"label_smoothing": 0.1},
    "dropout": {"dropout": 0.0},
    "bf16": {"bf16": True},
    "compile": {"compile": True},
    "flip": {"flip": True},
    "rotation": {"rotation": 30},
    "shift": {"shift": 0.05},
    "scale": {"scale": 0.1},
    "shift_pixels": {"shift_pixels": 4},
    "noise": {"noise": 0.1},
    "salt_and_pepper": {"salt_and_pepper": 0.1},
    "inferred_labels": {"inferred_labels": False},
    "keep": {"keep": "best-auc"},
    "search": {"search": {"learning_rate": [0.1, 0.01]}, "search_draws": 2},
    "search_draws": {"search": {"learning_rate": [0.1, 0.01]}, "search_draws": 1},
}
BESIDE = {  # what the field is held against, where that is not the plain recipe
    "labels": {"task": "mura"},
    "momentum": {"optimizer": "sgd"},
    "decay_at": {"schedule": "steps", "decay_at": [0.5], "decay_to": [0.1]},
    "decay_to": {"schedule": "steps", "decay_at": [0.5], "decay_to": [0.1]},
    **{key: {"schedule": "plateau"} for key in ("plateau_factor", "plateau_patience", "plateau_floor", "watch")},
    "search_draws": OTHERWISE["search"],
}


def words(**fields):
    return stage_words(Stage(**{**PLAIN, **fields}))


def test_every_field_is_among_the_cases():
    assert set(OTHERWISE) == set(Stage.model_fields)


@pytest.mark.parametrize("field", OTHERWISE)
def test_no_field_of_a_recipe_goes_unsaid(field):
    assert words(**OTHERWISE[field]) != words(**BESIDE.get(field, {}))


def test_what_a_search_may_change_is_not_said_to_be_so():
    text = words(search={"keep": ["last", "best-loss"]}, search_draws=2)
    assert text.endswith("the best by validation loss of 2 recipes drawn from keep (last or best-loss).")


def test_what_stands_at_its_default_is_not_said():
    assert words() == "10 epochs of AdamW, batches of 4, learning rate 0.01; the last epoch is kept."


@pytest.mark.parametrize(
    ("task", "model", "sentence"),
    [
        (
            "mura",
            "wrist",
            "Images whose body_part is wrist: 32 epochs of Adam, batches of 8, learning rate 0.0001 falling to "
            "10, 2 and 1 % of itself at 25, 50 and 75 % of the training; random left-right flips and rotations up"
            " to 30°; the epoch with the smallest gap between training and validation accuracy is kept.",
        ),
        (
            "wrist",
            "imagenet-wrist",
            "At most 100 epochs of Adam, batches of 16, learning rate 0.0001, times 0.1 after 3 epochs without a "
            "better validation loss, down to 1e-7; the head alone learns for the first 25 epochs; ends after 10 "
            "epochs without a better validation loss; classes weighted by inverse frequency; the epoch of least "
            "validation loss is kept.",
        ),
        (
            "tb",
            "vgg16",
            "60 epochs of SGD (momentum 0.9), batches of 32, learning rate 0.001, 10 times that for the output "
            "layer; random rotations up to 10° and shifts up to 5 % of the side; the last epoch is kept.",
        ),
        (
            "mnist",
            "mnist-2-relu",
            "1,000,000 iterations of SGD (momentum 0.9), batches of 25, learning rate up to 0.02 in one cycle; "
            "random shifts up to 4 pixels and salt and pepper on 10 % of pixels; the last epoch is kept.",
        ),
    ],
)
def test_recipes_of_the_papers(task, model, sentence):
    entry = next(entry for entry in load_task(task).models if entry.name == model)
    assert stage_words(entry.stages[-1]) == sentence


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ({}, "random weights"),
        ({"init": "imagenet"}, "ImageNet weights"),
        ({"weights": "/home/me/net.safetensors"}, "weights of net.safetensors"),
    ],
)
def test_what_a_model_starts_from(start, said):
    entry = ModelEntry(name="m", architecture="vgg16", presets=["quick"], stages=[Stage(**PLAIN)], **start)
    assert start_words(entry) == said
