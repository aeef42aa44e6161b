"""Pages and alerts about sessions, for the Prefect UI and the alert channels."""

from __future__ import annotations

from itertools import groupby

from sightline import markdown
from sightline.alerts import Alert
from sightline.sessions.records import Metadata, Prediction, StoredSession
from sightline.speech import WORDLESS, MeasuredVoice, Prosody

__all__ = ["prediction_page", "review_alert", "session_page", "trained_on_note"]


def session_page(stored: StoredSession, form: str | None = None) -> str:
    """Return a page about a stored session: its emotion, timeline, transcript and files.

    ``form``: the address of the form with which a person corrects it.
    """
    metadata = stored.metadata
    timeline = [
        (f"{stretch.start:.1f}-{stretch.end:.1f}", stretch.emotion, markdown.escape(stretch.evidence))
        for stretch in metadata.timeline
    ]
    voice = metadata.measured_voice or MeasuredVoice(prosody=Prosody())
    sounds = [
        (f"{sound.start:.1f}-{sound.end:.1f}", WORDLESS + ("" if sound.certain else "?"), _figures(sound.prosody))
        for sound in voice.vocalisations
    ]
    files = {
        "Annotated video": stored.annotated_video,
        "Highlights": stored.highlights,
        "Frames": stored.frames,
        "Poses": stored.poses,
        "Metadata": stored.metadata_file,
        "Track": stored.track,
    }
    return markdown.page(
        f"# {markdown.escape(stored.patient)}: {markdown.escape(stored.session)} is {stored.emotion}",
        _facts(metadata),
        f"{metadata.duration_seconds:.1f} s, a person in {metadata.frames_with_person} of {metadata.frames_tracked} "
        f"tracked frames, {metadata.poses_extracted} poses from {metadata.frames_extracted} frames.",
        f"Spoken languages: {markdown.escape(', '.join(metadata.languages))}" if metadata.languages else "",
        "\n".join(f"- **Warning:** {markdown.escape(warning)}" for warning in metadata.warnings),
        markdown.table(("Seconds", "Emotion", "Evidence"), timeline),
        markdown.table(("Corrected", "To", "From", "By", "At"), _corrections(metadata)),
        f"To correct it: `sightline correct-session {stored.patient}/{stored.session} --emotion …`"
        + (f", or [this form]({form})." if form else "."),
        markdown.table(("Seconds", "Sound", "Prosody"), sounds) if sounds else "",
        f"The voice: {figures}." if (figures := _figures(voice.prosody)) else "",
        _transcript(metadata),
        f"> In English: {markdown.escape(metadata.translation)}" if metadata.translation else "",
        "\n".join(f"- {name}: `{uri}`" for name, uri in files.items() if uri),
    )


def _facts(metadata: Metadata) -> str:
    """Return when the video was recorded, and from which file the words are."""
    recorded, file = metadata.recorded, metadata.transcript_file
    when = f"Recorded {recorded.text}, by the {recorded.source}" if recorded else ""
    if recorded and recorded.source == "given":
        when = f"Recorded {recorded.text}, as stated"
    if recorded and recorded.zone == "assumed" and recorded.precision == "second":
        when += "; the time zone is assumed"
    words = f"The words are those of `{file.uri}`, {file.found}" if file else ""
    return " ".join(f"{sentence}." for sentence in (when, words) if sentence)


def _corrections(metadata: Metadata) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            correction.place + (f": {markdown.escape(correction.note)}" if correction.note else ""),
            correction.emotion,
            correction.earlier_emotion,
            markdown.escape(correction.by),
            f"{correction.at:%Y-%m-%d %H:%M} UTC",
        )
        for correction in metadata.corrections
    ]


def _figures(prosody: Prosody) -> str:
    """Return the figures of a voice that a person can judge; what is undefined is left out."""
    texts = {
        "pitch {:.0f} Hz": prosody.pitch_median_hz,
        "range {:.1f} semitones": prosody.pitch_range_semitones,
        "loudness {:+.1f} dB": prosody.loudness_relative_db,
        "{:.1f} syllables/s": prosody.rate_syllables_per_second,
        "harmonics {:.0f} dB over noise": prosody.harmonics_to_noise_db,
    }
    return ", ".join(text.format(value) for text, value in texts.items() if value is not None)


def _transcript(metadata: Metadata) -> str:
    """Return the transcript, with a paragraph for every turn if the speakers were told apart."""
    if metadata.voices is None or not metadata.segments:
        return f"> {markdown.escape(metadata.transcription) or 'No speech was transcribed.'}"
    voice = metadata.attribution.voice if metadata.attribution else None
    patient = voice.number if voice else None
    lines = []
    for speaker, turn in groupby(metadata.segments, key=lambda segment: segment.speaker):
        name = "Unknown voice" if speaker is None else f"Voice {speaker}"
        theirs = " (the patient)" if speaker is not None and speaker == patient else ""
        lines.append(f"> **{name}{theirs}:** {markdown.escape(' '.join(segment.text for segment in turn))}")
    return "\n>\n".join(lines)


def prediction_page(stored: StoredSession, prediction: Prediction) -> str:
    """Return a page about a predicted session: the probabilities, and why a person should check it."""
    probabilities = sorted(prediction.probabilities.items(), key=lambda pair: -pair[1])
    reasons = "\n".join(f"- {reason}" for reason in prediction.review)
    return markdown.page(
        f"# {markdown.escape(stored.patient)}: {markdown.escape(stored.session)} is predicted {prediction.emotion}",
        f"The transcript indicates {stored.emotion}. {prediction.model} predicts {prediction.emotion} with a "
        f"confidence of {prediction.confidence:.2f}; its threshold is {prediction.threshold:g}.",
        f"**Warning:** {trained_on_note(prediction)}." if prediction.trained_on else "",
        markdown.table(
            ("emotion", "probability"), [(emotion, f"{probability:.3f}") for emotion, probability in probabilities]
        ),
        f"**A person should review this session:**\n\n{reasons}" if reasons else "",
        f"- Annotated video: `{stored.annotated_video}`\n- Metadata: `{stored.metadata_file}`",
    )


def trained_on_note(prediction: Prediction) -> str:
    """Return what a person should know about a prediction for a session of the training data."""
    return (
        f"{prediction.model} was trained on this session: that it recognises it says nothing about how well it predicts"
    )


def review_alert(stored: StoredSession, prediction: Prediction) -> Alert | None:
    """Return the alert about a session that a person should review; None if no review is needed.

    The key does not depend on the run: the same prediction by the same version is the same event.
    """
    if not prediction.review:
        return None
    return Alert(
        key=f"{stored.sha256} {prediction.model} {prediction.threshold:g}",
        title=f"{stored.patient}: session {stored.session} needs a review",
        facts={
            "patient": stored.patient,
            "session": stored.session,
            "transcript": stored.emotion,
            "prediction": f"{prediction.emotion}, confidence {prediction.confidence:.2f}, by {prediction.model}",
            "why": "; ".join(prediction.review),
            **({"warning": trained_on_note(prediction)} if prediction.trained_on else {}),
            "video": stored.annotated_video,
            "metadata": stored.metadata_file,
        },
        at=prediction.predicted_at,
    )
