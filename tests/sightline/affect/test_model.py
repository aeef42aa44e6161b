"""A patient's model is loaded from the registry and predicts probabilities, or raises an error with the reason."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sightline.affect import MODEL_FILE, apply_temperature, load_emotion_model, model_of, predict_session
from sightline.names import PatientName
from sightline.registry import FeatureInput, ModelDamaged, ModelNotFound, ModelRecord, Registry, WrongTask
from sightline.sessions import Metadata
from sightline.vision import load_classifier

Publish = Callable[..., ModelRecord]
SLOW, QUICK = {"height": 0.0, "speed": 0.0}, {"height": 0.0, "speed": 2.0}
NOW = datetime(2026, 2, 1, tzinfo=UTC)


def metadata_of(emotion: str, keywords: int) -> Metadata:
    """Return the metadata of a session with an emotion in its words."""
    return Metadata(
        video_path="clip.mp4", transcription="", emotion=emotion, duration_seconds=3, emotion_keywords_found=keywords,
        annotations_found=0, frames_extracted=0, poses_extracted=0, whisper_model=None, processing_timestamp=NOW,
        session="clip", content_hash="a" * 64, engine="file", model="clip.vtt", segments=(), annotations=(),
        frames_tracked=0, frames_with_person=0, timeline=(), parameters={}, timings={}, versions={},
    )  # fmt: skip


class TestLoading:
    def test_true_emotion_has_the_highest_probability(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        for features, emotion in ((QUICK, "happy"), (SLOW, "sad")):
            predicted = model.predict(features)
            assert list(predicted) == ["happy", "neutral", "sad"]
            assert math.isclose(sum(predicted.values()), 1)
            assert max(predicted, key=lambda name: predicted[name]) == emotion

    def test_unknown_feature_is_accepted_and_missing_one_is_not(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        assert model.predict({"height": math.nan, "speed": 2.0})["happy"] > 0.5
        with pytest.raises(ValueError, match="there is no speed"):
            model.predict({"height": 0.0})

    def test_patient_without_a_model_gets_the_command_that_trains_it(self, registry: Registry) -> None:
        with pytest.raises(
            ModelNotFound, match=r"ana: has no model in .* yet\. Train it with `sightline train-emotion"
        ):
            load_emotion_model(registry, "ana")

    def test_earlier_version_is_loaded_by_number(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        publish("ana")
        assert load_emotion_model(registry, "ana").name == "patient--ana/2"
        assert load_emotion_model(registry, "ana", 1).name == "patient--ana/1"

    def test_patient_named_like_an_image_model_has_another_model(self, registry: Registry, publish: Publish) -> None:
        assert registry.current("vehicles")
        with pytest.raises(ModelNotFound, match="vehicles: has no model"):
            load_emotion_model(registry, "vehicles")
        publish("vehicles")
        assert load_emotion_model(registry, "vehicles").name == "patient--vehicles/1"
        assert registry.record("vehicles").task == "image-classification"

    @pytest.mark.parametrize("patient", ["ana", "Ana B", "José M."])
    def test_model_that_version_0_1_trained_keeps_its_name(
        self, patient: str, registry: Registry, publish: Publish
    ) -> None:
        earlier = PatientName.parse(patient).model.earlier
        assert earlier
        for _ in range(2):
            publish(patient, name=earlier.name)
        assert model_of(registry, patient) == earlier
        assert load_emotion_model(registry, patient).name == f"{earlier}/2"
        (Path(str(registry.root)) / earlier.name / "2" / "record.json").write_text("{")
        assert model_of(registry, patient) == earlier

    def test_earlier_name_of_another_patient_is_not_used(self, registry: Registry, publish: Publish) -> None:
        publish("Ana B", name="ana-b-f0633d59")
        assert model_of(registry, "Ana B").name == "ana-b-f0633d59"
        assert model_of(registry, "ana-b-f0633d59").name == "patient--ana-b-f0633d59"

    def test_emotion_model_is_rejected_as_image_model(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        with pytest.raises(
            WrongTask, match="patient--ana/1: is a model for emotion-of-session and does not take images"
        ):
            load_classifier(registry, "patient--ana")

    def test_model_of_another_patient_is_rejected(self, registry: Registry, publish: Publish) -> None:
        publish("ana", architecture={"patient": "ben"})
        with pytest.raises(WrongTask, match="not the emotions of ana"):
            load_emotion_model(registry, "ana")


class TestUntrustedFiles:
    def test_file_with_foreign_types_is_not_loaded(self, registry: Registry, publish: Publish) -> None:
        publish("ana", content=Path("anything"))
        with pytest.raises(ModelDamaged, match=r"contains types that no forest has.*pathlib"):
            load_emotion_model(registry, "ana")

    def test_pickle_is_not_loaded_whatever_its_name(
        self, registry: Registry, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("skops.io.dump", lambda content, file: file.write_bytes(pickle.dumps(content)))
        publish("ana")
        with pytest.raises(ModelDamaged, match="is not a skops file, and other formats are not loaded"):
            load_emotion_model(registry, "ana")

    def test_file_without_a_pipeline_is_not_loaded(self, registry: Registry, publish: Publish) -> None:
        publish("ana", content=[1, 2])
        with pytest.raises(ModelDamaged, match="is not a pipeline for 2 features"):
            load_emotion_model(registry, "ana")

    def test_forest_with_other_features_is_not_loaded(self, registry: Registry, publish: Publish) -> None:
        publish("ana", input=FeatureInput(features=("height", "speed", "width")))
        with pytest.raises(ModelDamaged, match="is not a pipeline for 3 features"):
            load_emotion_model(registry, "ana")

    def test_changed_file_is_not_loaded(self, registry: Registry, publish: Publish, tmp_path: Path) -> None:
        publish("ana")
        file = tmp_path / "models" / "patient--ana" / "1" / MODEL_FILE
        file.write_bytes(file.read_bytes() + b"x")
        with pytest.raises(ModelDamaged, match="and the record states"):
            load_emotion_model(registry, "ana")


class TestPrediction:
    def test_confident_model_that_agrees_with_the_words_needs_no_review(
        self, registry: Registry, publish: Publish
    ) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        prediction = predict_session(model, QUICK, metadata_of("happy", 2), NOW, threshold=None)
        assert (prediction.model, prediction.emotion, prediction.outcome, prediction.threshold) == (
            "patient--ana/1",
            "happy",
            "accepted",
            0.6,
        )
        assert prediction.review == ()
        assert json.loads(prediction.model_dump_json())["predicted_at"] == "2026-02-01T00:00:00Z"

    def test_prediction_that_contradicts_the_words_needs_review(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        prediction = predict_session(model, QUICK, metadata_of("sad", 1), NOW, threshold=None)
        assert prediction.outcome == "accepted"
        assert prediction.review == ("the words express sad, the model predicts happy",)

    def test_review_names_the_emotion_without_a_label(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        scared = metadata_of("neutral", 1).model_copy(update={"other_emotions": {"afraid": ["scared"]}})
        prediction = predict_session(load_emotion_model(registry, "ana"), QUICK, scared, NOW, threshold=None)
        assert prediction.review == ("the words express afraid, the model predicts happy",)

    def test_session_without_keywords_contradicts_nothing(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        assert predict_session(model, QUICK, metadata_of("neutral", 0), NOW, threshold=None).review == ()

    @pytest.mark.parametrize(
        ("sessions", "trained_on"),
        [
            ([{"session": "clip", "sha256": "a" * 64}], True),
            ([{"session": "clip under another name", "sha256": "a" * 64}, {"session": "x", "sha256": "c" * 64}], True),
            ([{"session": "clip", "sha256": "b" * 64}], False),
            ([], None),  # imported: what it was trained on is unknown
            (None, None),
        ],
    )
    def test_session_of_the_training_data_is_recognised_by_its_content(
        self, sessions: object, trained_on: bool | None, registry: Registry, publish: Publish
    ) -> None:
        publish("ana", sessions=sessions)
        model = load_emotion_model(registry, "ana")
        prediction = predict_session(model, QUICK, metadata_of("happy", 2), NOW, threshold=None)
        assert prediction.trained_on is trained_on

    def test_unreadable_list_of_training_sessions_is_an_error(self, registry: Registry, publish: Publish) -> None:
        publish("ana", sessions=[{"session": "clip"}])
        with pytest.raises(ModelDamaged, match=r"training_sessions\.json: is not a list"):
            load_emotion_model(registry, "ana")

    def test_confidence_below_a_given_threshold_needs_review(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        prediction = predict_session(
            model, {"height": 0.0, "speed": 1.5}, metadata_of("happy", 1), NOW, threshold=0.999
        )
        assert prediction.outcome == "low_confidence"
        assert prediction.review[0].endswith("is below the threshold 0.999")


def test_temperature_above_one_lowers_the_confidence() -> None:
    uncalibrated = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(apply_temperature(uncalibrated, 1.0), uncalibrated)
    assert apply_temperature(uncalibrated, 3.0).max() < 0.7


def test_every_emotion_has_a_positive_probability() -> None:
    assert apply_temperature(np.array([[1.0, 0.0, 0.0]]), 1.0).min() > 0
