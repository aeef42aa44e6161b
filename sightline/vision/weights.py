"""A model's weights in files without code: the backbone's as safetensors, the head's in its own format."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.registry import ModelDamaged
from sightline.vision.backbones import BACKBONES, create_backbone
from sightline.vision.heads import HEADS, Head

if TYPE_CHECKING:
    from sightline.registry import ModelFiles
    from sightline.vision.nets import Backbone

__all__ = ["BACKBONE_FILE", "load_backbone", "load_head", "load_weights", "save_backbone", "save_classifier"]

BACKBONE_FILE = "backbone.safetensors"


def save_classifier(folder: Path, backbone: Backbone, head: Head, *, half: bool = False) -> list[Path]:
    """Write the weights into ``folder`` as a model's version stores them, and return the files.

    ``half`` stores the backbone's matrices in float16, which halves the size; the caller checks that the predictions
    remain correct. Raises ``ValueError`` for weights that are not finite, or too large for float16.
    """
    files = [save_backbone(folder, backbone, half=half), folder / head.FILE]
    head.save(folder / head.FILE)
    return files


def save_backbone(folder: Path, backbone: Backbone, *, half: bool = False) -> Path:
    """Write only a backbone's weights, and return the file. Raises as :func:`save_classifier` does."""
    import torch
    from safetensors.torch import save_file

    tensors = {}
    for name, tensor in backbone.state_dict().items():
        # Biases and running statistics are few, and a variance can be too small for float16.
        stored = tensor.half() if half and tensor.ndim > 1 else tensor
        if not torch.isfinite(stored).all():
            raise ValueError(f"{name}: contains values that are not finite{' in float16' if half else ''}")
        tensors[name] = stored.detach().cpu().contiguous()
    save_file(tensors, folder / BACKBONE_FILE)
    return folder / BACKBONE_FILE


def load_weights(files: ModelFiles) -> tuple[Backbone, Head]:
    """Load the backbone, in evaluation mode, and the head of a version.

    Raises ``ModelDamaged`` if the files do not match the architecture in the record.
    """
    backbone = load_backbone(files.folder, str(files.record.architecture.get("backbone")))
    return backbone, load_head(files, backbone.embedding_size)


def load_backbone(folder: Path, name: str) -> Backbone:
    """Load the backbone ``name``, in evaluation mode, with the weights in ``folder``. Raises ``ModelDamaged``."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / BACKBONE_FILE
    if name not in BACKBONES:
        raise ModelDamaged(f"{path.parent}: its backbone is {name!r}, which is not one of {', '.join(BACKBONES)}")
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelDamaged(f"{path}: is not a safetensors file ({error})") from error
    # Weights that are replaced immediately need neither memory nor random numbers.
    with torch.device("meta"):
        backbone = create_backbone(name)
    expected = backbone.state_dict()
    problems = [
        _listed("lacks", expected.keys() - stored.keys()),
        _listed("has unexpected", stored.keys() - expected.keys()),
        *(
            f"has {key} of shape {tuple(stored[key].shape)}; expected {tuple(tensor.shape)}"
            for key, tensor in expected.items()
            if key in stored and stored[key].shape != tensor.shape
        ),
        _listed("has infinite or undefined", [key for key, tensor in stored.items() if not tensor.isfinite().all()]),
    ]
    if any(problems):
        raise ModelDamaged(f"{path}: not the weights of {name}: it {'; it '.join(filter(None, problems))}")
    backbone.load_state_dict({key: tensor.to(expected[key].dtype) for key, tensor in stored.items()}, assign=True)
    return backbone.eval()


def load_head(files: ModelFiles, embedding_size: int) -> Head:
    """Load the head of a version for embeddings of this size. Raises ``ModelDamaged``."""
    name = str(files.record.architecture.get("head"))
    kind = HEADS.get(name)
    if kind is None:
        raise ModelDamaged(f"{files.folder}: its head is {name!r}, which is not one of {', '.join(HEADS)}")
    try:
        head = kind.load(files.folder / kind.FILE)
    except (OSError, ValueError) as error:
        raise ModelDamaged(f"{files.folder / kind.FILE}: {error}") from error
    if (head.embedding_size, head.classes) != (embedding_size, len(files.record.classes)):
        raise ModelDamaged(
            f"{files.folder / head.FILE}: a head for {head.classes} classes and embeddings of {head.embedding_size}; "
            f"expected {len(files.record.classes)} classes and embeddings of {embedding_size}"
        )
    return head


def _listed(verb: str, names: Collection[str]) -> str:
    shown = sorted(names)[:5]
    return f"{verb} {', '.join(shown)}{f' and {len(names) - 5} more' if len(names) > 5 else ''}" if names else ""
