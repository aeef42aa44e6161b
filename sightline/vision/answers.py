"""What a model's server answers about one image: a row of numbers, which are the probabilities of named classes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Answer", "InvalidAnswer", "Label", "finite_row", "shown"]

Label: TypeAlias = str | int
"""A name of a class, or its place among the classes."""

_SUM_TOLERANCE = 0.01
# Names of servers that know no names: a number, or one with a prefix, as in LABEL_1, class 1, t:1 and __label__1.
_PLACE = re.compile(r"(?:(?:__label__|label|class|category|output|[ct])[_: -]?)?([0-9]{1,6})", re.IGNORECASE)
_PREFIX = "__label__"  # of fastText and BlazingText


class InvalidAnswer(ValueError):
    """An answer without a probability per class. The text names the part that is wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of finite numbers, and the labels of an answer.

    ``labels``: the class of each number, None if the answer has no labels. ``predicted``: the class that the answer
    states as its prediction, None if it states none.
    """

    row: tuple[float, ...]
    labels: tuple[Label, ...] | None = None
    predicted: Label | None = None

    def for_classes(self, classes: Sequence[str], owner: str) -> tuple[float, ...]:
        """Return the probabilities in the order of the classes of ``owner``.

        The answer's labels decide which number belongs to which class. A class that it leaves out has the probability
        0, if the others sum to 1. Raises :class:`InvalidAnswer` for another number of classes, for labels that are not
        classes, for numbers that are not probabilities, from 0 to 1 with the sum 1 (to within 0.01), and if the stated
        prediction is not the most probable class.
        """
        row = self.row if self.labels is None else _arranged(self.row, self.labels, classes, owner)
        if len(row) != len(classes):
            count = f"{len(row)} {'probability' if len(row) == 1 else 'probabilities'}"
            raise InvalidAnswer(f"{count}, but {owner} has {len(classes)} classes")
        for number in row:
            if not 0 <= number <= 1:
                raise InvalidAnswer(f"{max(row, key=abs):g} is not a probability: it is not between 0 and 1")
        if not math.isclose(sum(row), 1, abs_tol=_SUM_TOLERANCE):
            left_out = "" if self.labels is None or len(self.labels) == len(row) else _left_out(self.labels, classes)
            raise InvalidAnswer(f"the probabilities sum to {sum(row):g}, not to 1{left_out}")
        if self.predicted is not None:
            self._check_prediction(self.predicted, row, classes, owner)
        return row

    def _check_prediction(self, predicted: Label, row: Sequence[float], classes: Sequence[str], owner: str) -> None:
        if self.labels is not None and isinstance(predicted, int):
            return  # It may be a place among the labels or among the classes.
        [place] = _places((predicted,), classes, owner)
        if not math.isclose(row[place], max(row), abs_tol=1e-6):
            first = classes[row.index(max(row))]
            raise InvalidAnswer(
                f"it predicts {classes[place]}, but its largest probability, {max(row):g}, is in the place of {first}: "
                f"the classes of {owner} are in another order"
            )


def finite_row(values: Sequence[object]) -> tuple[float, ...]:
    """Return JSON numbers as a row. Raises :class:`InvalidAnswer` for an empty row and for anything else in it."""
    if not values:
        raise InvalidAnswer("not one row of probabilities: it is empty")
    row = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidAnswer(f"not one row of probabilities: {shown(value)} is not a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise InvalidAnswer(f"not one row of probabilities: {shown(value)} is not a finite number")
        row.append(number)
    return tuple(row)


def shown(value: object) -> str:
    """Return a value of an answer as a message shows it: as in JSON, and at most 60 characters."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _arranged(row: Sequence[float], labels: Sequence[Label], classes: Sequence[str], owner: str) -> tuple[float, ...]:
    arranged = [0.0] * len(classes)
    for place, number in zip(_places(labels, classes, owner), row, strict=True):
        arranged[place] = number
    return tuple(arranged)


def _places(labels: Sequence[Label], classes: Sequence[str], owner: str) -> list[int]:
    """Return the places of the labels among the classes: all are names, in any case, or all are numbers from 0."""
    names = {name: place for place, name in enumerate(classes)}
    texts = [str(label).strip().removeprefix(_PREFIX) for label in labels]
    if not all(text in names for text in texts):
        folded = {name.strip().casefold(): place for name, place in names.items()}
        if len(folded) == len(classes) and all(text.casefold() in folded for text in texts):
            names, texts = folded, [text.casefold() for text in texts]
        else:
            names, texts = _numbered(labels, classes, owner)
    places = [names[text] for text in texts]
    if len(set(places)) < len(places):
        raise InvalidAnswer(f"its labels {_listed(labels)} name a class twice")
    return places


def _numbered(labels: Sequence[Label], classes: Sequence[str], owner: str) -> tuple[dict[str, int], list[str]]:
    matches = [_PLACE.fullmatch(str(label).strip()) for label in labels]
    texts = [str(int(match[1])) for match in matches if match]
    names = {str(place): place for place in range(len(classes))}
    if len(texts) < len(labels) or not all(text in names for text in texts):
        raise InvalidAnswer(f"it is about {_listed(labels)}, but the classes of {owner} are {_listed(classes)}")
    return names, texts


def _left_out(labels: Sequence[Label], classes: Sequence[str]) -> str:
    return f": it has only {len(labels)} of {len(classes)} classes. Let the server return all of them"


def _listed(labels: Sequence[Label], limit: int = 10) -> str:
    more = f" and {len(labels) - limit} more" if len(labels) > limit else ""
    return ", ".join(str(label)[:60] for label in labels[:limit]) + more
