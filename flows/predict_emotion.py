"""A session, new or stored → the patient's model → a stored prediction, and a question if it needs a review."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.process_video import process_video
from flows.video_results import VideoResult
from sightline.errors import InvalidInput
from sightline.sessions import SessionStore, review_alert
from sightline.settings import settings
from sightline.speech import Engine
from tasks.affect import (
    Predicted,
    find_stored,
    is_video,
    open_stored,
    predict_stored,
    publish_prediction,
)
from tasks.alerts import send_alert
from tasks.support.flow import sightline_flow


class PredictionResult(BaseModel):
    """The model's prediction beside the emotion of the words. ``review`` holds the reasons for a review.

    ``trained_on``: whether the model was trained on this session, None if that is unknown.
    """

    model_config = ConfigDict(frozen=True)

    patient: str
    session: str
    model: str
    emotion: str
    probabilities: dict[str, float]
    confidence: float
    threshold: float
    outcome: Literal["accepted", "low_confidence"]
    keyword_emotion: str
    emotion_keywords_found: int
    review: tuple[str, ...]
    trained_on: bool | None
    metadata_file: str
    annotated_video: str

    @classmethod
    def of(cls, predicted: Predicted) -> PredictionResult:
        """Return the result of a predicted session."""
        stored = predicted.stored
        return cls(
            patient=stored.patient,
            session=stored.session,
            keyword_emotion=stored.emotion,
            emotion_keywords_found=stored.metadata.emotion_keywords_found,
            metadata_file=stored.metadata_file,
            annotated_video=stored.annotated_video,
            **predicted.prediction.model_dump(exclude={"predicted_at"}),
        )


@sightline_flow(name="predict-emotion", flow_run_name="predict {video_or_session}")
def predict_emotion(
    video_or_session: str,
    patient: str | None = None,
    *,
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None,
    video_bucket: str | None = None,
    patients_bucket: str | None = None,
    transcriber: Engine = "auto",
    language: str | None = None,
    transcript: str | None = None,
) -> PredictionResult:
    """Predict a session's emotion with the patient's model, and request a review if it is uncertain.

    Args:
        video_or_session: A video, which is processed first if it is new; PATIENT/SESSION; or a session's record.
        patient: The patient's name. By default the first part of the session's name, or of the video's key.
        threshold: The lowest confidence that is accepted. By default the model's threshold.
        video_bucket: Folder or bucket of the videos and their results. By default VIDEO_BUCKET.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
        transcriber: The speech engine for a new video. "auto" is faster-whisper if it is installed, otherwise whisper;
            pocketsphinx needs no download.
        language: The language spoken in a new video, by name or code. By default it is detected.
        transcript: A WebVTT, SRT, ASS, TTML or Whisper JSON file of a new video, to be used instead of transcription.
    """
    config = settings()
    store = SessionStore(
        config.locate(video_bucket or config.video_bucket), config.locate(patients_bucket or config.patients_bucket)
    )
    if is_video(video_or_session):
        stored = find_stored(store, video_or_session, patient)
        if stored is None:
            processed = process_video(
                video_or_session, patient, video_bucket=video_bucket, patients_bucket=patients_bucket,
                transcriber=transcriber, language=language, transcript=transcript,
            )  # fmt: skip
            if not isinstance(processed, VideoResult):
                raise InvalidInput(video_or_session, "is a folder", "Give one video, or PATIENT/SESSION")
            stored = open_stored(store, processed.record, processed.patient)
    else:
        stored = open_stored(store, video_or_session, patient)
    predicted = predict_stored(store, stored, threshold)
    publish_prediction(predicted)
    if alert := review_alert(predicted.stored, predicted.prediction):
        send_alert(alert)
    return PredictionResult.of(predicted)
