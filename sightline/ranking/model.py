"""A ranking model of the registry: an ONNX file that scores normalised pixels, and runs without torch."""

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
"""The graph's input, float32, shape (n, 3, height, width), and its output, float32, shape (n,)."""

_FIX = "Go back to another version with `sightline rollback-model`, or train the model again"
_BATCH = 32  # crops in one call of the session, which bounds its memory


class Ranker:
    """Scores the style of runners from their lower bodies. May be used from several threads."""

    def __init__(self, record: ModelRecord, session: InferenceSession) -> None:
        self.record = record
        self.name = record.label
        self._session = session

    @property
    def input(self) -> ImageInput:
        """The size and the normalisation that crops are fitted to."""
        return self.record.image_input

    @property
    def bonus(self) -> float:
        """The bonus for raised arms, see :func:`~sightline.ranking.with_bonus`."""
        return float(self.record.parameters["arms_bonus"])

    def scores(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Return scores from 0, poor, to 1, excellent, shape (n,), of crops of lower bodies.

        A crop is uint8, RGB, shape (height, width, 3), of any size. Raises ValueError for anything else.
        """
        scores = [
            self._session.run([OUTPUT], {INPUT: model_input(crops[start : start + _BATCH], self.input)})[0]
            for start in range(0, len(crops), _BATCH)
        ]
        return np.concatenate(scores).astype(np.float64) if scores else np.empty(0)


def load_ranker(registry: Registry, name: ModelName | str, *, threads: int | None = None) -> Ranker:
    """Load the model ``running-style``, or its version ``running-style/3``.

    ``threads``: the number of threads of one call, by default the number of cores. Raises ``ModelNotFound``,
    ``WrongTask`` if the model does not rank, and ``ModelDamaged``.
    """
    files = registry.open(name)
    files.record.check_task(TASK, "ranking")
    session = open_session(files.folder / MODEL_FILE, threads)
    _check(session, files.folder / MODEL_FILE, files.record.image_input)
    return Ranker(files.record, session)


def ranking_record(registry: Registry, name: ModelName | str) -> ModelRecord:
    """Return the record of a model that ranks. Raises ``ModelNotFound`` and ``WrongTask``."""
    wanted = ModelName.of(name)
    model = wanted.name
    if not registry.versions(model):
        raise ModelNotFound(
            f"{model}: {registry.root} has no such model. Train it with `sightline train-ranking DATA --name {model}`. "
            "DATA is a folder with photos of good and bad runners"
        )
    record = registry.record(wanted)
    record.check_task(TASK, "ranking")
    return record


def open_session(file: Path, threads: int | None = None) -> InferenceSession:
    """Open an ONNX file to run on the CPU. Raises ``ModelDamaged`` if it is not one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # errors only, which are also raised
    try:
        # The fallback would try the same again, and print the error to the standard output.
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"], enable_fallback=False)
    except Exception as error:  # Its exceptions have no common base class.
        raise ModelDamaged(f"{file}: is not a valid ONNX file ({error}). {_FIX}") from error


def _check(session: InferenceSession, file: Path, size: ImageInput) -> None:
    """Raise ``ModelDamaged`` unless the graph has the record's input, and one score per crop as its output."""
    inputs = [(value.name, value.type, value.shape[1:]) for value in session.get_inputs()]
    outputs = [(value.name, value.type, len(value.shape)) for value in session.get_outputs()]
    expected = [(INPUT, "tensor(float)", [3, size.height, size.width])], [(OUTPUT, "tensor(float)", 1)]
    if (inputs, outputs) != expected:
        raise ModelDamaged(f"{file}: has inputs {inputs} and outputs {outputs}; expected {expected}. {_FIX}")
