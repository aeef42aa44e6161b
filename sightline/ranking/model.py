"""A ranking model of the registry: one ONNX file from normalised pixels to scores, run without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.names import ModelName
from sightline.ranking.pixels import model_input
from sightline.registry import ModelDamaged, ModelNotFound

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from sightline.registry import ImageInput, ModelRecord, Registry

__all__ = ["INPUT", "MODEL_FILE", "OUTPUT", "TASK", "Ranker", "load_ranker", "open_session", "ranking_record"]

TASK = "image-ranking"
MODEL_FILE = "ranker.onnx"
INPUT, OUTPUT = "pixels", "score"
"""What the graph calls its input, float32, shape (n, 3, height, width), and its output, float32, shape (n,)."""

_MEND = "Go back to another version with `sightline rollback-model`, or train the model again"
_BATCH = 32  # crops a run: what they take in memory is bounded


class Ranker:
    """Scores the style of runners from their lower bodies. May be used from several threads at once."""

    def __init__(self, record: ModelRecord, session: InferenceSession) -> None:
        self.record = record
        self.name = record.label
        self._session = session

    @property
    def input(self) -> ImageInput:
        """What crops are fitted into."""
        return self.record.image_input

    @property
    def bonus(self) -> float:
        """What raised arms add, as :func:`~sightline.ranking.with_bonus` takes it."""
        return float(self.record.parameters["arms_bonus"])

    def scores(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """From 0, poor, to 1, excellent, shape (n,): of lower bodies of any size, uint8, RGB, (height, width, 3) each.

        Raises ValueError for anything else.
        """
        found = [
            self._session.run([OUTPUT], {INPUT: model_input(crops[start : start + _BATCH], self.input)})[0]
            for start in range(0, len(crops), _BATCH)
        ]
        return np.concatenate(found).astype(np.float64) if found else np.empty(0)


def load_ranker(registry: Registry, name: ModelName | str, *, threads: int | None = None) -> Ranker:
    """The model ``running-style``, or its version ``running-style/3``.

    ``threads``: those that one call may use, by default as many as there are cores. Raises ``ModelNotFound``,
    ``WrongTask`` where the model is not one that ranks, and ``ModelDamaged``.
    """
    files = registry.open(name)
    files.record.check_task(TASK, "ranking")
    session = open_session(files.folder / MODEL_FILE, threads)
    _check(session, files.folder / MODEL_FILE, files.record.image_input)
    return Ranker(files.record, session)


def ranking_record(registry: Registry, name: ModelName | str) -> ModelRecord:
    """The record of the model, as :func:`load_ranker` names it. Raises ``ModelNotFound`` and ``WrongTask``."""
    wanted = ModelName.of(name)
    model = wanted.name
    if not registry.versions(model):
        raise ModelNotFound(
            f"{model}: {registry.root} has no such model. Train it with `sightline train-ranking DATA --name {model}`, "
            "DATA being photos of good and bad runners"
        )
    record = registry.record(wanted)
    record.check_task(TASK, "ranking")
    return record


def open_session(file: Path, threads: int | None = None) -> InferenceSession:
    """An ONNX file, ready to run on the CPU. Raises ``ModelDamaged`` where it is none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # errors, which are raised as well
    try:
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # Its exceptions have no class of their own in common.
        raise ModelDamaged(f"{file}: is not an ONNX file that can be run ({error}). {_MEND}") from error


def _check(session: InferenceSession, file: Path, size: ImageInput) -> None:
    """Raise ``ModelDamaged`` unless the graph takes what the record says, and gives one score each."""
    takes = [(each.name, each.type, each.shape[1:]) for each in session.get_inputs()]
    gives = [(each.name, each.type, len(each.shape)) for each in session.get_outputs()]
    wanted = [(INPUT, "tensor(float)", [3, size.height, size.width])], [(OUTPUT, "tensor(float)", 1)]
    if (takes, gives) != wanted:
        raise ModelDamaged(f"{file}: takes {takes} and gives {gives}, where {wanted} was expected. {_MEND}")
