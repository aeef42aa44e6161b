"""Pages and alerts about sessions."""

from __future__ import annotations

from sightline.emotion import Attribution, PatientVoice, VoicesUsed
from sightline.sessions import prediction_page, review_alert, session_page
from sightline.speech import MeasuredVoice, Prosody, Segment, Vocalisation
from tests import records


def test_session_page_has_timeline_transcript_and_files() -> None:
    assert session_page(records.stored_session()) == (
        "# ana: visit is happy\n\n"
        "12.5 s, a person in 120 of 125 tracked frames, 13 poses from 14 frames.\n\n"
        "| Seconds | Emotion | Evidence |\n"
        "| --- | --- | --- |\n"
        "| 0.2-1.0 | happy | I am \\| happy |\n\n"
        "To correct it: `sightline correct-session ana/visit --emotion …`.\n\n"
        "> I am \\| happy \\*now\\*\n\n"
        "- Annotated video: `/out/visit.mp4`\n"
        "- Frames: `/out/frames`\n"
        "- Poses: `/out/poses`\n"
        "- Metadata: `/out/visit.json`\n"
        "- Track: `/patients/ana/visit.parquet`"
    )


def test_session_page_names_the_speakers() -> None:
    stored = records.stored_session()
    texts = ((1, "How are you?"), (2, "I am sad."), (2, "Very."), (None, "Yes."))
    changes = {
        "segments": tuple(Segment(start=i, end=i + 1, text=text, speaker=who) for i, (who, text) in enumerate(texts)),
        "voices": VoicesUsed(),
        "attribution": Attribution(voice=PatientVoice(how="given", number=2)),
    }
    page = session_page(stored.model_copy(update={"metadata": stored.metadata.model_copy(update=changes)}))
    assert (
        "> **Voice 1:** How are you?\n>\n> **Voice 2 (the patient):** I am sad. Very.\n>\n> **Unknown voice:** Yes."
    ) in page


def test_session_page_states_missing_speech() -> None:
    stored = records.stored_session()
    silent = stored.model_copy(update={"metadata": stored.metadata.model_copy(update={"transcription": " "})})
    assert "> No speech was transcribed." in session_page(silent)


def test_session_page_states_languages_and_translation() -> None:
    stored = records.stored_session()
    segments = (
        Segment(start=0, end=1, text="Ana ist froh."),
        Segment(start=1, end=2, text="Está triste.", language="es", translation="She is sad."),
    )
    spoken = stored.metadata.model_copy(update={"language": "de", "segments": segments})
    page = session_page(stored.model_copy(update={"metadata": spoken}))
    assert "Spoken languages: de, es" in page
    assert "> In English: She is sad." in page


def test_session_page_lists_voice_without_words() -> None:
    stored = records.stored_session()
    voice = MeasuredVoice(
        prosody=Prosody(pitch_median_hz=210.4, loudness_relative_db=0.0),
        vocalisations=(
            Vocalisation(start=3, end=4.25, certain=True, prosody=Prosody(pitch_median_hz=300)),
            Vocalisation(start=8, end=9, certain=False, prosody=Prosody()),
        ),
    )
    page = session_page(
        stored.model_copy(update={"metadata": stored.metadata.model_copy(update={"measured_voice": voice})})
    )
    assert "| 3.0-4.2 | voice without words | pitch 300 Hz |\n| 8.0-9.0 | voice without words? |  |" in page
    assert "The voice: pitch 210 Hz, loudness +0.0 dB." in page


def test_prediction_page_lists_probabilities_and_reasons() -> None:
    page = prediction_page(records.stored_session(), records.prediction("low confidence", "the words say happy"))
    assert page == (
        "# ana: visit is predicted sad\n\n"
        "The transcript indicates happy. ana/3 predicts sad with a confidence of 0.55; its threshold is 0.6.\n\n"
        "| emotion | probability |\n| --- | --- |\n| sad | 0.550 |\n| happy | 0.450 |\n\n"
        "**A person should review this session:**\n\n- low confidence\n- the words say happy\n\n"
        "- Annotated video: `/out/visit.mp4`\n- Metadata: `/out/visit.json`"
    )


def test_prediction_for_a_training_session_warns() -> None:
    prediction = records.prediction("low confidence").model_copy(update={"trained_on": True})
    warning = "ana/3 was trained on this session"
    assert f"**Warning:** {warning}" in prediction_page(records.stored_session(), prediction)
    alert = review_alert(records.stored_session(), prediction)
    assert alert
    assert str(alert.facts["warning"]).startswith(warning)


def test_prediction_without_review_sends_no_alert() -> None:
    assert review_alert(records.stored_session(), records.prediction()) is None


def test_review_alert_identifies_prediction_and_reasons() -> None:
    alert = review_alert(records.stored_session(), records.prediction("low confidence"))
    assert alert
    assert alert.title == "ana: session visit needs a review"
    assert alert.key == f"{records.SHA256} ana/3 0.6"
    assert alert.at == records.NOON
    assert alert.facts == {
        "patient": "ana",
        "session": "visit",
        "transcript": "happy",
        "prediction": "sad, confidence 0.55, by ana/3",
        "why": "low confidence",
        "video": "/out/visit.mp4",
        "metadata": "/out/visit.json",
    }
