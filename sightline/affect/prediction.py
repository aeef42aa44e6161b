"""Prediction of one session's emotion, compared with the emotion of its words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sightline.affect.model import EmotionModel
from sightline.emotion import NEUTRAL
from sightline.sessions import Metadata, Prediction
from sightline.vision import judge

__all__ = ["predict_session"]


def predict_session(
    model: EmotionModel, features: Mapping[str, float], metadata: Metadata, at: datetime, *, threshold: float | None
) -> Prediction:
    """Predict a session's emotion, with the reasons why a person should review it, if there are any.

    A session that a person corrected needs none. The reasons are a confidence below ``threshold``, by default the
    model's own, and words that express another emotion. Without any keyword, the emotion of the words is the keyword
    table's default, which contradicts nothing. A session that the model was trained on is recognised by the content of
    its video, whatever its name is.
    """
    threshold = model.threshold if threshold is None else threshold
    probabilities = model.predict(features)
    emotion, confidence, outcome = judge(probabilities, threshold)
    review = []
    # What people stated about the session is not asked again.
    if outcome != "accepted" and not metadata.corrections:
        review.append(f"the confidence {confidence:.2f} is below the threshold {threshold:g}")
    if metadata.emotion_keywords_found and not metadata.corrections and metadata.emotion != emotion:
        unlabelled = metadata.other_emotions if metadata.emotion == NEUTRAL else ()
        review.append(f"the words express {', '.join(unlabelled) or metadata.emotion}, the model predicts {emotion}")
    return Prediction(
        model=model.name,
        emotion=emotion,
        probabilities=probabilities,
        confidence=confidence,
        threshold=threshold,
        outcome=outcome,
        review=tuple(review),
        trained_on=None if model.trained_on is None else metadata.content_hash in model.trained_on,
        predicted_at=at,
    )
