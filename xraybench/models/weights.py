"""Where a model's first weights come from: a file of one's own, or torchvision's ImageNet weights; never a download."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_model_weights

from xraybench.errors import DataError, UsageError
from xraybench.models._modular import summed_to_grey

FOLDER = "XRAYBENCH_WEIGHTS"  # environment variable: a folder with weights files
FEATURES_OF = {"radinet169": "densenet169"}  # whose ImageNet weights fit another architecture's features
POSITIONS = "encoder.pos_embedding"  # of a vision transformer: one a patch, so they follow the image size


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict from a safetensors file or from a torch file of plain tensors; nothing in it is executed."""
    if not path.is_file():
        raise DataError(f"{path}: no such weights file", "give a state dict (.pth) or a .safetensors file")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: is not a file of plain tensors: {reason}", "save model.state_dict() alone") from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else loaded
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"{path}: holds no state dict", "save model.state_dict() alone")
    return dict(state)


def read_imagenet(architecture: str) -> dict[str, Tensor]:
    """torchvision's IMAGENET1K_V1 weights, from $XRAYBENCH_WEIGHTS or torch's hub cache; checked by their digest."""
    path = _imagenet_file(architecture)
    expected = path.stem.rpartition("-")[2]
    with path.open("rb") as file:
        if not hashlib.file_digest(file, "sha256").hexdigest().startswith(expected):
            raise DataError(
                f"{path}: is truncated or changed (its SHA-256 does not start with {expected})", "get it anew"
            )
    return read_weights(path)


def _imagenet_file(architecture: str) -> Path:
    name = FEATURES_OF.get(architecture, architecture).replace("-", "_")
    try:
        url = str(get_model_weights(name)["IMAGENET1K_V1"].url)
    except ValueError as error:
        message = f"there are no ImageNet weights of {architecture}"
        raise UsageError(message, 'leave out init, or give weights = "FILE"') from error
    file = url.rpartition("/")[2]
    folders = [Path(os.environ[FOLDER])] if FOLDER in os.environ else []
    folders.append(Path(torch.hub.get_dir()) / "checkpoints")
    for folder in folders:
        if (folder / file).is_file():
            return folder / file
    places = " or ".join(str(folder) for folder in folders)
    raise DataError(
        f"the ImageNet weights of {architecture} ({file}) are not in {places}",
        f"put {url} there; nothing is downloaded unasked (another folder: set {FOLDER})",
    )


def carry_over(model: nn.Module, state: Mapping[str, Tensor], fresh_output: bool) -> list[str]:
    """Load `state` into `model`, which keeps its own output layer if `fresh_output`; returns what was drawn anew.

    In the head whatever does not fit is drawn anew; outside of it a missing or misshapen tensor is a DataError. An
    RGB stem is summed over its channels for grey, the positions of a vision transformer are interpolated to its size.
    """
    own = model.state_dict()
    state = _fitted(model, own, state)
    output = str(model.layers[-1])  # type: ignore[index]
    head = output.partition(".")[0]
    kept, anew = {}, []
    for name, tensor in own.items():
        fits = name in state and state[name].shape == tensor.shape
        if fits and not (fresh_output and name.startswith(f"{output}.")):
            kept[name] = state[name]
        elif name.startswith(f"{head}."):
            anew.append(name.rpartition(".")[0])
        elif not name.endswith("num_batches_tracked"):
            found = tuple(state[name].shape) if name in state else "missing"
            message = f"{name} is {found} in the weights, {tuple(tensor.shape)} in the model"
            raise DataError(message, "give weights of this architecture, for this image size")
    model.load_state_dict(kept, strict=False)
    return list(dict.fromkeys(anew))


def _fitted(model: nn.Module, own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state with torchvision's old names of DenseNet layers, for the model's channels and image size."""
    fitted = {re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2.", name): state[name] for name in state}
    for name, tensor in fitted.items():
        wanted = own.get(name)
        if wanted is not None and tensor.dim() == 4 and tensor.shape[1] == 3 and wanted.shape[1] == 1:
            fitted[name] = summed_to_grey(tensor)
    if POSITIONS in own and POSITIONS in fitted and fitted[POSITIONS].shape != own[POSITIONS].shape:
        from torchvision.models.vision_transformer import interpolate_embeddings

        size, patch = int(model.image_size), int(model.patch_size)  # type: ignore[arg-type]
        return dict(interpolate_embeddings(size, patch, OrderedDict(fitted)))
    return fitted
