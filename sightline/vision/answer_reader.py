"""Reading what a model's server answers about one image: a probability for each class, in the common servers' formats.

>>> answer = read_answer(b'{"probabilities": [0.97, 0.03], "labels": ["dog", "cat"]}', "application/json")
>>> answer.for_classes(("cat", "dog"), "pets")
(0.03, 0.97)

Classifying and monitoring read answers here, so that both understand the same ones, and in the same way.
"""

from __future__ import annotations

import csv
import io

from pydantic_core import from_json

from sightline.vision.answer_objects import find_answer
from sightline.vision.answers import Answer, InvalidAnswer, finite_row, shown

__all__ = ["read_answer"]


def read_answer(content: bytes, content_type: str) -> Answer:
    """Return the one row of numbers in a server's answer, with its labels.

    CSV and NumPy's npy are read as such if ``content_type`` says so, everything else as JSON: a row, a row in lists, or
    an object of SageMaker, TorchServe, TensorFlow Serving, Triton and KServe, Seldon, ONNX servers, Hugging Face,
    scikit-learn services or sightline. In JSON, a number is a JSON number: texts and booleans are none. Raises
    :class:`InvalidAnswer`.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/x-npy":
        return find_answer(_read_npy(content))
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InvalidAnswer(f"not text: {error}") from error
    is_json = text[:1] in ("[", "{") or "json" in media_type
    if media_type.endswith("csv") and text[:1] not in ("[", "{"):
        return _read_csv(text)
    try:
        return find_answer(from_json(text))
    except InvalidAnswer:
        raise
    except ValueError as error:
        if not is_json and "," in text:
            return _read_csv(text)
        raise InvalidAnswer(f"{error}: not JSON") from error


def _read_csv(text: str) -> Answer:
    lines = [line for line in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in line)]
    labels = None
    if len(lines) == 2 and not any(map(_is_number, lines[0])):
        labels = tuple(cell.strip() for cell in lines.pop(0))
        if len(labels) != len(lines[0]):
            raise InvalidAnswer(f"{len(labels)} labels for {len(lines[0])} probabilities")
    if len(lines) != 1:
        raise InvalidAnswer(f"not one row of probabilities, but {len(lines)} rows")
    for cell in lines[0]:
        if not _is_number(cell):
            raise InvalidAnswer(f"could not convert {shown(cell)} to a number")
    return Answer(finite_row([float(cell) for cell in lines[0]]), labels)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # which Python's numbers may contain


def _read_npy(content: bytes) -> object:
    import numpy as np

    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InvalidAnswer(f"not an npy file: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise InvalidAnswer("not an array of numbers")
    return array.tolist()
