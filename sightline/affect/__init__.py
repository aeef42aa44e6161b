"""What one person's posture and movement say of their emotion, by a model of that person alone.

model = load_emotion_model(Registry(locate("s3://models")), "ana")
print(model.predict(track_features(track)).probabilities)
"""

from sightline.affect.history import Training, read_trainings
from sightline.affect.model import MODEL_FILE, TASK, EmotionModel, load_emotion_model, sharpened
from sightline.affect.prediction import predict_session

__all__ = [
    "MODEL_FILE",
    "TASK",
    "EmotionModel",
    "Training",
    "load_emotion_model",
    "predict_session",
    "read_trainings",
    "sharpened",
]
