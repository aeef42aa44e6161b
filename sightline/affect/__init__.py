"""Emotion of a session from posture and movement, predicted by a model of the patient.

model = load_emotion_model(Registry(locate("s3://models")), "ana")
print(model.predict(track_features(track).features))
"""

from sightline.affect.history import TRAININGS, Training, read_trainings
from sightline.affect.model import (
    MODEL_FILE,
    SESSIONS,
    TASK,
    EmotionModel,
    apply_temperature,
    load_emotion_model,
    model_of,
)
from sightline.affect.prediction import predict_session

__all__ = [
    "MODEL_FILE",
    "SESSIONS",
    "TASK",
    "TRAININGS",
    "EmotionModel",
    "Training",
    "apply_temperature",
    "load_emotion_model",
    "model_of",
    "predict_session",
    "read_trainings",
]
