"""A patient's model is loaded from the registry and answers with probabilities, or says why it does not."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sightline.affect import MODEL_FILE, load_emotion_model, predict_session, sharpened
from sightline.registry import FeatureInput, ModelDamaged, ModelNotFound, ModelRecord, Registry, WrongTask
from sightline.sessions import Metadata
from sightline.vision import load_classifier

Publish = Callable[..., ModelRecord]
SLOW, QUICK = {"height": 0.0, "speed": 0.0}, {"height": 0.0, "speed": 2.0}
NOW = datetime(2026, 2, 1, tzinfo=UTC)


def metadata_of(emotion: str, keywords: int) -> Metadata:
    """What was found in a session's words."""
    return Metadata(
        video_path="clip.mp4", transcription="", emotion=emotion, duration_seconds=3, emotion_keywords_found=keywords,
        annotations_found=0, frames_extracted=0, poses_extracted=0, whisper_model=None, processing_timestamp=NOW,
        session="clip", content_hash="a" * 64, engine="file", model="clip.vtt", segments=(), annotations=(),
        frames_tracked=0, frames_with_person=0, timeline=(), parameters={}, timings={}, versions={},
    )  # fmt: skip


class TestLoading:
    def test_a_session_gets_a_probability_of_every_emotion_and_the_right_one_the_highest(
        self, registry: Registry, publish: Publish
    ) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        for features, emotion in ((QUICK, "happy"), (SLOW, "sad")):
            found = model.predict(features)
            assert list(found) == ["happy", "neutral", "sad"]
            assert math.isclose(sum(found.values()), 1)
            assert max(found, key=lambda each: found[each]) == emotion

    def test_a_feature_that_is_not_known_does_not_stop_it_and_one_left_out_does(
        self, registry: Registry, publish: Publish
    ) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        assert model.predict({"height": math.nan, "speed": 2.0})["happy"] > 0.5
        with pytest.raises(ValueError, match="there is no speed"):
            model.predict({"height": 0.0})

    def test_a_patient_without_a_model_is_told_how_to_get_one(self, registry: Registry) -> None:
        with pytest.raises(
            ModelNotFound, match=r"ana: has no model in .* yet\. Train it with `sightline train-emotion"
        ):
            load_emotion_model(registry, "ana")

    def test_an_earlier_version_can_be_asked_too(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        publish("ana")
        assert load_emotion_model(registry, "ana").name == "ana/2"
        assert load_emotion_model(registry, "ana", 1).name == "ana/1"

    def test_a_model_of_images_is_not_taken_for_a_patients(self, registry: Registry) -> None:
        assert registry.current("vehicles")
        with pytest.raises(WrongTask, match="image-classification, not the emotions of vehicles"):
            load_emotion_model(registry, "vehicles")

    def test_a_patients_model_is_not_taken_for_one_of_images(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        with pytest.raises(WrongTask, match="ana/1: is a model for emotion-of-session and does not take images"):
            load_classifier(registry, "ana")

    def test_another_patients_model_under_this_ones_name_is_refused(self, registry: Registry, publish: Publish) -> None:
        publish("ana", architecture={"patient": "ben"})
        with pytest.raises(WrongTask, match="not the emotions of ana"):
            load_emotion_model(registry, "ana")


class TestFilesThatAreNotTrusted:
    def test_a_file_with_code_of_another_kind_is_not_loaded(self, registry: Registry, publish: Publish) -> None:
        publish("ana", content=Path("anything"))
        with pytest.raises(ModelDamaged, match=r"holds types that no forest has.*pathlib"):
            load_emotion_model(registry, "ana")

    def test_a_pickle_is_not_loaded_whatever_it_is_called(
        self, registry: Registry, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("skops.io.dump", lambda content, file: file.write_bytes(pickle.dumps(content)))
        publish("ana")
        with pytest.raises(ModelDamaged, match="is no skops file, and nothing else is loaded"):
            load_emotion_model(registry, "ana")

    def test_a_file_that_is_no_pipeline_is_not_loaded(self, registry: Registry, publish: Publish) -> None:
        publish("ana", content=[1, 2])
        with pytest.raises(ModelDamaged, match="is no pipeline for 2 features"):
            load_emotion_model(registry, "ana")

    def test_a_forest_of_other_features_is_not_loaded(self, registry: Registry, publish: Publish) -> None:
        publish("ana", input=FeatureInput(features=("height", "speed", "width")))
        with pytest.raises(ModelDamaged, match="is no pipeline for 3 features"):
            load_emotion_model(registry, "ana")

    def test_a_changed_file_is_not_loaded(self, registry: Registry, publish: Publish, tmp_path: Path) -> None:
        publish("ana")
        file = tmp_path / "models" / "ana" / "1" / MODEL_FILE
        file.write_bytes(file.read_bytes() + b"x")
        with pytest.raises(ModelDamaged, match="and the record states"):
            load_emotion_model(registry, "ana")


class TestPrediction:
    def test_a_sure_model_that_agrees_with_the_words_needs_nobody(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        told = predict_session(model, QUICK, metadata_of("happy", 2), NOW, threshold=None)
        assert (told.model, told.emotion, told.outcome, told.threshold) == ("ana/1", "happy", "accepted", 0.6)
        assert told.review == ()
        assert json.loads(told.model_dump_json())["predicted_at"] == "2026-02-01T00:00:00Z"

    def test_a_model_that_contradicts_the_words_goes_to_review(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        told = predict_session(model, QUICK, metadata_of("sad", 1), NOW, threshold=None)
        assert told.outcome == "accepted"
        assert told.review == ("the words say sad, the model happy",)

    def test_words_that_were_never_said_contradict_nothing(self, registry: Registry, publish: Publish) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        assert predict_session(model, QUICK, metadata_of("neutral", 0), NOW, threshold=None).review == ()

    def test_an_unsure_model_goes_to_review_and_the_call_may_say_from_where_on(
        self, registry: Registry, publish: Publish
    ) -> None:
        publish("ana")
        model = load_emotion_model(registry, "ana")
        told = predict_session(model, {"height": 0.0, "speed": 1.5}, metadata_of("happy", 1), NOW, threshold=0.999)
        assert told.outcome == "low_confidence"
        assert told.review[0].endswith("sure, and 0.999 is asked for")


def test_a_temperature_of_one_changes_nothing_and_a_high_one_makes_less_sure() -> None:
    found = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(sharpened(found, 1.0), found)
    assert sharpened(found, 3.0).max() < 0.7


def test_no_emotion_is_ever_impossible() -> None:
    assert sharpened(np.array([[1.0, 0.0, 0.0]]), 1.0).min() > 0
