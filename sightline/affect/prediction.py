"""What a model says of one session, beside what the words in it say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sightline.affect.model import EmotionModel
from sightline.sessions import Metadata, Prediction
from sightline.vision import judge

__all__ = ["predict_session"]


def predict_session(
    model: EmotionModel, features: Mapping[str, float], metadata: Metadata, at: datetime, *, threshold: float | None
) -> Prediction:
    """The model's emotion for a session, and why a person should look at it, where one should.

    That is where it is less sure than ``threshold``, by default its own, and where the words say otherwise. An emotion
    that nobody spoke of is the keyword table's default, and no more than that: it contradicts nothing.
    """
    threshold = model.threshold if threshold is None else threshold
    probabilities = model.predict(features)
    emotion, confidence, outcome = judge(probabilities, threshold)
    review = []
    if outcome != "accepted":
        review.append(f"the model is {confidence:.2f} sure, and {threshold:g} is asked for")
    if metadata.emotion_keywords_found and metadata.emotion != emotion:
        review.append(f"the words say {metadata.emotion}, the model {emotion}")
    return Prediction(
        model=model.name,
        emotion=emotion,
        probabilities=probabilities,
        confidence=confidence,
        threshold=threshold,
        outcome=outcome,
        review=tuple(review),
        predicted_at=at,
    )
