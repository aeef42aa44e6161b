"""The state in a picture, by a model of postures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sightline.beds.reading import Judge
from sightline.beds.store import JudgedFrame
from sightline.beds.timeline import FAULT, OUT_OF_BED, UNSURE
from sightline.vision import ImageClassifier, Limits, Outcome, Rejected, decode, judge_image

__all__ = ["judge_with"]

_EMPTY = "outofbed"
"""The class of an empty bed in models that have one; the bundled model has none, and is unsure about empty beds."""


def judge_with(classifier: ImageClassifier, threshold: float, limits: Limits) -> Judge:
    """Return a judge that asks ``classifier``; a posture that it is not sure of is :data:`UNSURE`."""

    def judge(pictures: Sequence[bytes]) -> list[JudgedFrame]:
        judged = [JudgedFrame(state=FAULT)] * len(pictures)
        places, pixels = [], []
        for place, picture in enumerate(pictures):
            try:
                pixels.append(decode(picture, classifier.input, limits).pixels)
            except Rejected:
                continue
            places.append(place)
        if not pixels:
            return judged
        for place, (probabilities, strangeness) in zip(places, classifier.examine(np.stack(pixels)), strict=True):
            by_class = dict(zip(classifier.classes, probabilities, strict=True))
            found = judge_image(by_class, threshold, strangeness)
            posture = OUT_OF_BED if found.class_name == _EMPTY else found.class_name
            accepted = found.outcome is Outcome.ACCEPTED
            judged[place] = JudgedFrame(state=posture if accepted else UNSURE, confidence=round(found.confidence, 4))
        return judged

    return judge
