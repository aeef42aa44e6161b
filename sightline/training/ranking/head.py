"""The stage "train": dropout, one linear layer and a sigmoid on the embeddings, with early stopping."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.progress import Progress
from sightline.training.common.duplicates import units_of
from sightline.training.common.errors import UnsuitableData
from sightline.training.common.seeding import seeded
from sightline.training.ranking.dataset import LABELS
from sightline.training.ranking.featurize import Features
from sightline.training.ranking.parameters import RankingParameters
from sightline.vision.heads import LinearHead

__all__ = ["TRAINING", "History", "read_history", "scores_of", "split_by_photo", "train_head"]

TRAINING = "training.json"

Floats = NDArray[np.float32]


class History(BaseModel):
    """The content of :data:`TRAINING`: the mean binary cross-entropy of every epoch, and the best epoch, from 1.

    ``train_photos`` and ``validation_photos`` count source photos; ``validation`` lists the validation image paths.
    """

    model_config = ConfigDict(frozen=True)

    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    epoch: int
    train_photos: int
    validation_photos: int
    validation: tuple[str, ...]


def train_head(features: Features, parameters: RankingParameters, folder: Path, progress: Progress) -> None:
    """Write the head of the best epoch into ``folder``, as a :class:`~sightline.vision.heads.LinearHead`.

    The layer is trained on embeddings standardised with the training split's mean and deviation, so that one learning
    rate suits any backbone; the written weights take raw embeddings. The same seed gives the same head. Raises
    ``UnsuitableData`` if there are too few photos for a separate validation split.
    """
    train, validation = split_by_photo(features, parameters.validation, parameters.seed)
    mean, spread = features.embeddings[train].mean(axis=0), features.embeddings[train].std(axis=0)
    spread = np.where(spread > 0, spread, 1).astype(np.float32)  # constant features carry no information
    inputs = (features.embeddings - mean) / spread
    with seeded(parameters.seed):
        layer, history = _fit(inputs, features.labels, train, validation, parameters, progress)
    weights, bias = layer
    weights = weights / spread
    LinearHead(weights, bias - weights @ mean).save(folder / LinearHead.FILE)
    record = History(
        **history,
        train_photos=len({features.groups[row] for row in train}),
        validation_photos=len({features.groups[row] for row in validation}),
        validation=tuple(features.paths[row] for row in validation),
    )
    (folder / TRAINING).write_text(json.dumps(record.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")


def scores_of(folder: Path, embeddings: Floats) -> NDArray[np.float64]:
    """Return the scores of the head in ``folder``, 0 to 1, shape = (n,), for embeddings of shape (n, size)."""
    logits: NDArray[np.float64] = LinearHead.load(folder / LinearHead.FILE).logits(embeddings)[:, 0].astype(np.float64)
    return np.asarray(1 / (1 + np.exp(-logits)))


def read_history(folder: Path) -> History:
    """Read the history that :func:`train_head` wrote."""
    return History.model_validate_json((folder / TRAINING).read_bytes())


def split_by_photo(features: Features, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ascending training and validation indices; no source photo is in both, and both have each label.

    Equal embeddings count as one photo.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    keys = [
        [("photo", group), ("embedding", row.tobytes())]
        for group, row in zip(features.groups, features.embeddings, strict=True)
    ]
    units = units_of(keys)
    fewest = min(len(set(units[features.labels == label])) for label in range(len(LABELS)))
    if fewest < 2:
        raise UnsuitableData(
            "train",
            "a label has lower bodies of a single photo",
            "Each label needs at least two photos, one for validation",
        )
    folds = StratifiedGroupKFold(min(max(2, round(1 / share)), fewest), shuffle=True, random_state=seed)
    for train, validation in folds.split(units, features.labels, units):
        if all(set(features.labels[part]) == set(range(len(LABELS))) for part in (train, validation)):
            return train, validation
    raise UnsuitableData(
        "train", "no split by photo has both labels on both sides", "Add photos, or do not mix labels in a photo"
    )


def _fit(
    inputs: Floats,
    labels: NDArray[np.int64],
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    parameters: RankingParameters,
    progress: Progress,
) -> tuple[tuple[Floats, Floats], dict[str, Any]]:
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits as loss_of

    embeddings, targets = torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(labels.astype(np.float32))
    linear = nn.Linear(inputs.shape[1], 1)
    network = nn.Sequential(nn.Dropout(parameters.dropout), linear, nn.Flatten(0))
    optimizer = torch.optim.Adam(linear.parameters(), lr=parameters.lr)
    losses: list[tuple[float, float]] = []
    best, layer = 0, (linear.weight.detach().numpy().copy(), linear.bias.detach().numpy().copy())
    for epoch in range(1, parameters.epochs + 1):
        network.train()
        total = 0.0
        order = torch.from_numpy(train)[torch.randperm(len(train))]
        for batch in torch.split(order, parameters.batch_size):
            loss = loss_of(network(embeddings[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(batch)
        network.eval()
        with torch.inference_mode():
            validation_loss = loss_of(network(embeddings[validation]), targets[validation]).item()
        losses.append((total / len(train), validation_loss))
        progress(epoch / parameters.epochs)
        if best == 0 or validation_loss < losses[best - 1][1]:
            best, layer = epoch, (linear.weight.detach().numpy().copy(), linear.bias.detach().numpy().copy())
        elif epoch - best >= parameters.patience:
            break
    history = {
        "train_losses": [train_loss for train_loss, _ in losses],
        "validation_losses": [validation_loss for _, validation_loss in losses],
        "epoch": best,
    }
    return layer, history
