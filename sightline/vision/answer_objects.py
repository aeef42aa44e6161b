"""The row of probabilities in parsed JSON, wherever a server puts it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json

from sightline.vision.answer_tensors import is_tensor, read_tensor, tensor_kind
from sightline.vision.answers import Answer, InvalidAnswer, Label, finite_row, shown

__all__ = ["find_answer"]

# Keys are compared in lower case, without other signs than letters and digits.
_PROBABILITIES = frozenset(
    ("probabilities", "probability", "predictproba", "predictionprobabilities", "classprobabilities", "probs", "prob",
     "proba", "softmax", "inferences", "outputprobability", "outputprobabilities")
)  # fmt: skip
_SCORES = frozenset(("scores", "score", "confidences", "confidence", "predictionscores", "values", "value"))
_WRAPPERS = frozenset(
    ("predictions", "prediction", "outputs", "output", "results", "result", "data", "ndarray", "tensor", "body",
     "response", "answer", "images")
)  # fmt: skip
_LABELS = (
    "labels", "label", "classnames", "labelnames", "names", "displaynames", "categories", "classes", "class", "columns",
    "tagname", "name", "indices", "classids", "labelids", "id2label", "label2id",
)  # fmt: skip
_PAIR_LABELS = (*_LABELS, "displayname", "category", "classid", "labelid", "index", "id")
_PREDICTED_PLACE = (
    "predictedlabel", "predictedclass", "predictedindex", "outputlabel", "classindex", "classid", "classids",
)  # fmt: skip
_PREDICTED = (
    *_PREDICTED_PLACE, "predicted", "predictedclassname", "classname", "topclass", "class", "label", "classes",
    "prediction", "predictions",
)  # fmt: skip
_WORDS = ("prob", "softmax")  # in the names of tensors
_MAX_DEPTH = 16


@dataclass(frozen=True)
class _Surroundings:
    """What the objects around a row say about it."""

    labels: tuple[Label, ...] | None = None
    names: tuple[str, ...] | None = None
    """A list of names under another key: labels if there is one for each number."""
    predicted: Label | None = None
    depth: int = 0

    def inside(self, fields: Mapping[str, Any]) -> _Surroundings:
        """Return them with what an object adds: the inner one takes precedence."""
        labels = next((found for key in _LABELS if (found := _labels(fields.get(key)))), self.labels)
        predicted = next((label for key in _PREDICTED if (label := _predicted(key, fields)) is not None), None)
        names = next((found for value in fields.values() if (found := _names(value))), self.names)
        return replace(self, labels=labels, names=names, predicted=self.predicted if predicted is None else predicted)

    def deeper(self) -> _Surroundings:
        if self.depth == _MAX_DEPTH:
            raise InvalidAnswer(f"not one row of probabilities: nested more than {_MAX_DEPTH} times")
        return replace(self, depth=self.depth + 1)

    def answer(self, row: tuple[float, ...]) -> Answer:
        if self.labels is None:
            return Answer(row, self.names if self.names and len(self.names) == len(row) else None, self.predicted)
        if len(self.labels) == len(row):
            return Answer(row, self.labels, self.predicted)
        if len(self.labels) > 1:
            raise InvalidAnswer(f"{len(self.labels)} labels for {len(row)} probabilities")
        # TensorFlow's "classes" is the predicted one only.
        return Answer(row, None, self.labels[0] if self.predicted is None else self.predicted)


def find_answer(value: object) -> Answer:
    """Return the one row of numbers in parsed JSON. Raises ``InvalidAnswer`` if there is none, or more than one."""
    return _find(value, _Surroundings())


def _find(value: object, around: _Surroundings) -> Answer:
    if isinstance(value, Mapping):
        return _in_object(value, around.deeper())
    if isinstance(value, list):
        return _in_list(value, around.deeper())
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):  # JSON as a text in JSON, as of Lambda functions
        try:
            parsed = from_json(value)
        except ValueError as error:
            raise InvalidAnswer(f"not one row of probabilities: its text is not JSON: {error}") from error
        return _find(parsed, around.deeper())
    return around.answer(finite_row([value]))


def _in_list(items: list[Any], around: _Surroundings) -> Answer:
    if items and isinstance(items[0], int | float):  # the most common answer by far
        return around.answer(finite_row(items))
    if items and all(isinstance(item, Mapping) for item in items):
        objects = [_normalized(item) for item in items]
        if all(map(is_tensor, objects)):
            return _in_tensors(objects, around)
        if pairs := _pairs(objects):
            return pairs
    if items and all(isinstance(item, list) and len(item) in (2, 3) and isinstance(item[-2], str) for item in items):
        # TensorFlow Serving's :classify, and Keras' decode_predictions, which begins with an identifier
        return Answer(finite_row([item[-1] for item in items]), tuple(item[-2] for item in items))
    if len(items) == 1 and isinstance(items[0], list | Mapping | str):
        return _find(items[0], around)
    if items and all(isinstance(item, list | Mapping) for item in items):
        raise InvalidAnswer(f"not one row of probabilities, but {len(items)} rows")
    return around.answer(finite_row(items))


def _in_object(mapping: Mapping[str, Any], outside: _Surroundings) -> Answer:
    fields = _normalized(mapping)
    if is_tensor(fields):
        return _in_tensors([fields], outside)
    around = outside.inside(fields)
    for keys in (_PROBABILITIES, _SCORES, _WRAPPERS):
        if found := [fields[key] for key in fields if key in keys and _is_container(fields[key])]:
            return _only([_find(value, around) for value in found])
    if pairs := _pairs([fields]):
        return pairs
    if len(fields) == 1:
        [(key, value)] = fields.items()
        if _is_container(value) or key in _PROBABILITIES | _SCORES | _WRAPPERS:
            return _find(value, outside)
    return _in_mapping(mapping, around)


def _in_mapping(mapping: Mapping[str, Any], around: _Surroundings) -> Answer:
    """Return the answer of an object with a number for each class."""
    numbers = {key: value for key, value in mapping.items() if not isinstance(value, str)}
    if not numbers or any(_is_container(value) for value in numbers.values()):
        raise InvalidAnswer(f"not one row of probabilities: the object has {', '.join(mapping) or 'nothing'}")
    return Answer(finite_row(list(numbers.values())), tuple(numbers), around.predicted)


def _in_tensors(tensors: Sequence[Mapping[str, Any]], around: _Surroundings) -> Answer:
    numbers = [tensor for tensor in tensors if tensor_kind(tensor) == "numbers"]
    if len(numbers) > 1:
        named = [tensor for tensor in numbers if any(word in str(tensor.get("name")).lower() for word in _WORDS)]
        numbers = named if len(named) == 1 else numbers
    if len(numbers) > 1:
        raise InvalidAnswer(f"not one row of probabilities, but {len(numbers)} tensors. Name one of them probabilities")
    texts = [read_tensor(tensor) for tensor in tensors if tensor_kind(tensor) == "texts"]
    if not numbers:
        if len(texts) == 1 and (triton := _triton_classes(texts[0])):
            return triton
        raise InvalidAnswer("not one row of probabilities: no tensor has floating-point numbers")
    row = finite_row(read_tensor(numbers[0]))
    labels = next((tuple(text) for text in texts if len(text) == len(row)), around.labels)
    return replace(around, labels=labels).answer(row)


def _triton_classes(texts: Sequence[Any]) -> Answer | None:
    """Read Triton's classification extension: ``VALUE:PLACE`` or ``VALUE:PLACE:LABEL``."""
    row, labels = [], []
    for text in texts:
        value, *rest = str(text).split(":", 2)
        try:
            row.append(float(value))
            labels.append(rest[1] if len(rest) > 1 and rest[1] else int(rest[0]))
        except (ValueError, IndexError):
            return None
    return Answer(finite_row(row), tuple(labels))


def _pairs(objects: Sequence[Mapping[str, Any]]) -> Answer | None:
    """Return the answer of objects with a label and a score each; None if one of them has another form."""
    row, labels = [], []
    for fields in objects:
        label = next((fields[key] for key in _PAIR_LABELS if _is_label(fields.get(key))), None)
        scores = [fields[key] for key in fields if key in _PROBABILITIES | _SCORES]
        if label is None or not scores or any(map(_is_container, scores)):
            return None
        row.append(scores[0])
        labels.append(label)
    return Answer(finite_row(row), tuple(labels))


def _only(answers: Sequence[Answer]) -> Answer:
    labelled = [answer for answer in answers if answer.labels is not None]
    by_label = {frozenset(zip(answer.labels or (), answer.row, strict=True)) for answer in labelled}
    by_place = {answer.row for answer in answers if answer.labels is None}
    if len(by_label) > 1 or len(by_place) > 1 or len({tuple(sorted(answer.row)) for answer in answers}) > 1:
        raise InvalidAnswer(f"not one row of probabilities, but {len(answers)} different ones")
    return (labelled or list(answers))[0]


def _labels(value: object) -> tuple[Label, ...] | None:
    """Return a list of labels, or those of a table of names and places; None for anything else.

    Raises ``InvalidAnswer`` for a list of other simple values.
    """
    if isinstance(value, Mapping):
        return _table(value)
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, list) or not value or any(isinstance(item, list | Mapping) for item in value):
        return None
    labels = [int(item) if isinstance(item, float) and item.is_integer() else item for item in value]
    for label in labels:
        if not _is_label(label):
            raise InvalidAnswer(f"its label {shown(label)} is neither the name nor the place of a class")
    return tuple(labels)


def _table(table: Mapping[str, Any]) -> tuple[Label, ...] | None:
    """Return the names of ``{"0": NAME, …}`` or ``{NAME: 0, …}`` by place; None for other objects."""
    if all(isinstance(name, str) for name in table.values()):
        table = {name: int(place) for place, name in table.items() if place.isdecimal()}
    places = {place: name for name, place in table.items() if isinstance(place, int) and not isinstance(place, bool)}
    if len(places) < 2 or sorted(places) != list(range(len(table))):
        return None
    return tuple(places[place] for place in range(len(table)))


def _names(value: object) -> tuple[str, ...] | None:
    while isinstance(value, list) and len(value) == 1:
        [value] = value
    return tuple(value) if isinstance(value, list) and value and all(isinstance(item, str) for item in value) else None


def _predicted(key: str, fields: Mapping[str, Any]) -> Label | None:
    value = fields.get(key)
    while isinstance(value, list) and len(value) == 1:
        [value] = value
    if isinstance(value, str):
        return value if value.strip() and value.lstrip()[:1] not in ("[", "{") else None
    if key not in _PREDICTED_PLACE or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def _is_label(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_container(value: object) -> bool:
    """Return whether the value can contain a row: an object, a list that is not of names only, or JSON as a text."""
    if isinstance(value, list):
        return not value or not all(isinstance(item, str) and item.lstrip()[:1] not in ("[", "{") for item in value)
    return isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip()[:1] in ("[", "{"))


def _normalized(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {"".join(filter(str.isalnum, key)).lower(): value for key, value in mapping.items()}
